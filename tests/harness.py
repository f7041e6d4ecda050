"""Runs `oss` as its users do: `run_oss` in this process, `Terminal` as a child on a real pseudo-terminal."""

import contextlib
import io
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pyte

from oss_cli.__main__ import main


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    stdout: str
    stderr: str
    status: int


def run_oss(*arguments: str, stdin: str | bytes = "") -> Result:
    """Run `oss` with pipes for its streams."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    streams = [io.TextIOWrapper(io.BytesIO(part), encoding="utf-8") for part in (data, b"", b"")]
    saved, environment = (sys.stdin, sys.stdout, sys.stderr), dict(os.environ)
    sys.stdin, sys.stdout, sys.stderr = streams
    try:
        status = main(list(arguments))
    finally:
        sys.stdin, sys.stdout, sys.stderr = saved
        os.environ.clear()  # what a command tells its own process ends with it
        os.environ.update(environment)
    texts = []
    for stream in streams[1:]:
        stream.flush()
        assert isinstance(stream.buffer, io.BytesIO)
        texts.append(stream.buffer.getvalue().decode())
    return Result(texts[0], texts[1], int(status))


class Terminal:
    """A program on a pseudo-terminal. Posix only, as the tests are."""

    def __init__(self, descriptor: int, child: "subprocess.Popen[bytes]", columns: int, lines: int) -> None:
        self.descriptor = descriptor
        self.child = child
        self.raw = b""
        self._screen = pyte.HistoryScreen(columns, lines, history=100_000, ratio=0.001)
        self._screen.write_process_input = self.send  # answers what the program asks of its terminal
        self._stream = pyte.ByteStream(self._screen)
        self._seen = 0

    @property
    def text(self) -> str:
        """What has been shown: the lines that left the screen at its top, and the screen."""
        columns = range(self._screen.columns)
        lines = ["".join(line[column].data for column in columns) for line in self._screen.history.top]
        return "\n".join(line.rstrip() for line in [*lines, *self._screen.display]).rstrip() + "\n"

    def expect(self, wanted: str, timeout_s: float = 30) -> str:
        """Wait until a text has come after the last one that was expected; all the text so far."""
        deadline = time.monotonic() + timeout_s
        while (at := self.text.find(wanted, self._seen)) < 0:
            assert self._read(deadline), f"{wanted!r} did not come; the screen:\n{self.text}"
        self._seen = at + len(wanted)
        return self.text

    def see(self, wanted: str, timeout_s: float = 30) -> str:
        """Wait until a text stands anywhere in what is shown: what a prompt draws comes and goes; all the text then."""
        deadline = time.monotonic() + timeout_s
        while wanted not in self.text:
            assert self._read(deadline), f"{wanted!r} did not come; the screen:\n{self.text}"
        return self.text

    def send(self, text: str) -> None:
        """Type."""
        os.write(self.descriptor, text.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Pull at the window's corner."""
        self._screen.resize(lines, columns)
        _set_size(self.descriptor, columns, lines)

    def interrupt(self) -> float:
        """Press Ctrl-C; when."""
        self.send("\x03")
        return time.monotonic()

    def watch(self, seconds: float) -> None:
        """Read what comes in the next seconds."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass

    def wait(self, timeout_s: float = 30) -> int:
        """Read until the program has ended; its exit status."""
        deadline = time.monotonic() + timeout_s
        while self._read(deadline):
            pass
        return self.child.wait(max(0.1, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # the other end is closed
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)


@contextlib.contextmanager
def open_terminal(*arguments: str, columns: int = 80, lines: int = 40, **environment: str) -> Iterator[Terminal]:
    """`oss` as a child on a terminal."""
    with open_program("-m", "oss_cli", *arguments, columns=columns, lines=lines, **environment) as terminal:
        yield terminal


@contextlib.contextmanager
def open_program(*arguments: str, columns: int = 80, lines: int = 40, **environment: str) -> Iterator[Terminal]:
    """Python with these arguments as a child on a terminal."""
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    _set_size(theirs, columns, lines)
    child = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", **environment},
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(ours, child, columns, lines)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        os.close(ours)


def _set_size(descriptor: int, columns: int, lines: int) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
