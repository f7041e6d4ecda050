"""SIGTERM, and SIGHUP where a terminal was closed, as commands answer them. Knows nothing of what they do."""

import contextlib
import errno
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from oss_cli.errors import ExitCode

_STATUSES = {"SIGTERM": ExitCode.TERMINATED, "SIGHUP": ExitCode.HUNG_UP}


@contextlib.contextmanager
def leaving_when_told() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the program, so that it says and keeps what it has; only the main thread may ask
    for that. One that is passed over (`nohup`) stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _STATUSES if hasattr(signal, name)]  # Windows has no SIGHUP
    former = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) is not signal.SIG_IGN}
    for number in former:
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    _let_go_of_terminal()
    raise SystemExit(_STATUSES[signal.Signals(number).name])


def _let_go_of_terminal() -> None:
    """Let what is still written to a terminal that was closed go nowhere: it would be an error each time."""
    for descriptor in range(3):
        try:
            os.get_terminal_size(descriptor)
        except OSError as error:
            if error.errno in (errno.EIO, errno.ENXIO):
                os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
