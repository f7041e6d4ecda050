"""`/file PATH…` on real files."""

import os
import socket
from pathlib import Path

import pytest

from oss_cli.attachments import Attachment, attach_files
from oss_cli.attachments.finding import split_paths
from oss_cli.errors import BadUsage, DoesNotFit

LIMIT = 1_000_000


def write(name: str, data: str | bytes = "text\n") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def names(argument: str) -> list[str]:
    return [one.path.as_posix() for one in attach_files(argument, byte_limit=LIMIT).attachments]


def refusal(argument: str, byte_limit: int = LIMIT) -> tuple[str, str]:
    with pytest.raises((BadUsage, DoesNotFit)) as caught:
        attach_files(argument, byte_limit=byte_limit)
    return caught.value.message, caught.value.cause


def test_a_file_is_read_with_its_encoding() -> None:
    write("a.txt", "Grüße\r\n".encode("utf-16"))
    [attachment] = attach_files("a.txt", byte_limit=LIMIT).attachments
    assert attachment == Attachment(Path("a.txt"), "Grüße\n", "utf-16-le")


def test_a_folder_gives_its_files_without_the_hidden_and_the_machine_made() -> None:
    for name in (
        "p/b.py", "p/a.py", "p/sub/c.md", "p/.env", "p/.git/config", "p/node_modules/x/i.js", "p/__pycache__/a.txt",
        "p/venv/pyvenv.cfg", "p/venv/lib/z.py", "p/target/CACHEDIR.TAG", "p/target/o.txt",
    ):  # fmt: skip
        write(name)
    assert names("p") == ["p/a.py", "p/b.py", "p/sub/c.md"]


def test_what_is_named_is_taken_though_it_is_hidden() -> None:
    write("p/.env")
    write(".github/workflows/ci.yml")
    assert names("p/.env .github") == ["p/.env", ".github/workflows/ci.yml"]


def test_patterns() -> None:
    for name in ("a.md", "b.txt", "s/c.md", "s/t/d.md", "s/.h/e.md", ".f.md"):
        write(name)
    assert names("*.md") == ["a.md"]
    assert names("**/*.md") == ["a.md", "s/c.md", "s/t/d.md"]
    assert names("s/**/*.md") == ["s/c.md", "s/t/d.md"]
    assert names("s/*/*.md") == ["s/t/d.md"]
    assert names(".*.md") == [".f.md"]
    assert names("s/.h/*") == ["s/.h/e.md"]
    assert names(f"{Path.cwd()}/[ab].*") == [f"{Path.cwd().as_posix()}/{name}" for name in ("a.md", "b.txt")]
    assert refusal("*.rs") == ("no file matches *.rs", "")


def test_a_name_that_looks_like_a_pattern_is_a_name_if_it_is_there() -> None:
    write("a[1].txt")
    assert names("a[1].txt") == ["a[1].txt"]


def test_quotes_blanks_and_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    for name in ("my notes.md", "b.txt", "don't.txt"):
        write(name)
    assert names('"my notes.md" b.txt') == ["my notes.md", "b.txt"]
    assert names("'my notes.md'") == ["my notes.md"]
    assert names("my\\ notes.md") == ["my notes.md"]
    assert names("my notes.md") == ["my notes.md"]
    assert names("don't.txt") == ["don't.txt"]
    assert names('~/"my notes.md"') == [f"{Path.cwd().as_posix()}/my notes.md"]
    assert refusal("b.txt don't.txt") == ("b.txt don't.txt cannot be read", "a quote has no end")
    assert split_paths("") == []
    assert refusal("") == ("no file is named", "")


def test_a_file_named_twice_is_attached_once() -> None:
    write("s/a.md")
    assert names("s/a.md ./s/../s/a.md s s/*.md") == ["s/a.md"]


def test_a_missing_file_and_an_empty_folder_are_refused() -> None:
    Path("empty").mkdir()
    assert refusal("nowhere.txt") == ("nowhere.txt cannot be attached", "there is no such file")
    assert refusal("nowhere/a.txt") == ("nowhere/a.txt cannot be attached", "there is no such file")
    assert refusal("empty")[0] == "empty holds no file"
    assert refusal("a\0b") == ("a␀b cannot be attached", "there is no such file")
    assert refusal("x" * 5000)[1] == "File name too long"


def test_a_binary_file_is_refused_by_name_and_left_out_of_a_folder() -> None:
    write("p/logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    write("p/a.txt", "text\n")
    assert refusal("p/logo.png") == (
        "p/logo.png cannot be attached", "it is not text; it seems to be a PNG image",
    )  # fmt: skip
    attached = attach_files("p", byte_limit=LIMIT)
    assert attached.attachments == (Attachment(Path("p/a.txt"), "text\n", "utf-8"),)
    assert attached.notices == ("p/logo.png is left out: it is not text; it seems to be a PNG image",)
    assert refusal("p/*.png") == ("there is no text to attach", attached.notices[0])


def test_pipes_sockets_and_devices_are_refused_at_once() -> None:
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for name in ("pipe", "socket", "/dev/zero", "/dev/tty"):
            assert refusal(name) == (f"{name} cannot be attached", "it is no ordinary file")
    write("a.txt")
    assert names(".") == ["a.txt"]


def test_links_that_lead_in_circles_end() -> None:
    write("p/a.txt")
    for number in range(6):
        Path(f"p/circle{number}").symlink_to(Path("p").absolute())
    Path("p/self").symlink_to("self")
    Path("p/broken").symlink_to("nowhere")
    Path("p/link.txt").symlink_to("a.txt")
    Path("q").symlink_to("p")
    assert names("p") == ["p/a.txt"]
    assert names("p/**") == ["p/a.txt"]
    assert names("q") == ["q/a.txt"]
    assert refusal("p/self") == ("p/self cannot be attached", "Too many levels of symbolic links")


def test_files_too_large_for_the_context_are_refused_with_the_numbers() -> None:
    write("a.txt", "x" * 3_000_000)
    write("p/b.txt", "x" * 700_000)
    write("p/c.txt", "x" * 700_000)
    assert refusal("a.txt") == (
        "a.txt is larger than the context", "3 MB of text, and the context holds less than 1 MB",
    )  # fmt: skip
    assert refusal("p") == (
        "these 2 files are larger than the context", "1 MB of text, and the context holds less than 1 MB",
    )  # fmt: skip


def test_a_huge_file_is_refused_unread() -> None:
    with Path("huge.txt").open("wb") as file:
        file.write(b"text\n" * 4000)
        file.truncate(10**12)  # sparse
    assert refusal("huge.txt")[1].startswith("1000.0 GB of text")


def test_a_file_that_says_it_is_empty_is_read_up_to_the_limit() -> None:
    assert Path("/proc/self/status").stat().st_size == 0
    [attachment] = attach_files("/proc/self/status", byte_limit=LIMIT).attachments
    assert attachment.text.startswith("Name:")
    assert refusal("/proc/self/status", 20)[0] == "/proc/self/status is larger than the context"


def test_a_folder_with_too_many_files_is_refused() -> None:
    for number in range(2001):
        write(f"p/{number}.txt", "")
    assert refusal("p") == ("p holds too many files", "more than 2,000")
