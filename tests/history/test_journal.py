"""The journal: what it is handed is in the database, from two processes at once as well, and its trouble is told."""

import resource
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.conversation.events import StopReason
from oss_cli.conversation.messages import Message, Role, user_message
from oss_cli.conversation.tree import Conversation, Making, Node
from oss_cli.history.database import Database
from oss_cli.history.journal import HistoryJournal
from oss_cli.history.library import History
from tests.history.conversations import NOON, assistant, made, sky, talk
from tests.history.test_killed import CHILD


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "data" / "history.sqlite3")


def keep(database: Database, *conversations: Conversation) -> None:
    journal = HistoryJournal(database)
    for conversation in conversations:
        journal.keep_conversation(conversation)
        for node in conversation.nodes.values():
            journal.keep_node(conversation.id, node)
        journal.keep_conversation(conversation)
    journal.close()
    assert journal.trouble is None


def test_a_conversation_comes_back_as_it_was(database: Database) -> None:
    keep(database, sky())
    loaded = History(database).load("sky0000001")
    assert loaded == sky()
    assert list(loaded.nodes) == ["sky-1", "sky-2", "sky-3"]


def test_a_growing_reply_ends_with_its_last_state(database: Database) -> None:
    conversation = talk("a", "Hi", "")
    journal = HistoryJournal(database)
    journal.keep_conversation(conversation)
    journal.keep_node("a", conversation.nodes["aq"])
    for length in range(200):
        tokens = tuple(range(length))
        node = Node("aa", "aq", assistant("x" * length), NOON + 1, making=Making("tiny", tokens=tokens))
        journal.keep_node("a", node)
    conversation.add(replace(node, making=replace(node.making or made(), reason=StopReason.CANCELLED)))
    journal.keep_node("a", conversation.nodes["aa"])
    journal.keep_conversation(conversation)
    journal.close()
    assert History(database).load("a") == conversation


def test_a_reply_that_goes_on_is_found_by_its_old_words_and_its_new_ones(database: Database) -> None:
    keep(database, talk("a", "Hi", "copper"))
    journal = HistoryJournal(database)
    journal.keep_node("a", Node("aa", "aq", assistant("bronze tin"), NOON, making=made()))
    journal.close()
    history = History(database)
    assert [len(history.search(word)) for word in ("copper", "bronze", "tin")] == [0, 1, 1]


def test_new_facts_and_dropped_nodes_are_kept_and_the_tip_follows(database: Database) -> None:
    conversation = talk("a", "Hi")
    keep(database, conversation)
    journal = HistoryJournal(database)
    conversation.title = "Greetings"
    journal.keep_conversation(conversation)
    journal.drop_node("a", "aa")
    journal.close()
    conversation.remove("aa")
    assert History(database).load("a") == conversation


def test_a_node_that_something_follows_is_not_dropped(database: Database) -> None:
    conversation = talk("a", "Hi")
    keep(database, conversation)
    journal = HistoryJournal(database)
    journal.drop_node("a", "aq")
    journal.close()
    assert History(database).load("a") == conversation


def test_going_back_to_an_earlier_tip_in_the_same_moment_is_kept(database: Database) -> None:
    conversation = talk("a", "Hi")
    keep(database, conversation)
    journal = HistoryJournal(database)
    conversation.add(Node("b", "aq", assistant("Again."), NOON + 2, making=made()))
    journal.keep_conversation(conversation)
    journal.keep_node("a", conversation.nodes["b"])
    conversation.tip = "aa"
    journal.keep_conversation(conversation)
    journal.close()
    assert History(database).load("a").tip == "aa"


def test_nothing_is_kept_of_a_conversation_without_messages(database: Database) -> None:
    journal = HistoryJournal(database)
    journal.keep_conversation(Conversation("a", NOON, "2026-11-24", system="secret"))
    journal.close()
    again = HistoryJournal(database)
    again.keep_conversation(talk("b", "Hi"))
    again.keep_node("b", talk("b", "Hi").nodes["bq"])
    again.drop_node("b", "bq")
    again.close()
    assert History(database).summaries() == []


def test_dropped_words_are_nowhere_in_the_file(database: Database) -> None:
    conversation = talk("a", "Hi", "xylophone " * 300)
    keep(database, conversation)
    journal = HistoryJournal(database)
    journal.drop_node("a", "aa")
    journal.close()
    assert b"xylophone" not in database.path.read_bytes()
    assert b"ylophone" not in database.path.read_bytes()


def test_text_that_no_file_can_hold_is_kept_as_a_question_mark(database: Database) -> None:
    keep(database, talk("a", "half \ud83d and nothing \0 more"))
    assert History(database).load("a").nodes["aq"].message.content == "half ? and nothing \0 more"


def test_the_files_are_for_their_owner_alone(database: Database) -> None:
    journal = HistoryJournal(database)
    journal.keep_conversation(talk("a", "Hi"))
    journal.keep_node("a", talk("a", "Hi").nodes["aq"])
    deadline = time.monotonic() + 20
    while not History(database).summaries() and time.monotonic() < deadline:
        time.sleep(0.01)
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in database.path.parent.iterdir()}
    journal.close()
    names = ("history.sqlite3", "history.sqlite3-shm", "history.sqlite3-wal")
    assert modes == dict.fromkeys(names, "0o600")
    assert oct(database.path.parent.stat().st_mode & 0o777) == "0o700"


