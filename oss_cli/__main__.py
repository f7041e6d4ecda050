"""`oss` as a process: the one place where an error becomes text and an exit status.

`--version` is answered before anything else is loaded (30 ms against 120).
"""

import atexit
import contextlib
import gc
import os
import sys
from typing import TYPE_CHECKING

from oss_cli import __version__

if TYPE_CHECKING:
    from oss_cli.errors import OssError  # for its name alone


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        if arguments in (["--version"], ["-V"]):
            print(f"oss {__version__}", flush=True)
            return 0
        return _run(arguments)
    except KeyboardInterrupt:
        return 130
    except OSError:  # of the version: everything else is written by terminal/
        return _leave_closed_pipe()


_GARBAGE_THRESHOLD = 50_000
"""New objects between two looks for cycles. Python's 700 makes it look 80 times while a command is imported, for
nothing: 15 % of that time."""


_LAST_WAIT_S = 2.0


def run() -> None:
    """The `oss` command."""
    gc.set_threshold(_GARBAGE_THRESHOLD)
    try:
        status = main()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
    except KeyboardInterrupt:
        status = 130
    if _has_stuck_engine():
        os._exit(status)  # a load that hangs in the operating system must not keep a process that was told to stop
    _leave(status)


def _leave(status: int) -> None:
    """End the process as Python does, but without taking every object and library apart: 10 ms instead of 40 to 200."""
    threads = sys.modules.get("threading")
    others = [] if threads is None else [one for one in threads.enumerate() if one is not threads.current_thread()]
    if os.environ.get("OSS_DEBUG") or any(not thread.daemon for thread in others):
        for thread in others:
            if thread.name.startswith("llama.cpp"):  # it frees a model, whose libraries are about to be taken apart
                thread.join(_LAST_WAIT_S)
        sys.exit(status)  # a thread that must not be cut short, or a profiler, which writes last of all
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)


def _run(arguments: list[str]) -> int:
    """Run one command; errors become text here."""
    from oss_cli.errors import ClosedPipe, ExitCode, OssError  # after --version
    from oss_cli.terminal.console import prepare_streams  # after --version

    try:
        prepare_streams()
        return _run_cli(arguments)
    except ClosedPipe:
        return _leave_closed_pipe()
    except OssError as error:
        if os.environ.get("OSS_DEBUG"):
            raise
        _show(error)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # the boundary: whatever gets here is a bug of ours
        if os.environ.get("OSS_DEBUG"):
            raise
        return _report_bug(error)


def _show(error: "OssError") -> None:
    """Write an error, if there is anybody to read it."""
    from oss_cli.errors import ClosedPipe, OutputFailed  # after --version
    from oss_cli.terminal.console import open_console  # after --version
    from oss_cli.terminal.errors import show_error  # only for errors

    try:
        show_error(error, open_console().err)
    except (ClosedPipe, OutputFailed):
        _silence(2)


def _run_cli(arguments: list[str]) -> int:
    from oss_cli.cli.app import run_app  # after --version

    return run_app(arguments)


def _leave_closed_pipe() -> int:
    """Nobody reads what we write: end like any filter, without a word, not even from Python's own last flush."""
    _silence(1)
    return 141


def _silence(descriptor: int) -> None:
    """Let what is still written to a dead descriptor go nowhere."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _report_bug(error: Exception) -> int:
    """One line for the user; the traceback goes to the log."""
    import traceback  # 15 ms, for bugs alone

    from oss_cli.errors import ExitCode, OssError  # after --version
    from oss_cli.paths import find_paths  # after --version
    from oss_cli.terminal.console import open_console  # after --version
    from oss_cli.terminal.errors import show_bug  # after --version

    text = f"oss {__version__}\n{''.join(traceback.format_exception(error))}\n"
    try:
        if os.environ.get("OSS_PRIVATE") == "1":  # a traceback may quote what was said
            raise OSError
        log = find_paths().log_file
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
        place = str(log)
    except (OSError, OssError):
        place = "no log, which may not or could not be written; OSS_DEBUG=1 shows them"
    with contextlib.suppress(OssError):
        show_bug(f"{type(error).__name__}: {error}", place, open_console().err)
    return ExitCode.BUG


def _has_stuck_engine() -> bool:
    import threading  # loaded already wherever an engine is

    return any(thread.name == "llama.cpp" and thread.is_alive() for thread in threading.enumerate())


if __name__ == "__main__":
    run()
