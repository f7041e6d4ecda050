"""`oss history`: whole texts."""

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.cli.completion import complete_conversation
from oss_cli.conversation.tree import Node
from oss_cli.history.database import Database
from oss_cli.history.library import History
from tests.harness import open_terminal, run_oss
from tests.history.conversations import NOON, assistant, made, sky, talk

HOUR = 3600


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """Two conversations, on a clock that shows UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    kept = History(Database(tmp_path / "oss-home" / "history.sqlite3"))
    kept.add(sky())
    kept.add(talk("tower00001", "How tall is\n the Eiffel tower?", "330 metres.", at=NOON - HOUR))
    return kept


LIST = """\
ID    WHEN              MODEL        MESSAGES  TITLE
sky0  2026-11-24 12:02  gpt-oss-20b  3         Sky
towe  2026-11-24 11:00  tiny         2         How tall is the Eiffel tower?
"""


@pytest.mark.parametrize("arguments", [["history"], ["history", "list"]])
def test_list_shows_the_latest_first(history: History, arguments: list[str]) -> None:
    result = run_oss(*arguments)
    assert (result.stdout, result.stderr, result.status) == (LIST, "", 0)


def test_list_says_how_many_it_does_not_show(history: History) -> None:
    result = run_oss("history", "list", "-n", "1")
    assert result.stdout.splitlines() == LIST.splitlines()[:2]
    assert result.stderr == "1 older one: oss history list --all\n"


def test_list_as_json(history: History) -> None:
    result = run_oss("history", "list", "--json", "-n", "1")
    assert result.stdout == (
        '[{"branches": 2, "created": "2026-11-24T12:00:00+00:00", "id": "sky0000001", "messages": 3, '
        '"model": "gpt-oss-20b", "partial": true, "title": "Sky", "updated": "2026-11-24T12:02:00+00:00"}]\n'
    )


def test_nothing_is_kept_yet(tmp_path: Path) -> None:
    result = run_oss("history")
    assert (result.stdout, result.stderr, result.status) == ("", "no conversation is kept yet: oss chat\n", 0)
    result = run_oss("history", "show")
    assert (result.stderr, result.status) == ("error: no conversation is kept yet\nhint: oss chat\n", 2)
    assert not (tmp_path / "oss-home").exists()


SHOWN = """\
Sky
sky0000001, begun 2026-11-24 12:00

Instructions
Be brief.

You, 2026-11-24 12:00
Why is the sky blue?

gpt-oss-20b, 2026-11-24 12:02, cut off
  They ask about light.

Rayleigh scattering, mostly.

