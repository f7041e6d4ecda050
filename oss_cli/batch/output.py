"""The file that a batch writes to: records are added one by one, and a batch that was broken off goes on.

Beside it stands a small file, its name with `.state` behind: what the records belong to (the input, the model, the
options), so that nothing else is ever mixed in. Knows nothing of models, and of records only where their ids are.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from oss_cli.errors import BadUsage, CannotWrite, OutputFailed

_VERSION = 1


@dataclass(frozen=True, slots=True)
class BatchState:
    """What the records of a file belong to."""

    facts: Mapping[str, object]
    """JSON values by name; a batch that goes on must have the same."""
    date: str
    """The date that the model is told: that of the beginning, so that midnight changes no prompt."""


class OutputFile:
    """Records on the disk. Make it with `open_output`, and close it."""

    def __init__(
        self, path: Path, file: FileIO, state: BatchState, finished: dict[str, bool], *, goes_on: bool
    ) -> None:
        self._path = path
        self._file = file
        self.state = state
        self.goes_on = goes_on
        """Whether the same batch can go on with it another time: it is no pipe and no device."""
        self.finished = finished
        """The keys of the entries that had a record when the file was opened, and whether it tells of an error."""

    def add(self, record: str) -> None:
        """Write a record; it survives whatever becomes of this process.

        Raises:
            OutputFailed: it cannot be written.
        """
        data = record.encode()
        try:
            while data:
                data = data[self._file.write(data) or 0 :]
        except OSError as error:
            raise OutputFailed(error.strerror or str(error)) from error

    def count_records(self) -> int:
        """How many whole records the file has: who was interrupted between writing one and counting it asks here.

        Raises:
            CannotWrite: it cannot be read any more.
        """
        try:
            return self._path.read_bytes().count(b"\n")
        except OSError as error:
            raise CannotWrite(self._path, error, verb="read") from error

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()


def open_output(path: Path, state: BatchState, *, restarts: bool) -> OutputFile:
    """A file for records: a new one, or one of the same batch to go on with, whose torn last line is cut off.

    restarts: throw away what is there.

    Raises:
        BadUsage: it holds something else, or records of another batch.
        CannotWrite: it, or the file beside it, cannot be written.
    """
    beside = path.with_name(path.name + ".state")
    try:
        if path.exists() and not path.is_file():
            return OutputFile(path, path.open("wb", buffering=0), state, {}, goes_on=False)
        if restarts:
            path.unlink(missing_ok=True)
        finished: dict[str, bool] = {}
        if path.exists() and path.stat().st_size > 0:
            state = _check_state(path, beside, state)
            finished = _read_finished(path)
        else:
            _write_state(beside, state)
        return OutputFile(path, path.open("ab", buffering=0), state, finished, goes_on=True)
    except OSError as error:
        raise CannotWrite(error.filename or path, error) from error


def _check_state(path: Path, beside: Path, state: BatchState) -> BatchState:
    """The state that the file's batch began with."""
    try:
        known = json.loads(beside.read_text("utf-8"))
        facts, date = known["facts"], known["date"]
        is_ours = known["version"] == _VERSION and isinstance(facts, dict) and isinstance(date, str)
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        is_ours, facts, date = False, {}, ""
    if not is_ours:
        cause = f"{beside.name}, which would say what its records belong to, is not beside it or not ours"
        raise _refused(f"{path} is there already", cause)
    wanted = json.loads(json.dumps(dict(state.facts)))
    changes = [
        f"{name} was {_shown(facts.get(name))}, is {_shown(wanted.get(name))}"
        for name in sorted({*facts, *wanted})
        if facts.get(name) != wanted.get(name)
    ]
    if changes:
        raise _refused(f"{path} belongs to another batch", "\n".join(changes))
    return BatchState(state.facts, date)


def _refused(message: str, cause: str) -> BadUsage:
    return BadUsage(message, cause=cause, hint="take another file, or throw away what is there: --restart")


def _shown(value: object) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _read_finished(path: Path) -> dict[str, bool]:
    """The keys of the records, and whether each tells of an error; a line without an end is cut off the file."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with path.open("r+b") as file:
            file.truncate(whole)
    finished: dict[str, bool] = {}
    for number, line in enumerate(data[:whole].splitlines(), 1):
        try:
            record = json.loads(line)
            key = record["custom_id"] if "custom_id" in record else record["id"]
            finished[str(key)] = record["error"] is not None
        except (ValueError, LookupError, TypeError) as error:
            raise _refused(f"{path} cannot be gone on with", f"line {number} is not a record of a batch") from error
    return finished


def _write_state(path: Path, state: BatchState) -> None:
    """Whole or not at all."""
    value = {"version": _VERSION, "date": state.date, "facts": dict(state.facts)}
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
        new.replace(path)
    finally:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
