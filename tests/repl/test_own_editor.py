"""The user's own editor: its command line, and where a private message may be."""

from pathlib import Path

import pytest

from oss_cli.errors import BadUsage
from oss_cli.repl.prompt.own_editor import editor_words, first_writable


@pytest.mark.parametrize(
    ("editor", "words"),
    [
        ("notepad", ["notepad"]),
        (
            r'"C:\Program Files\Notepad++\notepad++.exe" -multiInst',
            [r"C:\Program Files\Notepad++\notepad++.exe", "-multiInst"],
        ),
        (r'C:\"My Tools"\edit.exe --title="a message"', [r"C:\My Tools\edit.exe", "--title=a message"]),
        (r"C:\it's\edit.exe", [r"C:\it's\edit.exe"]),
    ],
)
def test_on_windows_quotes_keep_words_together_and_backslashes_stay(editor: str, words: list[str]) -> None:
    assert editor_words(editor, is_windows=True) == words


def test_elsewhere_the_words_are_a_shells() -> None:
    assert editor_words("'/opt/my editor' --wait a\\ b", is_windows=False) == ["/opt/my editor", "--wait", "a b"]


@pytest.mark.parametrize("is_windows", [True, False])
def test_a_quote_without_an_end_is_no_command_line(is_windows: bool) -> None:  # noqa: FBT001 - a parameter of a test
    with pytest.raises(ValueError, match="(?i)no closing quotation"):
        editor_words('"notepad', is_windows=is_windows)


def test_a_private_message_has_no_place_but_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert first_writable([Path("relative"), tmp_path / "nowhere", tmp_path]) == tmp_path
    with pytest.raises(BadUsage) as caught:
        first_writable([Path("relative"), tmp_path / "nowhere", tmp_path / "file"])
    assert caught.value.message == (
        "a private message is never on the disk, and there is no folder in memory: no editor is opened"
    )
