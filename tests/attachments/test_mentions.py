"""`@path` in a message."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.attachments import Attachment, attach_mentions, find_mentions, without_mentions_of
from oss_cli.errors import BadUsage, DoesNotFit


def found(text: str) -> list[str]:
    return [one.text for one in find_mentions(text).files]


@pytest.fixture(autouse=True)
def _files() -> None:
    Path("notes").mkdir()
    for name in ("a.md", "b.txt", "a b.txt", "notes/c.md", "Makefile"):
        Path(name).write_text(f"this is {name}\n", "utf-8")


def test_files_are_found_wherever_a_word_begins() -> None:
    assert found("@a.md") == ["@a.md"]
    assert found("Compare @a.md and\n@notes/c.md (also @./b.txt)") == ["@a.md", "@notes/c.md", "@./b.txt"]
    assert found('What is in @"a b.txt"?') == ['@"a b.txt"']
    assert found("Look at @a.md, at @b.txt: and @Makefile!") == ["@a.md", "@b.txt", "@Makefile"]
    assert found("Twice @a.md @a.md") == ["@a.md"]
    assert found(f"@{Path.cwd()}/a.md.") == [f"@{Path.cwd()}/a.md"]


def test_the_home_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    assert [one.path for one in find_mentions("@~/a.md").files] == [Path.cwd() / "a.md"]


def test_addresses_and_words_are_no_mentions() -> None:
    for text in ("me@a.md", "@dataclass", "@", "@ a.md", "@@a.md", "a@b.txt", '@""', "@...", "@property\n"):
        assert find_mentions(text).files == ()
        assert find_mentions(text).notices == ()


def test_what_looks_like_a_path_and_is_no_file_is_told() -> None:
    assert find_mentions("See @c.md, @notes/d.md and @nowhere/e.md.").notices == (
        "@c.md is no file here: nothing is attached",
        "@notes/d.md is no file here: nothing is attached",
    )
    assert find_mentions("All of @notes/").notices == ("@notes/ is a folder: /file attaches what is in it",)
    assert find_mentions("All of @notes").notices == ()
    assert find_mentions("@/dev/null").notices == ("@/dev/null is no ordinary file: nothing is attached",)


def test_mentions_are_attached_in_order() -> None:
    attached = attach_mentions("@notes/c.md @a.md @x.md", byte_limit=1000)
    assert attached.attachments == (
        Attachment(Path("notes/c.md"), "this is notes/c.md\n", "utf-8"),
        Attachment(Path("a.md"), "this is a.md\n", "utf-8"),
    )
    assert attached.notices == ("@x.md is no file here: nothing is attached",)
    assert attach_mentions("Hi", byte_limit=0).attachments == ()


def test_a_mention_that_cannot_be_attached_is_an_error() -> None:
    Path("logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    with pytest.raises(BadUsage) as caught:
        attach_mentions("@logo.png", byte_limit=1000)
    assert caught.value.message == "logo.png cannot be attached"
    with pytest.raises(DoesNotFit):
        attach_mentions("@a.md", byte_limit=3)


@given(st.text(alphabet='@a."/~ \0\n'))
def test_any_text_can_be_searched(text: str) -> None:
    find_mentions(text)


def test_what_other_texts_mention_is_no_mention() -> None:
    text = 'Read @a.md, (@b.md) and @"c d.md", not me@home'
    assert without_mentions_of(text, ["see @a.md!", '@"c d.md"']) == 'Read a.md, (@b.md) and "c d.md", not me@home'
    assert without_mentions_of(text, ["see a.md"]) == text
