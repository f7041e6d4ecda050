"""Text → the clipboard: by the platform's own program, else by asking the terminal (OSC 52). Knows nothing of chats."""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from oss_cli.errors import BadUsage
from oss_cli.terminal.console import Stream

_TIMEOUT_S = 5
_MOST_BYTES = 74_994
"""Of text in one OSC 52 sequence: with base64 and its frame, 100,000 bytes, which is hterm's limit; longer ones are cut
off or dropped there. xterm and tmux take more."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that puts its standard input on the clipboard."""

    command: tuple[str, ...]
    encoding: str = "utf-8"
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.command[0]


_PBCOPY = Tool(("pbcopy",), environment={"LC_CTYPE": "UTF-8"})  # without it, it reads MacRoman
_CLIP = Tool(("clip.exe",), encoding="utf-16")  # with a byte order mark; else it reads the console's code page
_WL_COPY = Tool(("wl-copy",))
_XCLIP = Tool(("xclip", "-selection", "clipboard"))
_XSEL = Tool(("xsel", "--clipboard", "--input"))


def copy_text(text: str, terminal: Stream, *, platform: str = sys.platform) -> str:
    """Put a text on the clipboard; by which way, in words: `with xclip`, `through the terminal`.

    A terminal does not answer, so that way may have been in vain: some have it switched off.

    Args:
        text: anything; lone surrogates are replaced.
        terminal: where the user is, for the way without a program.
        platform: as `sys.platform`.

    Raises:
        BadUsage: there is no program for it, and the terminal cannot be asked: it is none, or the text is too long.
    """
    failures = []
    for tool in find_tools(os.environ, platform):
        problem = _run(tool, text)
        if not problem:
            return f"with {tool.name}"
        failures.append(f"{tool.name}: {problem}")
    _ask_terminal(text, terminal, failures)
    return "through the terminal"


def find_tools(environment: Mapping[str, str], platform: str) -> list[Tool]:
    """The programs that can reach the user's clipboard, best first: they are there, and so is the display they need."""
    is_remote = "SSH_CONNECTION" in environment or "SSH_TTY" in environment
    candidates = []
    if platform == "win32" or environment.get("WSL_DISTRO_NAME"):
        candidates.append(_CLIP)
    if platform == "darwin":
        candidates.append(_PBCOPY)
    if is_remote:  # those would fill the clipboard of the computer that nobody sits at
        candidates = []
    if environment.get("WAYLAND_DISPLAY"):
        candidates.append(_WL_COPY)
    if environment.get("DISPLAY"):  # of the user's own computer, if they came by `ssh -X`
        candidates += [_XCLIP, _XSEL]
    return [tool for tool in candidates if shutil.which(tool.name, path=environment.get("PATH"))]


def _run(tool: Tool, text: str) -> str:
    """Why the program failed; empty if it did not.

    Its output goes to a file: xclip and wl-copy stay in the background, and would keep a pipe open.
    """
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                tool.command, input=text.encode(tool.encoding, "replace"), stdout=output, stderr=output,
                timeout=_TIMEOUT_S, check=False, env={**os.environ, **tool.environment},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"no answer within {_TIMEOUT_S} s"
        except OSError as error:
            return error.strerror or str(error)
        if done.returncode == 0:
            return ""
        output.seek(0)
        said = output.read(500).decode("utf-8", "replace").strip()
        return said or f"it ended with status {done.returncode}"


def _ask_terminal(text: str, terminal: Stream, failures: list[str]) -> None:
    data = text.encode("utf-8", "replace")
    if not terminal.has_escapes:
        failures.append("no program for it, or no display, and no terminal that could be asked")
    elif len(data) > _MOST_BYTES:
        failures.append(f"the text has {len(data):,} bytes; through the terminal go {_MOST_BYTES:,}")
    else:
        sequence = f"\x1b]52;c;{base64.b64encode(data).decode()}\x07"
        if os.environ.get("TMUX"):  # takes the first if its set-clipboard is on, the second if its allow-passthrough is
            sequence += f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\"
        terminal.file.write(sequence)  # as it is: `write` would make it visible
        terminal.file.flush()
        return
    raise BadUsage("the text cannot be copied", cause="\n".join(failures))
