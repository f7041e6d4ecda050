"""Kept conversations: listed, found by their ids, taken in, removed."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from oss_cli.conversation.archive import read_archive, write_archive
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.tree import Conversation, Making, Node
from oss_cli.errors import UnknownConversation
from oss_cli.history.database import Database
from oss_cli.history.journal import HistoryJournal
from oss_cli.history.library import Addition, History, Summary, short_ids
from tests.history.conversations import NOON, assistant, conversations, sky, talk
from tests.history.test_journal import keep


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "history.sqlite3")


@pytest.fixture
def history(database: Database) -> History:
    return History(database)


def test_the_latest_comes_first_with_what_a_list_tells(history: History, database: Database) -> None:
    keep(database, talk("older", "One\n two?", at=NOON - 100), sky())
    assert history.summaries() == [
        Summary("sky0000001", "sky0", "Sky", NOON, NOON + 120, "gpt-oss-20b", 3, 2, is_partial=True),
        Summary("older", "olde", "One two?", NOON - 100, NOON - 99, "tiny", 2, 1, is_partial=False),
    ]
    assert history.last() == sky()


def test_a_title_is_what_was_typed_as_in_the_chat(history: History, database: Database) -> None:
    conversation = Conversation("a", NOON, "2026-11-24", updated=NOON)
    conversation.add(Node("q", None, user_message("File x: ..."), NOON, typed="What is @x? " + "y" * 90))
    keep(database, conversation)
    assert [one.title for one in history.summaries()] == [conversation.shown_title]


def test_a_conversation_is_found_by_the_beginning_of_its_id(history: History, database: Database) -> None:
    keep(database, talk("abcd1", "One?", at=NOON), talk("abce2", "Two?", at=NOON + 9))
    assert history.find("ABCE") == "abce2"
    assert history.load("abcd") == talk("abcd1", "One?")
    with pytest.raises(UnknownConversation) as raised:
        history.load("abc")
    error = raised.value
    assert (error.message, error.cause) == ("several conversations begin with 'abc'", "abce2  Two?\nabcd1  One?")
    with pytest.raises(UnknownConversation, match="no conversation is 'x'"):
        history.find("x")
    with pytest.raises(UnknownConversation, match="no conversation is ''"):
        history.find("")


def test_of_many_candidates_five_are_named(history: History, database: Database) -> None:
    keep(database, *(talk(f"abc{number}", "Hi", at=NOON - number) for number in range(7)))
    with pytest.raises(UnknownConversation) as raised:
        history.find("a")
    assert raised.value.candidates == (*(f"abc{number}  Hi" for number in range(5)), "and 2 more")


def test_an_id_that_is_the_beginning_of_another_is_found(history: History, database: Database) -> None:
    keep(database, talk("abcde", "One?"), talk("abcdef", "Two?"))
    assert history.find("abcde") == "abcde"


def test_short_ids_are_as_short_as_they_can_be() -> None:
    assert short_ids(["abcdefgh", "abcdezzz", "b234567", "abcd"]) == {
        "abcdefgh": "abcdef", "abcdezzz": "abcdez", "b234567": "b234", "abcd": "abcd",
    }  # fmt: skip


@settings(max_examples=60)
@given(conversations())
def test_export_removal_and_import_give_an_equal_conversation(conversation: Conversation) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = History(Database(Path(folder) / "history.sqlite3"))
        assert history.add(conversation) == (conversation.id, Addition.ADDED)
        kept = history.load(conversation.id)
        assert (kept, list(kept.nodes)) == (conversation, list(conversation.nodes))
        text = write_archive([kept])
        assert history.delete([conversation.id])
        assert history.summaries() == []
        (read,) = read_archive(text, source="x")
        assert history.add(read) == (conversation.id, Addition.ADDED)
        assert history.load(conversation.id) == conversation
        assert history.add(read) == (conversation.id, Addition.ALREADY_HERE)


def test_another_conversation_of_the_same_id_gets_a_new_one(history: History) -> None:
    history.add(sky())
    other = sky()
    other.title = "Another sky"
    new_id, addition = history.add(other)
    assert (addition, len(new_id)) == (Addition.RENAMED, 10)
    assert history.load("sky0000001") == sky()
    added = history.load(new_id)
    assert [node.message for node in added.nodes.values()] == [node.message for node in sky().nodes.values()]
    assert [node.message.content for node in added.path()] == ["Why is the sky blue?", "Rayleigh scattering, mostly."]
    assert not set(added.nodes) & set(sky().nodes)


def test_what_is_removed_is_nowhere_in_the_files(history: History, database: Database, tmp_path: Path) -> None:
    secret = "Xylophonist " * 500  # longer than a page
    conversation = talk("a", f"{secret}?", f"{secret}!")
    conversation.system = "Quetzalcoatl"
    conversation.add(Node("r", "aa", assistant("", "Zymurgy"), NOON, making=Making("Ytterbium")))
    keep(database, conversation, talk("b", "Something else"))
    words = (b"ylophon", b"uetzal", b"ymurg", b"tterbi")
    found = b"".join(file.read_bytes() for file in tmp_path.glob("history*"))
    assert [word in found for word in words] == [True] * 4
    assert history.delete(["a"])
    left = b"".join(file.read_bytes() for file in tmp_path.glob("history*"))
    assert [word in left for word in words] == [False] * 4
    assert history.load("b") == talk("b", "Something else")


def test_what_is_removed_while_a_chat_is_open_leaves_its_log_as_well(history: History, database: Database) -> None:
    journal = HistoryJournal(database)
    conversation = talk("b", "Something else")
    journal.keep_conversation(conversation)
    keep(database, talk("a", "Xylophonist"))
    journal.keep_node("b", conversation.nodes["bq"])
    assert history.delete(["a"])
    left = b"".join(file.read_bytes() for file in database.path.parent.glob("history*"))
    assert b"ylophon" not in left
    journal.close()
    assert journal.trouble is None
