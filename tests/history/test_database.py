"""The file: damaged, newer, older, foreign, locked, without full-text search. What cannot be used stays as it is."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.conversation.messages import user_message
from oss_cli.conversation.tree import Node
from oss_cli.errors import HistoryUnusable
from oss_cli.history.database import Database
from oss_cli.history.journal import HistoryJournal
from oss_cli.history.library import History
from oss_cli.history.schema import STEPS
from tests.history.conversations import NOON, sky, talk
from tests.history.test_journal import keep

VERSION_1 = """
    CREATE TABLE conversations (
        id TEXT PRIMARY KEY, created REAL NOT NULL, updated REAL NOT NULL, date TEXT NOT NULL, title TEXT NOT NULL,
        system TEXT NOT NULL, tip TEXT
    );
    CREATE TABLE nodes (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, conversation_id TEXT NOT NULL, parent_id TEXT,
        created REAL NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL, reasoning TEXT NOT NULL, tool_calls TEXT,
        tool_call_id TEXT NOT NULL, name TEXT NOT NULL, typed TEXT NOT NULL, summary_of TEXT, model TEXT,
        model_sha256 TEXT, effort TEXT, sampling TEXT, seed INTEGER, usage TEXT, reason TEXT, tokens BLOB,
        is_indexed INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX nodes_of_conversation ON nodes (conversation_id, number, role, parent_id, model);
    CREATE INDEX nodes_of_parent ON nodes (parent_id);
    CREATE INDEX nodes_not_indexed ON nodes (number) WHERE is_indexed = 0;
    PRAGMA application_id = 1869837160;
    PRAGMA user_version = 1;
    INSERT INTO conversations VALUES ('sky0000001', 1795521600.0, 1795521720.0, '2026-11-24', 'Sky', 'Be brief.', 'sky-3');
    INSERT INTO nodes VALUES (1, 'sky-1', 'sky0000001', NULL, 1795521600.0, 'user', 'Why is the sky blue?', '', NULL, '',
        '', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0);
    INSERT INTO nodes VALUES (2, 'sky-2', 'sky0000001', 'sky-1', 1795521660.0, 'assistant', 'Magic.', '', NULL, '', '',
        '', NULL, 'tiny', '', NULL, NULL, NULL, NULL, 'end', X'', 0);
    INSERT INTO nodes VALUES (3, 'sky-3', 'sky0000001', 'sky-1', 1795521720.0, 'assistant',
        'Rayleigh scattering, mostly.', 'They ask about light.', NULL, '', '', '', NULL, 'gpt-oss-20b',
        'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', 'low',
        '{"temperature": 0.5, "logit_bias": {"7": -1.0}}', 42,
        '{"prompt_tokens": 9, "reply_tokens": 3, "decode_s": 0.25}', 'max_tokens', X'01000000400D030003000000', 0);
"""  # noqa: E501 - one row, one line
"""A database as version 1 wrote it, with one conversation; what it was must be readable for ever."""

ONE_STEP_MORE = (*STEPS, ("ALTER TABLE conversations ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'",))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "history.sqlite3")


def write_version_1(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)


def test_what_version_1_wrote_is_read(database: Database) -> None:
    write_version_1(database.path)
    assert History(database).load("sky") == sky()


def test_an_older_database_is_brought_to_this_version_and_nothing_is_lost(database: Database) -> None:
    write_version_1(database.path)
    newer = Database(database.path, steps=ONE_STEP_MORE)
    assert History(newer).load("sky") == sky()
    with newer.reading() as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT colour FROM conversations").fetchone() == ("grey",)


def test_a_step_that_fails_leaves_the_older_version(database: Database) -> None:
    write_version_1(database.path)
    broken = Database(database.path, steps=(*ONE_STEP_MORE, ("CREATE TABLE half (x)", "nonsense")))
    with pytest.raises(HistoryUnusable, match="the history cannot be used"):
        History(broken).summaries()
    assert History(database).load("sky") == sky()


def test_a_newer_database_is_told_and_left_as_it_is(database: Database) -> None:
    keep(Database(database.path, steps=ONE_STEP_MORE), sky())
    told = "its version is 2, this oss knows versions up to 1"
    assert_untouched(
        database, "the history was written by a newer oss", told, "use the newer oss, which can read it"
    )  # fmt: skip


def test_the_database_of_another_program_is_told_and_left_as_it_is(database: Database) -> None:
    with closing(sqlite3.connect(database.path)) as connection:
        connection.executescript("CREATE TABLE bookmarks (url TEXT)")
    hint = f"mv {database.path} {database.path}.damaged"
    assert_untouched(database, "the history cannot be used", "it is a database of another program", hint)


def overwrite(data: bytes, at: int, count: int) -> bytes:
    return data[:at] + b"\x5a" * count + data[at + count :]


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda data: b"This is no database.\n" * 300, "file is not a database"),
        (lambda data: overwrite(data, 0, 100), "file is not a database"),
        (lambda data: data[: len(data) // 2], "database disk image is malformed"),
        (lambda data: overwrite(data, 4096, len(data) - 4096), "database disk image is malformed"),
    ],
    ids=["text", "head", "cut short", "pages"],
)
def test_a_damaged_database_is_told_and_left_as_it_is(
    database: Database, damage: Callable[[bytes], bytes], cause: str
) -> None:
    keep(database, *(talk(f"c{number}", "Hi", "long " * 2000) for number in range(10)))
    database.path.write_bytes(damage(database.path.read_bytes()))
    hint = f"mv {database.path} {database.path}.damaged"
    assert_untouched(database, "the history is damaged", cause, hint)


def assert_untouched(database: Database, message: str, cause: str, hint: str) -> None:
    """Whatever reads or writes says so, and not a byte changes."""
    before = database.path.read_bytes()
    history = History(database)
    journal = HistoryJournal(database)
    for conversation in (talk("new", "Hi"),):
        journal.keep_conversation(conversation)
        journal.keep_node("new", conversation.nodes["newq"])
    journal.close()
    errors = [journal.trouble]
    for attempt in (
        history.summaries, history.last, lambda: history.add(talk("new", "Hi")), lambda: history.delete(["c1"]),
    ):  # fmt: skip
        with pytest.raises(HistoryUnusable) as raised:
            attempt()
        errors.append(raised.value)
    assert database.path.read_bytes() == before
    for error in errors:
        assert isinstance(error, HistoryUnusable)
        assert (error.message, error.hint, error.exit_code) == (message, hint, 9)
        assert error.cause.startswith(f"{database.path}: ")
    assert errors[1] is not None
    assert errors[1].cause == f"{database.path}: {cause}"


def test_a_damaged_database_that_was_set_aside_makes_room_for_a_new_one(database: Database) -> None:
    database.path.write_bytes(b"no database")
    database.path.rename(f"{database.path}.damaged")
    keep(database, sky())
    assert History(database).load("sky") == sky()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("role = 'oracle'", "'oracle' is not a valid Role"),
        ("usage = '{\"prompt_tokens\":'", "Expecting value: line 1 column 18 (char 17)"),
        ("usage = '7'", "usage: must be an object"),
        ("sampling = replace(hex(zeroblob(50000)), '00', '[')", "maximum recursion depth exceeded"),
        ("content = x'00ff'", "content: must be a text"),
        ("created = 'noon'", "created: must be a number"),
        ("seed = 'x'", "seed: must be a whole number"),
        ("tokens = 'x'", "a bytes-like object is required, not 'str'"),
        ("summary_of = 'tower-1'", "'tower-1' is not there"),
        ("id = 'other'", "'middle-a' is not there"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_message_that_is_damaged_is_left_out_and_the_rest_is_read(
    database: Database, damage: str, problem: str
) -> None:
    conversation = talk("middle-", "How far is it?", "Ten miles.")
    conversation.add(Node("more", "middle-a", user_message("And back?"), NOON + 2))
    keep(database, conversation)
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute(f"UPDATE nodes SET {damage} WHERE id = 'middle-a'")
    before = database.path.read_bytes()
    found = History(database).load("middle")
    assert [one.message.content for one in found.path()][:: len(found.path()) - 1] == ["How far is it?", "And back?"]
    assert [one.partition(" while")[0] for one in found.unreadable] == [problem]
    assert database.path.read_bytes() == before


def test_text_that_is_no_longer_utf_8_is_shown_as_far_as_it_is(database: Database) -> None:
    keep(database, talk("c1", "Hi", "Grüße aus Rom"))
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("UPDATE nodes SET content = CAST(x'4772fc' AS TEXT) WHERE id = 'c1a'")
    history = History(database)
    assert history.load("c1").nodes["c1a"].message.content == "Gr\ufffd"
    for full_text in (True, False):
        searched = History(replace(database, full_text=full_text))
        assert [hit.text for hit in searched.search("Gr")] == ["Gr\ufffd"]
    assert len(history.summaries()) == 1


def test_reading_changes_no_byte_not_even_after_a_crash(database: Database, tmp_path: Path) -> None:
    """What was committed last stands in the log beside the file until somebody who writes brings it over."""
    with database.writing() as connection:
        journal = HistoryJournal(database)
        journal.keep_conversation(sky())
        for node in sky().nodes.values():
            journal.keep_node("sky0000001", node)
        journal.close()
        crashed = tmp_path / "crashed" / "history.sqlite3"
        crashed.parent.mkdir()
        for suffix in ("", "-wal"):
            (crashed.parent / f"{crashed.name}{suffix}").write_bytes(Path(f"{database.path}{suffix}").read_bytes())
        assert connection.in_transaction is False
    before = crashed.read_bytes()
    history = History(Database(crashed))
    assert history.load("sky") == sky()
    assert len(history.search("rayleigh")) == 1
    assert len(history.summaries()) == 1
    assert crashed.read_bytes() == before


def test_a_history_that_is_not_there_is_empty_and_reading_makes_none(database: Database) -> None:
    history = History(database)
    assert (history.summaries(), history.last(), history.search("x")) == ([], None, [])
    assert list(database.path.parent.glob("history*")) == []


def test_an_empty_file_is_an_empty_history(database: Database) -> None:
    database.path.touch()
    assert History(database).summaries() == []
    keep(database, sky())
    assert History(database).load("sky") == sky()


def test_without_fts5_everything_works_and_an_index_is_made_when_there_is_one(database: Database) -> None:
    plain = Database(database.path, full_text=False)
    keep(plain, sky(), talk("other", "Grüße an ALLE", at=NOON + 9))
    assert [hit.node_id for hit in History(plain).search("RAYLEIGH scatter")] == ["sky-3"]
    assert [hit.snippet for hit in History(plain).search("grüsse")] == [("Grüße an ALLE",)]
    assert [hit.snippet for hit in History(database).search("alle")] == [("Grüße an ", "ALLE", "")]  # not indexed yet
    HistoryJournal(database).close()
    assert [hit.node_id for hit in History(database).search("rayl")] == ["sky-3"]
    with database.reading() as connection:
        assert connection.execute("SELECT min(is_indexed) FROM nodes").fetchone() == (1,)


def test_strange_folder_names_are_no_part_of_the_address(tmp_path: Path) -> None:
    database = Database(tmp_path / "a?b#c %41 ü" / "history.sqlite3")
    keep(database, sky())
    assert [one.name for one in tmp_path.glob("a*")] == ["a?b#c %41 ü"]
    assert History(database).load("sky") == sky()
