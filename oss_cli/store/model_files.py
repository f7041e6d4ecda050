"""The files that make up one model: a GGUF, or all parts of a split one, by their names. Reads no content."""

import glob
import re
from dataclasses import dataclass
from pathlib import Path

from oss_cli.store.at_path import bytes_at, found_in, is_file

_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")  # llama.cpp, llama_split_path


@dataclass(frozen=True, slots=True)
class Part:
    """What the name of a split model's file says."""

    stem: str
    number: int
    """From 1."""
    count: int


def part_of(path: Path) -> Part | None:
    """Which part of a split model a file is, by its name; None: of none."""
    part = _PART.fullmatch(path.name)
    return Part(part[1], int(part[2]), int(part[3])) if part is not None else None


def own_name(path: Path) -> str:
    """What a file of our models folder is called: without `.gguf`, and without the number of its part."""
    part = _PART.fullmatch(path.name)
    return part[1] if part else path.stem


def model_files(path: Path) -> tuple[Path, ...]:
    """All files of a model: of a split one, the parts that are here, in order."""
    return tuple(sorted(_parts(path)))


def model_bytes(path: Path) -> int:
    """Size of a model's file on disk, all parts of a split one together; 0 for what is not there."""
    return sum(bytes_at(part) or 0 for part in _parts(path))


def is_whole(path: Path) -> bool:
    """Whether it is a model's file, or the first part of a split one whose parts are all here."""
    part = _PART.fullmatch(path.name)
    if part is None:
        return is_file(path)
    return int(part[2]) == 1 and sum(is_file(found) for found in _parts(path)) == int(part[3])


def has_size(path: Path, expected_bytes: int) -> bool:
    """Whether a file is there in that size."""
    return bytes_at(path) == expected_bytes


def _parts(first: Path) -> list[Path]:
    """The parts that are here of the split model that a file begins; else the file itself."""
    part = _PART.fullmatch(first.name)
    if part is None or int(part[2]) != 1:
        return [first]
    return found_in(first.parent, f"{glob.escape(part[1])}-[0-9][0-9][0-9][0-9][0-9]-of-{part[3]}.gguf")
