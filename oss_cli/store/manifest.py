"""What `oss` has brought to this computer: under which name, from which commit, which bytes. A small JSON of our own.

With it a name is found without asking anybody and without looking through the cache, keeps its meaning when a branch
moves, and files have a SHA-256 to be held against. It knows what was brought, not what is still there.

    {"version": 1,
     "models": {"gpt-oss-20b": {"repository": …, "commit": …, "files": [{"path", "bytes", "mtime_ns", "sha256"}], …}},
     "begun":  the same, of downloads that are not at their end}

A file that is damaged counts as empty, one that a newer `oss` wrote as well; the latter is left as it is.
"""

import contextlib
import json
import os
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from oss_cli.errors import CannotWrite
from oss_cli.plan import ModelShape

_VERSION = 1
_COMMIT_LETTERS = 7
_KEPT = re.compile(r"(.+)@[0-9a-f]{7}")


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file, as it was when it was verified."""

    path: str
    """Inside its repository, with slashes; of an imported one, its name in our models folder."""
    bytes: int
    sha256: str
    mtime_ns: int = 0
    """When it was last written to; 0: not known."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a name means on this computer."""

    name: str
    files: tuple[RecordedFile, ...]
    """In order: of a split model, its parts."""
    repository: str = ""
    """Empty: imported into our models folder."""
    commit: str = ""
    cache: str = ""
    """The folder of the Hugging Face cache that it was put into."""
    also: str = ""
    """The shorter name that it was asked for by: "org/repo"."""
    shape: ModelShape | None = None
    """None: its header has none that we can read."""

    @property
    def hashes(self) -> frozenset[str]:
        """The SHA-256 of every file."""
        return frozenset(file.sha256 for file in self.files)

    @property
    def kept_name(self) -> str:
        """What it is called once its name means something newer."""
        return f"{self.name}@{self.commit[:_COMMIT_LETTERS]}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """All records; the last one made is the last."""

    models: Mapping[str, Record] = field(default_factory=dict)
    """By name, in lower case."""
    begun: Mapping[str, Record] = field(default_factory=dict)
    """Downloads that are not at their end, by name."""

    def find(self, name: str) -> Record | None:
        """What a name means."""
        return self.models.get(name.lower())

    def find_begun(self, name: str) -> Record | None:
        """A download that is not at its end, by its name, or the last one that was asked for by that short name."""
        short = [record for record in self.begun.values() if record.also.lower() == name.lower()]
        return self.begun.get(name.lower()) or (short[-1] if short else None)

    def of_repository(self, repository: str) -> list[Record]:
        """What came from a repository, the last first; without what was kept by an update."""
        found = [record for record in self.models.values() if record.repository.lower() == repository.lower()]
        return [record for record in reversed(found) if kept_from(record.name) is None]

    def with_begun(self, record: Record) -> "Manifest":
        """A download begins."""
        return replace(self, begun={**self.begun, record.name.lower(): record})

    def with_model(self, record: Record, *, older: Record | None = None) -> "Manifest":
        """A model is here, whole and verified; its name means it from now on.

        older: what the name meant until now; if it is made of other bytes, it is kept under a name of its own.
        """
        models = {
            key: replace(other, also="") if record.also and other.also == record.also else other
            for key, other in self.models.items()
            if key != record.name.lower() and not (kept_from(key) == record.name.lower() and _same(other, record))
        }
        if older is not None and not _same(older, record):
            models[older.kept_name.lower()] = replace(older, name=older.kept_name, also="")
        return Manifest({**models, record.name.lower(): record}, _without(self.begun, record.name))

    def without(self, name: str) -> "Manifest":
        """A model was removed: what an update kept of it, the last first, has its name again."""
        models = _without(self.models, name)
        kept = [record for record in models.values() if kept_from(record.name.lower()) == name.lower()]
        if kept:
            models = _without(models, kept[-1].name)
            models[name.lower()] = replace(kept[-1], name=name)
        return Manifest(models, _without(self.begun, name))

    def only(self, is_here: Callable[[Record], bool]) -> "Manifest":
        """Without what is no longer here."""
        kept = ({key: one for key, one in some.items() if is_here(one)} for some in (self.models, self.begun))
        return Manifest(*kept)


def kept_from(name: str) -> str | None:
    """The name that a file had before an update took it: "tiny" of "tiny@1a2b3c4"; None: it is no such name."""
    found = _KEPT.fullmatch(name)
    return found[1] if found else None


def read_manifest(file: Path) -> Manifest:
    """The manifest as it is on disk; an empty one where nothing of use is there."""
    try:
        values: Any = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return Manifest()
    if not isinstance(values, dict) or values.get("version") != _VERSION:
        return Manifest()
    return Manifest(_read_records(values.get("models")), _read_records(values.get("begun")))


def change_manifest(file: Path, change: Callable[[Manifest], Manifest]) -> Manifest:
    """Read, change and write the manifest while no other process does; what it is now.

    Raises:
        CannotWrite: the system refuses, or a newer `oss` wrote it.
    """
    # filelock takes 64 ms, and those who only read need none
    from oss_cli.store.locks import hold

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with hold(file.with_name(f"{file.name}.lock")):
            before = read_manifest(file)
            after = change(before)
            if after != before:
                _refuse_newer(file)
                _write(file, after)
    except OSError as error:
        raise CannotWrite(file, error) from error
    return after


def _same(one: Record, other: Record) -> bool:
    return one.hashes == other.hashes


def _without(records: Mapping[str, Record], name: str) -> dict[str, Record]:
    return {key: record for key, record in records.items() if key != name.lower()}


def _read_records(values: object) -> dict[str, Record]:
    """Those that can be read."""
    records = {}
    for name, value in values.items() if isinstance(values, dict) else ():
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            records[name.lower()] = _read_record(name, value)
    return records


def _read_record(name: str, value: Mapping[str, Any]) -> Record:
    files = tuple(
        RecordedFile(str(one["path"]), int(one["bytes"]), str(one["sha256"]), int(one["mtime_ns"]))
        for one in value["files"]
    )
    if not files:
        raise ValueError("no file")
    texts = {key: str(value[key]) for key in ("repository", "commit", "cache", "also")}
    shape = value["shape"]
    if shape is not None:
        shape = ModelShape(**{**shape, "window_pattern": tuple(shape["window_pattern"])})
    return Record(name, files, shape=shape, **texts)


def _write(file: Path, manifest: Manifest) -> None:
    values = {
        "version": _VERSION,
        "models": _values(manifest.models.values()),
        "begun": _values(manifest.begun.values()),
    }
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as new:
            new.write(json.dumps(values, indent=1, ensure_ascii=False) + "\n")
            new.flush()
            os.fsync(new.fileno())
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _values(records: Iterable[Record]) -> dict[str, object]:
    return {record.name: {key: value for key, value in asdict(record).items() if key != "name"} for record in records}


def _refuse_newer(file: Path) -> None:
    """And one that cannot be read: what is in it would be lost."""
    try:
        version = json.loads(file.read_text("utf-8"))["version"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return
    if isinstance(version, int) and version > _VERSION:
        raise OSError(f"a newer oss wrote it (version {version})")
