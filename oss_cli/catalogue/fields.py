"""Typed reading of a TOML table: every complaint names the file, the entry and the field. Knows no model."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oss_cli.errors import BadCatalogue

_WORDS: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a models.toml."""

    path: Path
    """The file that is to blame."""
    entry: str
    """The model's name, or the section; empty at the top of the file."""
    values: dict[str, Any]
    prefix: str = ""
    """Where in the entry this table is: "shape.", "files[0]."."""

    def bad(self, field: str, problem: str) -> BadCatalogue:
        """The error for one field of this table."""
        return BadCatalogue(self.path, entry=self.entry, field=f"{self.prefix}{field}", problem=problem)

    def check_fields(self, known: Iterable[str]) -> None:
        """Refuse fields that have no meaning here.

        Raises:
            BadCatalogue: there is one; names the nearest that has.
        """
        known = tuple(known)
        for field in self.values:
            if field in known:
                continue
            # Only after a mistake: importing it takes 0.8 ms, which every start would pay.
            from difflib import get_close_matches

            nearest = get_close_matches(field, known, n=1, cutoff=0.5)
            raise self.bad(field, f"unknown; did you mean {nearest[0]}?" if nearest else f"unknown; {_listed(known)}")

    def text(self, field: str, default: str = "") -> str:
        """A text that is not empty, or the default."""
        value: str = self._value(field, str, default)
        if field in self.values and not value.strip():
            raise self.bad(field, "is empty")
        return value

    def flag(self, field: str) -> bool:
        """True or false; missing is false."""
        value: bool = self._value(field, bool, False)
        return value

    def whole(self, field: str, *, least: int, most: int = 2**53) -> int | None:
        """A whole number within bounds, or None."""
        value: int | None = self._value(field, int, None)
        self._check_bounds(field, value, least, most)
        return value

    def number(self, field: str, *, least: float, most: float) -> float | None:
        """A number within bounds, or None."""
        value: float | None = self._value(field, float, None)
        self._check_bounds(field, value, least, most)
        return value if value is None else float(value)

    def texts(self, field: str) -> tuple[str, ...] | None:
        """A list of texts that are not empty, or None."""
        return self._list(field, str)

    def flags(self, field: str) -> tuple[bool, ...] | None:
        """A list of true and false, or None."""
        return self._list(field, bool)

    def table(self, field: str) -> "Table | None":
        """A table inside this one, or None."""
        values: dict[str, Any] | None = self._value(field, dict, None)
        return values if values is None else Table(self.path, self.entry, values, f"{self.prefix}{field}.")

    def tables(self, field: str) -> list["Table"]:
        """A list of tables; missing is empty."""
        items: tuple[dict[str, Any], ...] = self._list(field, dict) or ()
        return [Table(self.path, self.entry, item, f"{self.prefix}{field}[{i}].") for i, item in enumerate(items)]

    def _list(self, field: str, kind: type) -> tuple[Any, ...] | None:
        items: list[Any] | None = self._value(field, list, None)
        if items is None:
            return None
        for index, item in enumerate(items):
            self._check_type(f"{field}[{index}]", item, kind)
            if kind is str and not item.strip():
                raise self.bad(f"{field}[{index}]", "is empty")
        return tuple(items)

    def _value(self, field: str, kind: type, default: Any) -> Any:  # noqa: ANN401 - callers narrow it
        if field not in self.values:
            return default
        value = self.values[field]
        self._check_type(field, value, kind)
        return value

    def _check_type(self, field: str, value: object, kind: type) -> None:
        # In Python true is a number, in a catalogue it is not.
        fits = type(value) in (int, float) if kind is float else type(value) is kind
        if not fits:
            raise self.bad(field, f"needs {_WORDS[kind]}, not {_shown(value)}")

    def _check_bounds(self, field: str, value: float | None, least: float, most: float) -> None:
        # The form of the comparison also refuses nan.
        if value is None or least <= value <= most:
            return
        bounds = f"from {least:,} to {most:,}" if most < 2**53 else f"of at least {least:,}"
        raise self.bad(field, f"needs a number {bounds}, not {_shown(value)}")


def _listed(known: tuple[str, ...]) -> str:
    return f"known here: {', '.join(known)}"


def _shown(value: object) -> str:
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    if isinstance(value, list | dict):
        return _WORDS[type(value)]
    return shown if len(shown) <= 40 else f"{shown[:37]}..."
