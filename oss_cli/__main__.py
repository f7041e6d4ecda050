"""`oss` as a process: the one place where an error becomes text and an exit status.

`--version` is answered before anything else is loaded (30 ms against 120).
"""

import os
import sys

from oss_cli import __version__


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments in (["--version"], ["-V"]):
        sys.stdout.write(f"oss {__version__}\n")
        return 0
    from oss_cli.errors import ClosedPipe, ExitCode, OssError  # after --version
    from oss_cli.terminal.console import open_console, prepare_streams  # after --version

    prepare_streams()
    try:
        status = _run_cli(arguments)
        sys.stdout.flush()
        return status
    except (ClosedPipe, BrokenPipeError):
        return _leave_closed_pipe()
    except OssError as error:
        if os.environ.get("OSS_DEBUG"):
            raise
        from oss_cli.terminal.errors import show_error  # after --version

        show_error(error, open_console().err)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # the boundary: whatever gets here is a bug of ours
        if os.environ.get("OSS_DEBUG"):
            raise
        return _report_bug(error)


def run() -> None:
    """The `oss` command."""
    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        status = status or 141
    if _has_stuck_engine():
        os._exit(status)  # a load that hangs in the operating system must not keep a process that was told to stop
    sys.exit(status)


def _run_cli(arguments: list[str]) -> int:
    from oss_cli.cli.app import run_app  # after --version

    return run_app(arguments)


def _leave_closed_pipe() -> int:
    """Nobody reads what we write: end like any filter, without a word, not even from Python's own last flush."""
    from oss_cli.errors import ExitCode  # after --version

    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    return ExitCode.CLOSED_PIPE


def _report_bug(error: Exception) -> int:
    """One line for the user; the traceback goes to the log."""
    import traceback  # 15 ms, for bugs alone

    from oss_cli.errors import ExitCode  # after --version
    from oss_cli.paths import find_paths  # after --version
    from oss_cli.terminal.console import open_console  # after --version
    from oss_cli.terminal.errors import show_bug  # after --version

    log = find_paths().log_file
    text = f"oss {__version__}\n{''.join(traceback.format_exception(error))}\n"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
        place = str(log)
    except OSError:
        place = "no log, which could not be written; OSS_DEBUG=1 shows them"
    show_bug(f"{type(error).__name__}: {error}", place, open_console().err)
    return ExitCode.BUG


def _has_stuck_engine() -> bool:
    import threading  # loaded already wherever an engine is

    return any(thread.name == "llama.cpp" and thread.is_alive() for thread in threading.enumerate())


if __name__ == "__main__":
    run()
