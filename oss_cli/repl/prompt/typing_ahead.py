"""The terminal while a reply comes: what is typed waits for the next prompt, unseen. Knows no editor."""

import asyncio
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType

from prompt_toolkit.application import get_app
from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import Output
from prompt_toolkit.output.defaults import create_output
from prompt_toolkit.utils import is_dumb_terminal

from oss_cli.errors import ExitCode

termios: ModuleType | None
try:
    import termios
except ImportError:  # Windows, whose console keeps Enter as it is
    termios = None

_ANSWERED = {Keys.ControlO: "c-o"}
_NOT_TYPED = {Keys.CPRResponse, Keys.Vt100MouseEvent}  # by the terminal, in answer to the last prompt


@contextmanager
def typing_ahead() -> Iterator[None]:
    """What is typed while a reply comes is not echoed into it, and waits for the next prompt with its Enter intact.

    A terminal in its usual mode would hand Enter on as Ctrl-J, which means a new line here, and keep Ctrl-O and Ctrl-V
    to itself; it would hand on a paste as if it were typed, line by line. Ctrl-C works as ever. The usual mode comes
    back when the block ends, also by SIGTERM; after Ctrl-Z and `fg` the quiet one does. A dumb terminal stays as it is.
    """
    if termios is None or is_dumb_terminal() or not sys.stdin.isatty():
        yield
        return
    descriptor, output = sys.stdin.fileno(), create_output()
    usual = termios.tcgetattr(descriptor)
    quiet = [*usual]
    quiet[0] &= ~termios.ICRNL  # input modes
    quiet[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)  # local modes
    quiet[3] |= termios.NOFLSH  # Ctrl-C stops the reply; what was typed before it stays

    def be_quiet(*_: object) -> None:
        with suppress(termios.error):  # a terminal that is closed sends SIGCONT, too
            termios.tcsetattr(descriptor, termios.TCSANOW, quiet)
            bracket_pastes(output)

    be_quiet()
    former = signal.signal(signal.SIGCONT, be_quiet), signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGCONT, former[0])
        output.disable_bracketed_paste()
        output.flush()
        with suppress(termios.error):  # it was closed
            termios.tcsetattr(descriptor, termios.TCSADRAIN, usual)
        signal.signal(signal.SIGTERM, former[1])


def bracket_pastes(output: Output) -> None:
    """Let the terminal mark where a paste begins and ends; each prompt switches that off when it ends.

    Not on Windows, where nothing is read before the next prompt, and nothing would switch it off at the end.
    """
    if termios is None:
        return
    output.enable_bracketed_paste()
    output.flush()


def poll_keys(source: Input) -> list[str]:
    """The keys that mean something during a reply and were pressed since the last time; the others are put by.

    Never waits. On Windows nothing is read, and all keys wait for the next prompt.
    """
    pressed: list[str] = []
    while termios is not None and not source.closed and select.select([source.fileno()], [], [], 0)[0]:
        keys = [one for one in source.read_keys() if one.key not in _NOT_TYPED]
        pressed += [_ANSWERED[Keys(one.key)] for one in keys if one.key in _ANSWERED]
        store_typeahead(source, [one for one in keys if one.key not in _ANSWERED])
    return pressed


def has_typed_ahead(source: Input) -> bool:
    """Whether keys wait for the next prompt."""
    waiting = get_typeahead(source)
    store_typeahead(source, waiting)
    return bool(waiting) or (termios is not None and bool(select.select([source.fileno()], [], [], 0)[0]))


async def flush_lone_escape() -> None:
    """At the beginning of a prompt: an Escape that was typed before it, with nothing after it, is a key of its own."""
    application = get_app()
    await asyncio.sleep(application.ttimeoutlen)
    application.key_processor.feed_multiple(application.input.flush_keys())
    application.key_processor.process_keys()


def _leave(*_: object) -> None:
    raise SystemExit(ExitCode.TERMINATED)
