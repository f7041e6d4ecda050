"""What was typed, message by message, on disk for its owner alone. In prompt_toolkit's format; knows no keys.

The comment before a message says what of it was pasted: when it comes back, that is still not typed by hand.
"""

import os
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from prompt_toolkit.history import History

from oss_cli.repl.prompt.not_typed import NotTyped
from oss_cli.repl.prompt.pastes import Pastes

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
_PASTED = re.compile(rb"# .* pasted ([\d ,-]+)$")


class MessageHistory(History):
    """Messages with their pastes unfolded; one that is sent twice in a row stands there once."""

    def __init__(self, file: Path | None, pastes: Pastes, not_typed: NotTyped) -> None:
        """file: where they are kept; None: nowhere but in memory."""
        super().__init__()
        self._file = file
        self._pastes = pastes
        self._not_typed = not_typed

    def append_string(self, string: str) -> None:
        """Keep a message, as it was in the buffer."""
        text = self._pastes.unfold(string)
        parts = (*self._pastes.texts_in(string), *self._not_typed.here)
        self._not_typed.know(text, parts)
        if self._loaded_strings[:1] != [text]:
            self._loaded_strings.insert(0, text)
            self._store(text, parts)

    def load_history_strings(self) -> Iterable[str]:
        """What is on disk, newest first; nothing if it cannot be read. Without a file: what was sent already."""
        if self._file is None:
            return self._loaded_strings
        try:
            return list(self._read(self._file.read_bytes()))[::-1]
        except OSError:
            return []

    def store_string(self, string: str) -> None:
        """Write a message that was typed by hand."""
        self._store(string, ())

    def _read(self, data: bytes) -> Iterator[str]:
        """The messages of the file, oldest first; what was pasted is made known."""
        lines: list[str] = []
        comment = b""
        for line in [*data.split(b"\n"), b""]:
            if line.startswith(b"+"):
                lines.append(line[1:].decode("utf-8", "replace"))
                continue
            if lines:
                message = "\n".join(lines)
                self._not_typed.know(message, tuple(message[begin:end] for begin, end in _read_spans(comment)))
                yield message
            lines, comment = [], line

    def _store(self, text: str, parts: tuple[str, ...]) -> None:
        """Write a message at the end, in one piece: two chats may share the file. A disk that refuses is let be."""
        if self._file is None:
            return
        lines = "".join(f"+{line}\n" for line in text.split("\n"))
        spans = ",".join(f"{begin}-{end}" for begin, end in _find_spans(text, parts))
        pasted = f" pasted {spans}" if spans else ""
        data = f"\n# {datetime.now()}{pasted}\n{lines}".encode("utf-8", "replace")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file, _APPEND, 0o600)
            with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - by descriptor
                file.write(data)
        except OSError:
            return


def _find_spans(text: str, parts: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where the parts stand; of one that was changed it is not known: all of the text."""
    for part in dict.fromkeys(parts):
        at = text.find(part)
        yield (at, at + len(part)) if at >= 0 else (0, len(text))


def _read_spans(comment: bytes) -> Iterator[tuple[int, int]]:
    found = _PASTED.match(comment)
    for span in found[1].split(b",") if found else ():
        begin, _, end = span.partition(b"-")
        if begin.strip().isdigit() and end.strip().isdigit():
            yield int(begin), int(end)
