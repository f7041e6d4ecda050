"""What a holder writes about itself: who it is, what it holds, and where it is asked. Knows nothing of files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from oss_cli.conversation.json_form import Fields, Unfit, as_whole, sampling_from_json, sampling_to_json
from oss_cli.conversation.options import SamplingOptions
from oss_cli.holders.wanted import Wanted, wanted_from_json


class HolderState(StrEnum):
    """How far a holder is."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    """It has ended; its record says why."""


@dataclass(frozen=True, slots=True)
class HeldFacts:
    """What is known of a model once it is loaded."""

    sha256: str
    """Of its (first) file; empty where nobody knows it."""
    is_plain: bool
    """Whether the model knows no conversations and only goes on with a text."""
    sampling: SamplingOptions
    """What decides where a request does not."""
    context_tokens: int
    engine_version: str
    """Of llama-cpp-python; empty when it does not say."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a holder is asked: on a Unix socket beside its record, else on a port of the loopback."""

    port: int
    """0: on the socket."""
    token: str
    """What every request must bring; who has it may read the record, and so is this user."""


@dataclass(frozen=True, slots=True)
class HolderRecord:
    """A holder as it describes itself."""

    wanted: Wanted
    pid: int
    started: float
    """In seconds since 1970."""
    state: HolderState
    share: float = 0.0
    """Of the model that is loaded."""
    address: Address | None = None
    """Once it is ready; the facts as well."""
    facts: HeldFacts | None = None
    error: Mapping[str, object] | None = None
    """Why it has failed: an error of ours as `conversation/wire_form.py` has it."""

    @property
    def key(self) -> str:
        """By which it is found."""
        return self.wanted.key

    @property
    def name(self) -> str:
        """The model's."""
        return self.wanted.name


def record_to_text(record: HolderRecord) -> str:
    """As JSON."""
    address, facts = record.address, record.facts
    value = {
        "wanted": record.wanted.to_json(),
        "pid": record.pid,
        "started": record.started,
        "state": record.state,
        "share": record.share,
        "address": {"port": address.port, "token": address.token} if address is not None else None,
        "facts": {
            "sha256": facts.sha256,
            "is_plain": facts.is_plain,
            "sampling": sampling_to_json(facts.sampling),
            "context_tokens": facts.context_tokens,
            "engine_version": facts.engine_version,
        }
        if facts is not None
        else None,
        "error": dict(record.error) if record.error is not None else None,
    }
    return json.dumps(value) + "\n"


def record_from_text(text: str) -> HolderRecord | None:
    """The reverse of `record_to_text`; None: it is no record, or another version's."""
    try:
        return _record(Fields(json.loads(text), ""))
    except (ValueError, RecursionError):  # Unfit is one, JSON's own error as well
        return None


def _record(given: Fields) -> HolderRecord:
    state, wanted = given.one_of("state", HolderState), given.part("wanted", wanted_from_json)
    error = given.take("error")
    if state is None or wanted is None or not (error is None or isinstance(error, dict)):
        raise Unfit("", "is no record of a holder")
    return HolderRecord(
        wanted, given.whole("pid"), given.number("started"), state, given.number("share"),
        given.part("address", _address), given.part("facts", _facts), error,
    )  # fmt: skip


def _address(value: object, place: str) -> Address:
    given = Fields(value, place)
    return Address(given.whole("port"), given.text("token"))


def _facts(value: object, place: str) -> HeldFacts:
    given = Fields(value, place)
    return HeldFacts(
        given.text("sha256"),
        given.take("is_plain") is True,
        given.part("sampling", sampling_from_json) or SamplingOptions(),
        as_whole(given.take("context_tokens"), given.at("context_tokens")),
        given.text("engine_version"),
    )
