"""The end of the process: quick, but nothing that was promised is left undone."""

import subprocess
import sys

import pytest

from oss_cli import __version__

START = "import sys\nsys.argv = ['oss', *{arguments!r}]\n{before}\nfrom oss_cli.__main__ import run\nrun()\n"


def leave(before: str, *arguments: str) -> tuple[str, int]:
    """What a process writes that ends as `oss` does, and its exit status."""
    program = START.format(arguments=list(arguments), before=before)
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    return child.stdout, child.returncode


@pytest.mark.parametrize("debug", ["", "1"], ids=["quick", "debugging"])
def test_what_is_to_be_done_at_the_end_is_done(debug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_DEBUG", debug)
    before = "import atexit\natexit.register(sys.stdout.write, 'tidied')"
    assert leave(before, "--version") == (f"oss {__version__}\ntidied", 0)


def test_a_thread_that_must_not_be_cut_short_is_waited_for() -> None:
    before = (
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.3), sys.stdout.write('written'), sys.stdout.flush())).start()"
    )
    assert leave(before, "--version") == (f"oss {__version__}\nwritten", 0)


def test_the_exit_status_is_kept() -> None:
    assert leave("", "show", "no-such-model") == ("", 3)