def test_a_file_that_others_could_read_is_closed_to_them(database: Database) -> None:
    keep(database, talk("a", "Hi"))
    database.path.chmod(0o644)
    keep(database, talk("b", "Hi"))
    assert oct(database.path.stat().st_mode & 0o777) == "0o600"


def test_two_processes_write_at_once_and_both_are_kept(database: Database) -> None:
    children = [
        subprocess.Popen([sys.executable, str(CHILD), str(database.path), name], stdout=subprocess.PIPE)
        for name in ("one", "two")
    ]
    history = History(database)
    journal = HistoryJournal(database)
    third = Conversation("three", NOON, "2026-11-24", updated=NOON)
    journal.keep_conversation(third)
    for number in range(40):
        third.add(Node(f"t{number}", third.tip, user_message(f"{number}"), NOON))
        journal.keep_node("three", third.nodes[f"t{number}"])
        time.sleep(0.02)
    deadline = time.monotonic() + 60
    while len([one for one in history.summaries() if one.messages >= 2]) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [child.poll() for child in children] == [None, None]  # neither has met trouble
    for child in children:
        child.kill()
        child.communicate()
    journal.close()
    assert journal.trouble is None
    assert history.load("three") == third
    assert sorted(one.id for one in history.summaries()) == ["one", "three", "two"]


def test_a_call_does_not_wait_while_another_process_holds_the_lock(database: Database) -> None:
    keep(database, talk("a", "Hi"))
    journal = HistoryJournal(database)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        # Were one of these to wait for the lock, it would wait for ever: this very thread lets it go.
        journal.keep_conversation(talk("b", "Hi"))
        for node in talk("b", "Hi").nodes.values():
            journal.keep_node("b", node)
        time.sleep(0.3)
        other.execute("ROLLBACK")
    journal.close()
    assert journal.trouble is None
    assert History(database).load("b") == talk("b", "Hi")


def test_a_lock_that_never_opens_is_told_and_the_calls_go_on(database: Database) -> None:
    keep(database, talk("a", "Hi"))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        journal = HistoryJournal(Database(database.path, busy_timeout_s=0.05))
        journal.keep_node("a", Node("b", "aa", user_message("And?"), NOON))
        journal.close()
    assert journal.trouble is not None
    assert (journal.trouble.message, journal.trouble.cause) == (
        "the history cannot be used", f"{database.path}: database is locked",
    )  # fmt: skip
    journal.keep_node("a", Node("b", "aa", user_message("And?"), NOON))
    journal.close()
    assert History(database).load("a") == talk("a", "Hi")


def test_a_conversation_that_was_removed_elsewhere_stays_removed(database: Database) -> None:
    conversation = talk("a", "Hi")
    journal = HistoryJournal(database)
    journal.keep_conversation(conversation)
    for node in conversation.nodes.values():
        journal.keep_node("a", node)
    deadline = time.monotonic() + 20
    while not History(database).summaries() and time.monotonic() < deadline:
        time.sleep(0.01)
    History(database).delete(["a"])
    journal.keep_node("a", Node("b", "aa", user_message("And?"), NOON))
    journal.keep_conversation(conversation)
    journal.close()
    assert journal.trouble is not None
    assert journal.trouble.cause == f"{database.path}: this conversation was removed by another oss"
    assert History(database).summaries() == []


def test_a_full_disk_is_told_and_what_was_kept_stays_whole(database: Database) -> None:
    keep(database, talk("a", "Hi"))
    child = subprocess.run(
        [sys.executable, str(CHILD), str(database.path), "b"], capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
    )  # fmt: skip
    assert (child.returncode, child.stderr) == (1, f"{database.path}: disk I/O error\n")
    assert History(database).load("a") == talk("a", "Hi")
    kept = History(database).load("b").nodes["ba"].message.content
    assert kept
    assert child.stdout.startswith(kept)


def test_a_folder_that_cannot_be_made_is_trouble_at_once(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    path = tmp_path / "data" / "history.sqlite3"
    before = threading.active_count()
    journal = HistoryJournal(Database(path))
    assert journal.trouble is not None
    assert (journal.trouble.message, journal.trouble.exit_code) == ("the history cannot be written", 9)
    assert threading.active_count() == before
    journal.keep_conversation(talk("a", "Hi"))
    journal.close()


def test_messages_of_tools_and_developers_are_kept(database: Database) -> None:
    conversation = Conversation("a", NOON, "2026-11-24", updated=NOON)
    conversation.add(Node("a1", None, Message(Role.DEVELOPER, "Be kind."), NOON))
    conversation.add(Node("a2", "a1", Message(Role.TOOL, "12", tool_call_id="7", name="clock"), NOON))
    keep(database, conversation)
    assert History(database).load("a") == conversation
