"""The clipboard: which way is taken, and what arrives."""

import base64
import io
import os
from pathlib import Path

import pytest

from oss_cli.errors import BadUsage
from oss_cli.terminal.clipboard import copy_text, find_tools
from oss_cli.terminal.console import Stream


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that is all of PATH, and no display."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "TMUX", "SSH_CONNECTION", "SSH_TTY", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o700)


def terminal(*, has_escapes: bool = True) -> Stream:
    return Stream(io.StringIO(), is_watched=True, has_escapes=has_escapes, has_colour=False)


def shown(stream: Stream) -> str:
    assert isinstance(stream.file, io.StringIO)
    return stream.file.getvalue()


def test_the_platforms_program_gets_the_text(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(programs, "xclip", 'printf "%s\\n" "$@" > arguments; /bin/cat > copied')
    monkeypatch.setenv("DISPLAY", ":0")
    stream = terminal()
    assert copy_text("Grüße 🦊\n", stream, platform="linux") == "with xclip"
    assert Path("copied").read_text("utf-8") == "Grüße 🦊\n"
    assert Path("arguments").read_text("utf-8") == "-selection\nclipboard\n"
    assert shown(stream) == ""


def test_windows_gets_utf_16_with_a_mark(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(programs, "clip.exe", "/bin/cat > copied")
    monkeypatch.setenv("WSL_DISTRO_NAME", "Debian")
    assert copy_text("Grüße", terminal(), platform="linux") == "with clip.exe"
    assert Path("copied").read_bytes() == "Grüße".encode("utf-16")


def test_macos_is_told_the_encoding(programs: Path) -> None:
    install(programs, "pbcopy", 'echo "$LC_CTYPE" > locale; /bin/cat > copied')
    assert copy_text("Grüße", terminal(), platform="darwin") == "with pbcopy"
    assert Path("locale").read_text("utf-8") == "UTF-8\n"


def test_a_program_that_stays_in_the_background_is_not_waited_for(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(programs, "wl-copy", "/bin/cat > copied; /bin/sleep 60 & exit 0")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert copy_text("x", terminal(), platform="linux") == "with wl-copy"


def test_a_program_that_fails_gives_way_to_the_next(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(programs, "xclip", "echo 'Error: cannot open display: :0' >&2; exit 1")
    monkeypatch.setenv("DISPLAY", ":0")
    assert copy_text("x", terminal(), platform="linux") == "through the terminal"
    with pytest.raises(BadUsage) as caught:
        copy_text("x", terminal(has_escapes=False), platform="linux")
    assert caught.value.message == "the text cannot be copied"
    assert caught.value.cause == (
        "xclip: Error: cannot open display: :0\nno program for it, or no display, and no terminal that could be asked"
    )


def test_a_program_needs_its_display_and_the_users_own_computer(programs: Path) -> None:
    for name in ("pbcopy", "clip.exe", "wl-copy", "xclip", "xsel"):
        install(programs, name, "")

    def names(platform: str, **environment: str) -> list[str]:
        return [tool.name for tool in find_tools({"PATH": os.environ["PATH"], **environment}, platform)]

    assert names("linux") == []
    assert names("linux", DISPLAY=":0") == ["xclip", "xsel"]
    assert names("linux", DISPLAY=":0", WAYLAND_DISPLAY="wayland-0") == ["wl-copy", "xclip", "xsel"]
    assert names("darwin") == ["pbcopy"]
    assert names("darwin", SSH_CONNECTION="1 2 3 4") == []
    assert names("win32") == ["clip.exe"]
    assert names("linux", SSH_TTY="/dev/pts/1", DISPLAY="localhost:10.0") == ["xclip", "xsel"]


def test_without_a_program_the_terminal_is_asked() -> None:
    stream = terminal()
    assert copy_text("Grüße", stream, platform="linux") == "through the terminal"
    assert shown(stream) == f"\x1b]52;c;{base64.b64encode('Grüße'.encode()).decode()}\x07"


def test_tmux_is_asked_and_what_it_runs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    stream = terminal()
    copy_text("x", stream, platform="linux")
    assert shown(stream) == "\x1b]52;c;eA==\x07\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\"


def test_a_text_too_long_for_the_terminal_is_refused_with_the_numbers() -> None:
    copy_text("x" * 74_994, terminal(), platform="linux")
    with pytest.raises(BadUsage) as caught:
        copy_text("é" * 37_498, terminal(), platform="linux")
    assert caught.value.cause == "the text has 74,996 bytes; through the terminal go 74,994"
