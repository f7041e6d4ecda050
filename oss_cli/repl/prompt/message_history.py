"""What was typed, message by message, on disk for its owner alone. In prompt_toolkit's format; knows no keys."""

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from prompt_toolkit.history import FileHistory, History

from oss_cli.repl.prompt.pastes import Pastes

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


class MessageHistory(History):
    """Messages with their pastes unfolded; one that is sent twice in a row stands there once."""

    def __init__(self, file: Path | None, pastes: Pastes) -> None:
        """file: where they are kept; None: nowhere but in memory."""
        super().__init__()
        self._file = file
        self._pastes = pastes

    def append_string(self, string: str) -> None:
        """Keep a message, as it was in the buffer."""
        text = self._pastes.unfold(string)
        if self._loaded_strings[:1] != [text]:
            super().append_string(text)

    def load_history_strings(self) -> Iterable[str]:
        """What is on disk, newest first; nothing if it cannot be read."""
        if self._file is None:
            return []
        try:
            return list(FileHistory(str(self._file)).load_history_strings())
        except OSError:
            return []

    def store_string(self, string: str) -> None:
        """Write a message at the end, in one piece: two chats may share the file. A disk that refuses is let be."""
        if self._file is None:
            return
        lines = "".join(f"+{line}\n" for line in string.split("\n"))
        data = f"\n# {datetime.now()}\n{lines}".encode("utf-8", "replace")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file, _APPEND, 0o600)
            with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - by descriptor
                file.write(data)
        except OSError:
            return
