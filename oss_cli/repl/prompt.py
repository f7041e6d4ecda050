"""The line editor of the chat, on prompt_toolkit: history on disk, completion of commands, several lines.

Knows nothing of sessions; the commands' names are handed in.
"""

import os
import select
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from oss_cli.errors import ExitCode

termios: ModuleType | None
try:
    import termios
except ImportError:  # Windows, whose console keeps Enter as it is
    termios = None


class LineEditor:
    """A person at a terminal."""

    is_person = True

    def __init__(self, history_file: Path, commands: dict[str, str]) -> None:
        """commands: each command with its `/`, and one line of what it does."""
        self._session: PromptSession[str] = PromptSession(
            history=_open_history(history_file),
            completer=_CommandCompleter(commands),
            complete_while_typing=True,
            multiline=True,
            key_bindings=_bindings(),
            enable_open_in_editor=True,
            enable_suspend=True,
            prompt_continuation=lambda width, line, wrapped: "· ".rjust(width),
        )
        self._offered = ""

    def read(self) -> str:
        """The next message or command; Enter sends, Alt-Enter or Ctrl-J begins a new line."""
        offered, self._offered = self._offered, ""
        if offered and _has_typed_ahead():  # it would be glued to what was typed meanwhile; Up brings it back
            offered = ""
        return self._session.prompt(FormattedText([("bold", "› ")]), default=offered)

    def offer(self, text: str) -> None:
        """Let the next `read` begin with this text."""
        self._offered = text


def _has_typed_ahead() -> bool:
    return termios is not None and bool(select.select([sys.stdin], [], [], 0)[0])


@contextmanager
def typing_ahead() -> Iterator[None]:
    """What is typed while a reply comes is not echoed into it, and waits for the next prompt with its Enter intact.

    A terminal in its usual mode would hand Enter on as Ctrl-J, which means a new line here. Ctrl-C works as ever. The
    usual mode comes back when the block ends, also by SIGTERM; after Ctrl-Z and `fg` the quiet one does.
    """
    if termios is None or not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    usual = termios.tcgetattr(descriptor)
    quiet = [*usual]
    quiet[0] &= ~termios.ICRNL  # input modes
    quiet[3] &= ~(termios.ECHO | termios.ICANON)  # local modes

    def be_quiet(*_: object) -> None:
        termios.tcsetattr(descriptor, termios.TCSANOW, quiet)

    be_quiet()
    former = signal.signal(signal.SIGCONT, be_quiet), signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGCONT, former[0])
        termios.tcsetattr(descriptor, termios.TCSADRAIN, usual)
        signal.signal(signal.SIGTERM, former[1])


def _leave(*_: object) -> None:
    raise SystemExit(ExitCode.TERMINATED)


class _CommandCompleter(Completer):
    def __init__(self, commands: dict[str, str]) -> None:
        self._commands = commands

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        text = document.text
        if not text.startswith("/") or " " in text or "\n" in text:
            return
        for name, meaning in self._commands.items():
            if name.startswith(text):
                yield Completion(name, start_position=-len(text), display_meta=meaning)


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @bindings.add("escape", "enter")
    @bindings.add("c-j")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return bindings


def _open_history(path: Path) -> History:
    """The history on disk, readable by its owner alone; in memory where the disk cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
