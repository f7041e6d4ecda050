"""What a repository on the Hub holds, as plain values. Asks nobody."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# Windows; a name stays reserved with any ending. Source: "Naming Files, Paths, and Namespaces", Microsoft.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
_FORBIDDEN = frozenset('/\\:*?"<>|')
_LONGEST_NAME_BYTES = 255  # of Linux's file systems; Windows and macOS count characters
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository."""

    path: str
    """Inside the repository, with slashes."""
    bytes: int
    sha256: str
    """64 hexadecimal digits; empty where the Hub gives none (small files that Git itself keeps)."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All files of a repository at one commit."""

    repository: str
    commit: str
    files: tuple[RemoteFile, ...]

    def by_sha256(self, sha256: str) -> RemoteFile | None:
        """The file with these bytes, whatever it is called."""
        return next((file for file in self.files if file.sha256 == sha256), None)

    def by_path(self, path: str) -> RemoteFile | None:
        """The file at a path."""
        return next((file for file in self.files if file.path == path), None)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the bytes of a file can be read for a while, and what to say there."""

    url: str
    headers: Mapping[str, str]


def is_repository_name(text: str) -> bool:
    """Whether it has the form of "organisation/name"; such a name is safe in a path."""
    return _REPOSITORY.fullmatch(text) is not None and ".." not in text


def is_commit(text: str) -> bool:
    """Whether it is a commit's name, safe in a path."""
    return _COMMIT.fullmatch(text) is not None


def is_sha256(text: str) -> bool:
    """Whether it is a SHA-256 in lower case, safe in a path."""
    return _SHA256.fullmatch(text) is not None


def is_safe_path(path: str) -> bool:
    """Whether a path stays inside the folder that it is joined to, and can be written and shown on any system."""
    return all(is_safe_name(part) for part in path.split("/"))


def is_safe_name(name: str) -> bool:
    """Whether every system can have a file of that name, and every terminal show it."""
    return (
        name.isprintable()
        and not set(name) & _FORBIDDEN
        and name.rstrip(". ") == name != ""
        and _RESERVED.fullmatch(name.partition(".")[0].rstrip()) is None
        and len(name.encode()) <= _LONGEST_NAME_BYTES
    )
