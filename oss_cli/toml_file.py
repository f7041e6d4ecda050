"""A TOML file of the user's own, changed value by value: comments, order and what we do not know stay as they are.

Owns tomlkit (24 ms; loaded by the commands that change a file, never to read one). Knows no setting and no model.
"""

import os
import tomllib
import uuid
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from oss_cli.errors import BadSettings, CannotWrite
from oss_cli.own_text import read_own_text

Value = str | int | float | bool | list[str]


class TomlFile:
    """The file as it was read, and the changes that `save` will write."""

    def __init__(self, path: Path, *, beginning: str = "") -> None:
        """Read it.

        beginning: the text that a file which does not exist yet begins with.

        Raises:
            BadSettings: it is there, but cannot be read or is not TOML.
        """
        self._path = path
        try:
            text = read_own_text(path)
        except FileNotFoundError:
            text = beginning
        except OSError as error:
            raise BadSettings(f"{path} cannot be read", cause=error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            raise BadSettings(f"{path} cannot be read", cause=str(error)) from error
        try:
            # tomlkit accepts a little more than the standard library, which is what reads the file afterwards.
            tomllib.loads(text)
            self._document = tomlkit.parse(text)
        except (tomllib.TOMLDecodeError, TOMLKitError) as error:
            raise BadSettings(f"{path} cannot be read", cause=str(error)) from error

    def get(self, *keys: str) -> object:
        """The value there, or None."""
        table: object = self._document.unwrap()
        for key in keys:
            if not isinstance(table, dict):
                return None
            table = table.get(key)
        return table

    def set(self, *keys: str, value: Value) -> None:
        """Set a value; the tables on the way to it are made where they are missing.

        Raises:
            BadSettings: something that is no table stands in the way.
        """
        *tables, last = keys
        table: MutableMapping[str, Any] = self._document
        for key in tables:
            inner = table.get(key)
            if inner is None:
                table[key] = tomlkit.table()
                inner = table[key]
            if not isinstance(inner, MutableMapping):
                raise BadSettings(f"{self._path} cannot be changed", cause=f"{key} in it is no table")
            table = inner
        table[last] = value

    def remove(self, *keys: str) -> bool:
        """Take a value away, and the tables that are empty without it; whether it was there."""
        if self.get(*keys) is None:
            return False
        for depth in range(len(keys), 0, -1):
            if depth < len(keys) and self.get(*keys[:depth]):
                break
            table = self._document
            for key in keys[: depth - 1]:
                table = table[key]  # a table, every one of them: `get` has walked them
            del table[keys[depth - 1]]
        return True

    def text(self) -> str:
        """What `save` would write."""
        return tomlkit.dumps(self._document)

    def save(self) -> None:
        """Put it in the place of the old one, whole or not at all; it stays readable by its owner alone.

        Raises:
            CannotWrite: the system refuses.
        """
        text = self.text()
        assert tomllib.loads(text) == self._document.unwrap(), "what is written must read as what was meant"
        write_privately(self._path, text)


def write_toml(values: Mapping[str, object]) -> str:
    """A new TOML text that a person can edit: texts of several lines stand as such, tables come last.

    values: by their keys; a mapping becomes a table.
    """
    document = tomlkit.document()
    for key, value in values.items():
        if not isinstance(value, Mapping):
            document[key] = _readable(value)
    for key, value in values.items():
        if isinstance(value, Mapping):
            table = tomlkit.table()
            for name, one in value.items():
                table[name] = _readable(one)
            document[key] = table
    text = tomlkit.dumps(document)
    assert tomllib.loads(text) == values, "what is written must read as what was meant"
    return text


def _readable(value: object) -> object:
    if not isinstance(value, str) or "\n" not in value or "\r" in value:
        return value
    spelled = tomlkit.string(value, multiline=True).as_string()
    begun = f'"""\n{spelled[3:]}'  # the first line feed is none of the text's
    return next((item for item in map(_parsed, (begun, spelled)) if item == value), value)


def _parsed(spelled: str) -> object:
    return tomlkit.parse(f"text = {spelled}\n")["text"]


def write_privately(path: Path, text: str) -> None:
    """Put a text in the place of a file, whole or not at all, readable by its owner alone. Links are followed.

    Raises:
        CannotWrite: the system refuses.
    """
    target = path.resolve()  # people keep their settings elsewhere and link to them
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CannotWrite(path, error) from error
