"""What was typed after `/file` → the files that it names. Reads no file."""

import fnmatch
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from oss_cli.errors import BadUsage

MOST_FILES = 2000
"""A folder with more is not what somebody meant to attach."""

_MACHINE_MADE = {"node_modules", "bower_components", "__pycache__", "site-packages"}
_MADE_BY_A_TOOL = ("CACHEDIR.TAG", "pyvenv.cfg")  # tools put these into what they can make again: bford.info/cachedir
_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to attach."""

    path: Path
    is_named: bool
    """Whether the user named this one; else it comes out of a folder or a pattern, and may be left out."""


def find_files(argument: str) -> list[FoundFile]:
    """The files that a list of paths names, each once: files, folders with all that is in them, patterns.

    Inside folders, and where `**` leads, hidden files, symbolic links to folders, and folders that tools can make again
    are left out. Blanks are quoted as in a shell, `~` is the home.

    Raises:
        BadUsage: nothing was named; there is no such file; a folder or a pattern holds none, or more than 2,000.
    """
    names = split_paths(argument)
    if not names:
        raise BadUsage("no file is named", hint="/file PATH…")
    return find_named(names)


def find_named(names: Sequence[str]) -> list[FoundFile]:
    """The same for names that stand each by itself, blanks and all.

    Raises:
        BadUsage: as `find_files`.
    """
    found: dict[str, FoundFile] = {}
    for name in names:
        for one in _find(name):
            found.setdefault(os.path.realpath(one.path), one)
    return list(found.values())


def split_paths(argument: str) -> list[str]:
    """Paths as they stand in a line: blanks separate them, unless quoted; a path with blanks may stand alone.

    Raises:
        BadUsage: a quote has no end.
    """
    if argument and os.path.lexists(expand_home(argument.strip())):
        return [argument.strip()]
    words = shlex.shlex(argument, posix=True, punctuation_chars=False)
    words.whitespace_split, words.commenters = True, ""
    if os.name == "nt":
        words.escape = ""  # a backslash is part of a path there
    try:
        return list(words)
    except ValueError as error:
        raise BadUsage(f"{argument} cannot be read", cause="a quote has no end") from error


def expand_home(name: str) -> Path:
    """A path as typed, with `~` for the home."""
    name = name.replace("\0", "␀")  # no file has a NUL in its name, and every call would fail in its own way
    return Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser fails where a user is not known


def _find(name: str) -> list[FoundFile]:
    path = expand_home(name)
    if _is_folder(path):
        found = _at_most(name, _walk(path))
        if not found:
            raise BadUsage(
                f"{name} holds no file", cause="hidden ones and those that tools can make again do not count"
            )
        return [FoundFile(one, is_named=False) for one in found]
    if os.path.lexists(path) or not _WILDCARD.search(name):
        return [FoundFile(path, is_named=True)]
    found = _at_most(name, _match(path))
    if not found:
        raise BadUsage(f"no file matches {name}")
    return [FoundFile(one, is_named=False) for one in found]


def _at_most(name: str, paths: Iterator[Path]) -> list[Path]:
    found = []
    for path in paths:
        found.append(path)
        if len(found) > MOST_FILES:
            raise BadUsage(f"{name} holds too many files", cause=f"more than {MOST_FILES:,}")
    return found


def _match(pattern: Path) -> Iterator[Path]:
    """The files that a pattern matches; our own walk, because `glob`'s `**` follows links that lead in circles."""
    parts = pattern.parts
    first = next(number for number, part in enumerate(parts) if _WILDCARD.search(part))
    folder, wanted = Path(*parts[:first]), parts[first:]
    depth = None if "**" in wanted else len(wanted)
    hidden = any(part.startswith(".") for part in wanted)
    if not _is_folder(folder):
        return
    for path in _walk(folder, depth=depth, hidden=hidden):
        if _fits(path.relative_to(folder).parts, wanted):
            yield path


def _fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        shown = next((number for number, part in enumerate(parts) if part.startswith(".")), len(parts))
        return any(_fits(parts[number:], wanted[1:]) for number in range(shown + 1))
    if not parts or parts[0].startswith(".") > wanted[0].startswith("."):
        return False
    return fnmatch.fnmatch(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])


def _walk(folder: Path, *, depth: int | None = None, hidden: bool = False) -> Iterator[Path]:
    """Files below a folder, in the order of their names; links to folders are not followed.

    Raises:
        BadUsage: the folder cannot be read. What is inside it and cannot be read is left out.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise BadUsage(f"{folder} cannot be read", cause=error.strerror or str(error)) from error
    for entry in entries:
        if entry.name.startswith(".") and not hidden:
            continue
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            if depth != 1 and not _is_machine_made(path) and os.access(path, os.R_OK | os.X_OK):
                yield from _walk(path, depth=depth and depth - 1, hidden=hidden)
        elif _is_file(entry):
            yield path


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir fails on a name that is too long


def _is_machine_made(folder: Path) -> bool:
    return folder.name in _MACHINE_MADE or any((folder / mark).exists() for mark in _MADE_BY_A_TOOL)


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads in a circle
        return False
