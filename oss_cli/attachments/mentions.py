"""`@path` in a message. Looks at names on the disk, reads no file."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from oss_cli.attachments.finding import expand_home

# A mention begins a word; an `@` inside one is an address. After `@`: a name in quotes, or what comes up to a blank.
_MENTION = re.compile(r"""(?<![^\s(\[{<"'“‘«])@(?:"([^"\n]+)"|([^\s"@][^\s"]*))""")
_AFTER_A_NAME = ".,;:!?)]}>'”’»…"


@dataclass(frozen=True, slots=True)
class Mention:
    """A file that a message mentions."""

    text: str
    """As it stands in the message, with its `@`."""
    path: Path


@dataclass(frozen=True, slots=True)
class Mentions:
    """What a message mentions."""

    files: tuple[Mention, ...]
    """Each once, in order."""
    notices: tuple[str, ...]
    """A sentence for each `@` that looks like a path and names no file."""


def find_mentions(text: str) -> Mentions:
    """The files that a message mentions as `@path` or `@"path with blanks"`.

    A full stop, a bracket or the like after a name belongs to it only if there is such a file.
    """
    files: dict[Path, Mention] = {}
    notices: dict[str, None] = {}
    for match in _MENTION.finditer(text):
        quoted, bare = match.groups()
        names = [quoted] if quoted else _without_what_follows(bare)
        name = next((one for one in names if _is_file(one)), None)
        if name is not None:
            mark = f'@"{name}"' if quoted else f"@{name}"
            files.setdefault(expand_home(name), Mention(mark, expand_home(name)))
        elif notice := _notice(names[-1]):
            notices[notice] = None
    return Mentions(tuple(files.values()), tuple(notices))


def without_mentions_of(text: str, others: Iterable[str]) -> str:
    """The text in which what is mentioned in other texts too is no mention: its `@` is left out."""
    mentioned = {_name(match) for other in others for match in _MENTION.finditer(other)}
    return _MENTION.sub(lambda match: match[0][1:] if _name(match) in mentioned else match[0], text)


def _name(match: re.Match[str]) -> str:
    quoted, bare = match.groups()
    return quoted or bare.rstrip(_AFTER_A_NAME)


def _without_what_follows(word: str) -> list[str]:
    """The word, and the word with fewer and fewer of the marks at its end."""
    shortest = word.rstrip(_AFTER_A_NAME)
    return [word[:length] for length in range(len(word), max(len(shortest), 1) - 1, -1)]


def _is_file(name: str) -> bool:
    try:
        return expand_home(name).is_file()
    except OSError:  # too long for a name
        return False


def _notice(name: str) -> str:
    """What to tell about a mention of no file; empty if it does not look like a path."""
    path = expand_home(name)
    try:
        if path.is_dir():
            return f"@{name} is a folder: /file attaches what is in it" if _looks_like_a_path(name) else ""
        if path.exists():
            return f"@{name} is no ordinary file: nothing is attached"
        is_near = _looks_like_a_path(name) and path.parent.is_dir()
    except OSError:
        return ""
    return f"@{name} is no file here: nothing is attached" if is_near else ""


def _looks_like_a_path(name: str) -> bool:
    return ("/" in name or os.sep in name or "." in name) and any(map(str.isalnum, name))
