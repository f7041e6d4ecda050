"""Which model is wanted in memory, and loaded how: what a holder must be to do. Plain values; reads nothing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from oss_cli.conversation.json_form import Fields, Unfit

PROTOCOL = "2"
"""Of what goes between a holder and those who ask it (`conversation/wire_form.py`, `server/held.py`)."""

STAMP_MEANINGS = {
    "protocol": "it is of another version of oss",
    "version": "it is of another version of oss",
    "build": "it has another build of llama.cpp",
    "file": "the model's file has changed since",
    "catalogue": "models.toml has changed since",
}
"""What a holder may differ in from what is wanted, and what that means; the first that applies is told."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model, and how it is loaded."""

    name: str
    asked: str
    """By what name or path it is found again, from any folder."""
    path: str
    """Of its (first) file, links followed."""
    load: Mapping[str, int | str | bool]
    """The settings that decide how it is loaded, by name; those that nobody has decided are not there."""
    stamp: Mapping[str, str]
    """Everything else that the same reply depends on: see `STAMP_MEANINGS`."""

    @property
    def key(self) -> str:
        """One model file loaded in one way has one holder."""
        text = json.dumps([self.path, dict(self.load)], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def differs(self, stamp: Mapping[str, str]) -> str:
        """Why a holder with this stamp will not do, in words; empty: it will."""
        names = [name for name in STAMP_MEANINGS if stamp.get(name) != self.stamp.get(name)]
        return STAMP_MEANINGS[names[0]] if names else ""

    def to_json(self) -> dict[str, object]:
        """As an object."""
        return {
            "name": self.name, "asked": self.asked, "path": self.path, "load": dict(self.load),
            "stamp": dict(self.stamp),
        }  # fmt: skip


def wanted_from_json(value: object, place: str = "") -> Wanted:
    """The reverse of `Wanted.to_json`; raises Unfit."""
    given = Fields(value, place)
    return Wanted(
        given.text("name"), given.text("asked"), given.text("path"),
        _values(given.take("load"), given.at("load")),
        {name: str(one) for name, one in _values(given.take("stamp"), given.at("stamp")).items()},
    )  # fmt: skip


def _values(value: object, place: str) -> dict[str, int | str | bool]:
    if not isinstance(value, dict) or not all(isinstance(one, (int, str)) for one in value.values()):
        raise Unfit(place, "must be an object of numbers and texts")
    return value
