"""SIGTERM, as `oss run` and `oss batch` answer it. Knows nothing of what they do."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from oss_cli.errors import ExitCode


@contextlib.contextmanager
def leaving_on_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the program, so that it says and keeps what it has; only the main thread may ask for that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former if former is not None else signal.SIG_DFL)


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(ExitCode.TERMINATED)