1 other branch is not shown.
"""


@pytest.mark.parametrize("arguments", [[], ["sky"], ["sky0000001"]])
def test_show_tells_the_current_branch(history: History, arguments: list[str]) -> None:
    result = run_oss("history", "show", *arguments)
    assert (result.stdout, result.stderr, result.status) == (SHOWN, "", 0)


def test_show_breaks_long_lines_but_not_code_and_lets_nothing_drive_a_terminal(history: History) -> None:
    long = "a word and " * 12
    history.add(talk("long000001", "\x1b[31mred \u202e", f"{long}\n\n```\n{long}\n```\n", at=NOON - HOUR))
    assert run_oss("history", "show", "long").stdout == (
        "␛[31mred <U+202E>\nlong000001, begun 2026-11-24 11:00\n\n"
        "You, 2026-11-24 11:00\n␛[31mred <U+202E>\n\n"
        f"tiny, 2026-11-24 11:00\n{'a word and ' * 7}a\n{'word and a ' * 4}word and\n\n```\n{long}\n```\n"
    )


def test_show_as_json(history: History) -> None:
    shown = json.loads(run_oss("history", "show", "sky", "--json").stdout)
    assert [message["content"] for message in shown.pop("messages")] == [
        "Why is the sky blue?", "Rayleigh scattering, mostly.",
    ]  # fmt: skip
    assert shown == {
        "id": "sky0000001", "title": "Sky", "system": "Be brief.", "created": "2026-11-24T12:00:00+00:00",
        "updated": "2026-11-24T12:02:00+00:00",
    }  # fmt: skip


def test_an_id_that_is_none_or_could_be_several(history: History) -> None:
    history.add(talk("sky0000002", "And at night?", at=NOON - HOUR))
    result = run_oss("history", "show", "sk")
    assert (result.stdout, result.stderr, result.status) == (
        "",
        "error: several conversations begin with 'sk'\n  sky0000001  Sky\n  sky0000002  And at night?\n"
        "hint: oss history list\n",
        2,
    )
    result = run_oss("history", "show", "x")
    assert (result.stderr, result.status) == ("error: no conversation is 'x'\nhint: oss history list\n", 2)


def test_search_shows_the_words_where_they_stand(history: History) -> None:
    result = run_oss("history", "search", "rayleigh", "mostly")
    assert (result.stdout, result.stderr, result.status) == (
        "sky0  2026-11-24 12:02  assistant  Sky\n    Rayleigh scattering, mostly.\n", "", 0,
    )  # fmt: skip


def test_search_takes_what_the_shell_quoted_for_a_phrase(history: History) -> None:
    assert run_oss("history", "search", "scattering, mostly").stdout.startswith("sky0")
    result = run_oss("history", "search", "mostly scattering")
    assert (result.stdout, result.stderr, result.status) == ("", "nothing is found\n", 0)


def test_search_as_json(history: History) -> None:
    assert run_oss("history", "search", "--json", "ray").stdout == (
        '[{"conversation": "sky0000001", "created": "2026-11-24T12:02:00+00:00", "matches": ["Rayleigh"], '
        '"node": "sky-3", "role": "assistant", "snippet": "Rayleigh scattering, mostly.", "title": "Sky"}]\n'
    )


def test_export_rm_and_import_bring_everything_back(history: History) -> None:
    exported = run_oss("history", "export", "--all", "-o", "all.json")
    assert (exported.stdout, exported.stderr) == ("", "2 conversations are in all.json\n")
    assert oct(Path("all.json").stat().st_mode & 0o777) == "0o600"
    assert run_oss("history", "rm", "--all", "--yes").stdout == "2 conversations are removed\n"
    assert run_oss("history").stdout == ""
    imported = run_oss("history", "import", "all.json")
    assert (imported.stdout, imported.stderr) == (
        "sky0000001 is here now: Sky (3 messages)\n"
        "tower00001 is here now: How tall is the Eiffel tower? (2 messages)\n",
        "",
    )
    assert (run_oss("history").stdout, history.load("sky")) == (LIST, sky())


def test_import_leaves_what_is_here_and_gives_another_one_a_new_id(history: History) -> None:
    run_oss("history", "export", "sky", "-o", "sky.json")
    result = run_oss("history", "import", "sky.json")
    assert result.stdout == "sky0000001 is here already: Sky (3 messages)\n"
    text = Path("sky.json").read_text("utf-8").replace("Magic.", "Elves.")
    Path("sky.json").write_text(text, "utf-8")
    result = run_oss("history", "import", "sky.json")
    assert result.stdout.endswith(" is here now: Sky (3 messages); another one is called sky0000001\n")
    assert len(history.summaries()) == 3


def test_import_of_what_is_no_export(history: History) -> None:
    Path("x.json").write_text("{}", "utf-8")
    result = run_oss("history", "import", "x.json")
    assert (result.stdout, result.stderr, result.status) == (
        "",
        'error: x.json holds no conversations that can be imported\n  format: must be "oss-conversation"\n',
        2,
    )
    result = run_oss("history", "import", "nothing.json")
    assert result.stderr == "error: nothing.json cannot be read\n  No such file or directory\n"
    Path("y.json").write_bytes(b"\xff")
    assert run_oss("history", "import", "y.json").status == 2


def test_export_writes_markdown_to_a_file_of_that_ending_or_where_it_is_asked_for(history: History) -> None:
    run_oss("history", "export", "tower", "-o", "tower.md")
    text = (
        "# How tall is the Eiffel tower?\n\n"
        "- Date: 2026-11-24 11:00\n- Model: tiny\n- Conversation: tower00001\n\n"
        "## User, 2026-11-24 11:00\n\n> How tall is\n>  the Eiffel tower?\n\n"
        "## Assistant, 2026-11-24 11:00\n\n> 330 metres.\n"
    )
    assert Path("tower.md").read_text("utf-8") == text
    assert run_oss("history", "export", "tower", "--format", "md").stdout == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["export"], "error: no conversation is named\nhint: oss history export --all\n"),
        (["export", "sky", "--all"], "error: --all takes no ids\n  1 given\n"),
        (["export", "--all", "-f", "html"], "error: format cannot be 'html'\n  it must be json or md\n"),
        (["rm"], "error: no conversation is named\nhint: oss history list\n"),
        (["rm", "--older-than", "soon"],
         "error: older-than cannot be 'soon'\n  it must be a number and h, d or w: hours, days, weeks\n"
         "hint: oss history rm --older-than 30d\n"),
        (["rm", "--all", "--older-than", "30d"], "error: --older-than goes with no ids and without --all\n"),
        (["rm", "sky", "--older-than", "30d"], "error: --older-than goes with no ids and without --all\n"),
        (["rm", "sky"],
         "sky0  Sky\nerror: nobody is here to answer: Remove 1 conversation?\nhint: oss history rm sky --yes\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_like_this(history: History, arguments: list[str], text: str) -> None:
    result = run_oss("history", *arguments)
    assert (result.stdout, result.stderr, result.status) == ("", text, 2)
    assert len(history.summaries()) == 2


@pytest.mark.parametrize(("answer", "is_gone"), [("\r", False), ("y\r", True)])
def test_rm_at_a_terminal_asks_first(history: History, answer: str, is_gone: bool) -> None:
    with open_terminal("history", "rm", "towe") as terminal:
        terminal.expect("towe  How tall is the Eiffel tower?")
        terminal.expect("Remove 1 conversation? [y/N]")
        terminal.send(answer)
        assert terminal.wait() == 0
        assert terminal.text.endswith("1 conversation is removed\n" if is_gone else "nothing is removed\n")
    assert len(history.summaries()) == (1 if is_gone else 2)


def test_rm_of_what_nobody_has_touched_for_so_long(history: History) -> None:
    now = time.time()
    recent = talk("recent0001", "Hi", at=now - 30 * HOUR)
    recent.add(Node("r", "recent0001a", assistant("x"), now, making=made()))
    history.delete(["sky0000001", "tower00001"])
    history.add(recent)
    history.add(talk("old0000001", "Hi", at=now - 30 * HOUR))
    assert run_oss("history", "rm", "--older-than", "2d", "-y").stderr == "there is nothing to remove\n"
    assert run_oss("history", "rm", "--older-than", "24h", "-y").stdout == "1 conversation is removed\n"
    assert [one.id for one in history.summaries()] == ["recent0001"]


def test_a_message_that_cannot_be_read_is_told_and_the_rest_is_shown(history: History, tmp_path: Path) -> None:
    path = tmp_path / "oss-home" / "history.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE nodes SET usage = '7' WHERE id = 'sky-3'")
    before = path.read_bytes()
    told = "1 message of sky0000001 cannot be read (usage: must be an object) and is left out\n"
    shown = run_oss("history", "show", "sky")
    question = SHOWN[: SHOWN.index("\ngpt-oss-20b")]
    assert (shown.stdout, shown.stderr, shown.status) == (
        question + "\n1 other branch is not shown.\n", told, 0,
    )  # fmt: skip
    exported = run_oss("history", "export", "--all", "-o", "all.json")
    assert (exported.stderr, exported.status) == (told + "2 conversations are in all.json\n", 0)
    assert run_oss("history", "search", "rayleigh").stdout.startswith("sky0  2026-11-24 12:02  assistant  Sky\n")
    assert run_oss("history", "search", "tower").status == 0
    assert run_oss("history").stdout == LIST
    assert path.read_bytes() == before
    imported = run_oss("history", "import", "all.json").stdout
    assert imported.splitlines()[0].endswith("is here now: Sky (2 messages); another one is called sky0000001")


def test_a_damaged_history_is_told_by_every_command_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "oss-home" / "history.sqlite3"
    path.parent.mkdir()
    path.write_bytes(b"no database" * 99)
    Path("x.json").write_text('{"format": "oss-conversation", "version": 1, "conversations": '
                              '[{"id": "a", "created": 1, "date": "2026-11-24"}]}', "utf-8")  # fmt: skip
    for arguments in (["list"], ["show"], ["search", "x"], ["export", "--all"], ["import", "x.json"], ["rm", "--all"]):
        result = run_oss("history", *arguments)
        assert (result.stdout, result.status) == ("", 9)
        assert result.stderr == (
            f"error: the history is damaged\n  {path}: file is not a database\nhint: mv {path} {path}.damaged\n"
        )
    assert path.read_bytes() == b"no database" * 99


def test_tab_offers_ids_with_their_titles(history: History, tmp_path: Path) -> None:
    assert complete_conversation("") == [("sky0", "Sky"), ("towe", "How tall is the Eiffel tower?")]
    assert complete_conversation("T") == [("towe", "How tall is the Eiffel tower?")]
    assert complete_conversation("sky00") == [("sky0000001", "Sky")]
    (tmp_path / "oss-home" / "history.sqlite3").write_bytes(b"no database" * 99)
    assert complete_conversation("") == []


def test_a_title_that_tab_offers_cannot_drive_a_terminal_or_a_shell(history: History) -> None:
    title = "x\x1b]0;PWNED\x07\x1b[31m `touch a` $(touch b) ${c} \\d 'e' \"f\" [g]: h; <i> | j & *k* Größe 漢字, 5!"
    history.add(replace(talk("evil000001", "Hi", "Ho"), title=title))
    assert complete_conversation("evil") == [("evil", "x 0 PWNED 31m touch a touch b c d e f g h i j k Größe 漢字, 5!")]
