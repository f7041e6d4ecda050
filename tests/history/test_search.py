"""Searching: what people type is never an error, and finds what they mean."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.conversation.tree import Node
from oss_cli.history.database import Database
from oss_cli.history.library import History
from oss_cli.history.search import split_phrases
from tests.history.conversations import NOON, assistant, made, sky, talk
from tests.history.test_journal import keep


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    database = Database(tmp_path_factory.mktemp("search") / "history.sqlite3")
    keep(
        database, sky(), talk("code", "What does c++ x_y AND (z do?", f"It adds. {'filler ' * 60}Needle {'hay ' * 60}"),
        talk("china", "我爱北京天安门", "Très naïve Größe", at=NOON + 5),
    )  # fmt: skip
    return History(database)


@pytest.mark.parametrize(
    ("words", "nodes"),
    [
        ("rayleigh", ["sky-3"]),
        ("RAY scat", ["sky-3"]),
        ('"rayleigh scattering"', ["sky-3"]),
        ('"scattering rayleigh"', []),
        ('"rayleigh scat"', []),
        ("light", ["sky-3"]),  # in its reasoning
        ("blue magic", []),  # in two messages
        ("naive GRÖSSE", []),
        ("naive größe", ["chinaa"]),
        ("北京", ["chinaq"]),
        ("c++", ["codeq"]),
        ("++", ["codeq"]),
        ("and", ["codeq"]),
        ("AND", ["codeq"]),
        ("(z", ["codeq"]),
        ("x_y", ["codeq"]),
        ('"', []),
        ("", []),
        ("NEAR(a b)", []),
        ("content:magic", []),
        ("magic*", ["sky-2"]),
        ("-magic", ["sky-2"]),
    ],
)
def test_words_find_messages(history: History, words: str, nodes: list[str]) -> None:
    assert [hit.node_id for hit in history.search(words)] == nodes


def test_a_hit_tells_where_it_is_and_shows_the_words_around(history: History) -> None:
    (hit,) = history.search("needle")
    assert (hit.conversation_id, hit.node_id, hit.role, hit.created) == ("code", "codea", "assistant", NOON + 1)
    before, match, after = hit.snippet
    assert (match, before[:7], after[-5:]) == ("Needle", "…filler", " hay…")
    assert len(hit.text) < 200


def test_an_answer_comes_before_a_thought(tmp_path: Path) -> None:
    database = Database(tmp_path / "history.sqlite3")
    thought = talk("a", "Hi", at=NOON)
    thought.add(Node("aa", "aq", assistant("x", "copper"), NOON, making=made()))
    keep(database, thought, talk("b", "Hi", "copper", at=NOON - 9))
    assert [hit.node_id for hit in History(database).search("copper")] == ["ba", "aa"]


def test_the_limit_is_kept(history: History) -> None:
    assert len(history.search("a", limit=2)) == 2


def test_words_between_quotes_stay_together() -> None:
    assert split_phrases('one "two three"  four" ') == [("one", False), ("two three", True), ("four", False)]


def test_no_text_is_an_error(history: History) -> None:
    @given(st.text(max_size=20) | st.text('"*()^:+-{}NEAROT a', max_size=20))
    def search(text: str) -> None:
        history.search(text)

    search()
