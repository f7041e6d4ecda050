"""Branches: another reply, an edited message, going back and switching; and going on with a reply."""

import pytest

from oss_cli.conversation.events import (
    Event,
    PreambleDelta,
    ReasoningDelta,
    StopReason,
    TextDelta,
    TokensSampled,
    TurnEnded,
    Usage,
)
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.options import BegunReply
from oss_cli.errors import BadUsage, EngineFailed
from oss_cli.session.session import Session
from tests.session.sessions import ENDED, answer, ask, assistant, session_of, stop_after


def texts(session: Session) -> list[str]:
    return [message.content for message in session.messages]


def test_another_reply_is_a_sibling_and_the_first_one_stays() -> None:
    session, _, _ = session_of(answer("b"), answer("c"))
    ask(session, "a")
    with session.ask_again() as turn:
        list(turn)
    assert texts(session) == ["a", "c"]
    assert [[node.message.content for node in branch.path] for branch in session.branches()] == [["a", "b"], ["a", "c"]]
    assert [(branch.shared, branch.is_current) for branch in session.branches()] == [(0, False), (1, True)]


def test_switching_goes_to_the_end_of_a_branch_and_the_next_message_follows_it() -> None:
    session, backend, _ = session_of(answer("b"), answer("c"), answer("e"))
    ask(session, "a")
    with session.ask_again() as turn:
        list(turn)
    session.switch(1)
    ask(session, "d")
    assert backend.asked[2][0] == [user_message("a"), assistant("b"), user_message("d")]
    with pytest.raises(BadUsage, match="there is no branch 9") as caught:
        session.switch(9)
    assert caught.value.cause == "they are numbered from 1 to 2"


def test_a_message_in_the_place_of_an_earlier_one_is_a_branch() -> None:
    session, backend, journal = session_of(answer("b"), answer("d"), answer("f"))
    ask(session, "a")
    ask(session, "c")
    with session.in_place_of(session.question(1)):
        ask(session, "e")
    assert backend.asked[2][0] == [user_message("e")]
    assert [[node.message.content for node in branch.path] for branch in session.branches()] == [
        ["a", "b", "c", "d"],
        ["e", "f"],
    ]
    assert journal.conversations[session.conversation.id].tip == session.conversation.tip


def test_if_nothing_takes_the_place_of_an_earlier_message_all_is_as_it_was() -> None:
    session, _, journal = session_of(answer("b"), answer("d"), [ENDED])
    ask(session, "a")
    ask(session, "c")
    with session.in_place_of(session.question(1)):
        ask(session, "e")
    assert texts(session) == ["a", "b", "c", "d"]
    assert journal.conversations[session.conversation.id].tip == session.conversation.tip


def test_there_is_no_message_of_a_number_that_was_not_said() -> None:
    session, _, _ = session_of(answer("b"))
    with pytest.raises(BadUsage, match="there is no message to go back to"):
        session.question()
    ask(session, "a")
    with pytest.raises(BadUsage, match="there is no message 2") as caught:
        session.question(2)
    assert caught.value.cause == "they are numbered from 1 to 1"


def test_undo_takes_back_the_last_turn_and_the_branch_stays() -> None:
    session, _, journal = session_of(answer("b"), answer("d"))
    ask(session, "a")
    ask(session, "c")
    assert session.undo().message == user_message("c")
    assert texts(session) == ["a", "b"]
    assert journal.conversations[session.conversation.id].tip == session.conversation.tip
    assert [len(branch.path) for branch in session.branches()] == [4]


def test_a_stopped_reply_goes_on_from_its_last_token() -> None:
    first: list[Event] = [
        TokensSampled((5,)),
        ReasoningDelta("Hm."),
        TokensSampled((6,)),
        TextDelta("Fo"),
        TextDelta("x"),
        ENDED,
    ]
    rest: list[Event] = [
        TokensSampled((8,)),
        TextDelta("ur."),
        TurnEnded(StopReason.END, Usage(reply_tokens=1), seed=7),
    ]
    session, backend, journal = session_of(first, rest)
    stop_after(session, "2+2?", TextDelta("Fo"))
    stopped = session.last_reply
    assert stopped is not None and stopped.is_partial and stopped.making is not None
    assert (stopped.making.reason, stopped.making.tokens) == (StopReason.CANCELLED, (5, 6))
    with session.go_on() as turn:
        assert [event for event in turn if isinstance(event, TextDelta)] == [TextDelta("ur.")]
    assert backend.asked[1][0] == [user_message("2+2?")]
    assert backend.asked[1][1].begun == BegunReply(assistant("Fo", "Hm."), (5, 6))
    reply = session.last_reply
    assert reply is not None and reply.making is not None
    assert (reply.id, reply.message, reply.making.tokens) == (stopped.id, assistant("Four.", "Hm."), (5, 6, 8))
    assert (reply.making.usage.reply_tokens, reply.is_partial) == (3, False)
    assert journal.nodes[reply.id] == reply


def test_a_reply_stopped_in_its_reasoning_stays_and_can_go_on() -> None:
    session, backend, _ = session_of([TokensSampled((5,)), ReasoningDelta("Hm."), ENDED], answer("Four."))
    stop_after(session, "2+2?", ReasoningDelta("Hm."))
    with session.go_on() as turn:
        list(turn)
    assert backend.asked[1][1].begun == BegunReply(assistant("", "Hm."), (5,))
    assert session.messages == [user_message("2+2?"), assistant("Four.", "Hm.")]


def test_what_another_model_goes_on_with_is_that_models_and_has_no_known_tokens() -> None:
    session, backend, _ = session_of(
        [TokensSampled((6,)), TextDelta("Fo"), ENDED],
        [TokensSampled((901,)), TextDelta("u"), TextDelta("x"), ENDED],
        answer("r."),
    )
    stop_after(session, "2+2?", TextDelta("Fo"))
    backend.name = "another"
    with session.go_on() as turn:
        for event in turn:
            if event == TextDelta("u"):
                break
    assert backend.asked[1][1].begun == BegunReply(assistant("Fo"), ())
    reply = session.last_reply
    assert reply is not None and reply.making is not None
    assert (reply.message.content, reply.making.model, reply.making.tokens) == ("Fou", "another", ())
    with session.go_on() as turn:
        list(turn)
    assert backend.asked[2][1].begun == BegunReply(assistant("Fou"), ())


def test_a_reply_that_goes_on_and_ends_in_its_reasoning_stays_with_what_follows_it() -> None:
    session, _, journal = session_of(
        [TokensSampled((5,)), ReasoningDelta("Hm"), ENDED],
        [TokensSampled((6,)), ReasoningDelta("m."), ENDED],
    )
    stop_after(session, "2+2?", ReasoningDelta("Hm"))
    with session.go_on() as turn:
        list(turn)
    reply = session.last_reply
    assert reply is not None and reply.message == assistant("", "Hmm.") and not reply.is_partial
    assert session.conversation.tip == reply.id and reply.id in journal.nodes
    assert [len(branch.path) for branch in session.branches()] == [2]


def test_a_reply_that_something_follows_goes_on_as_a_branch() -> None:
    session, _, _ = session_of(
        [TokensSampled((5,)), TextDelta("half"), TextDelta("x"), ENDED], answer("two"), answer(" and half")
    )
    stop_after(session, "one", TextDelta("half"))
    ask(session, "two?")
    session.undo()
    with session.go_on() as turn:
        list(turn)
    assert texts(session) == ["one", "half and half"]
    session.switch(1)
    assert texts(session) == ["one", "half", "two?", "two"]


def test_going_on_in_vain_changes_nothing() -> None:
    session, _, _ = session_of([TokensSampled((5,)), TextDelta("half"), TextDelta("x"), ENDED], [EngineFailed("no")])
    stop_after(session, "one", TextDelta("half"))
    before = session.last_reply
    with pytest.raises(EngineFailed), session.go_on() as turn:
        list(turn)
    assert session.last_reply == before


def test_what_was_a_preamble_does_not_become_a_part_of_the_answer() -> None:
    session, _, _ = session_of(
        [TokensSampled((5,)), PreambleDelta("Let me"), PreambleDelta("x"), ENDED],
        [PreambleDelta(" check."), TextDelta("42"), ENDED],
    )
    stop_after(session, "?", PreambleDelta("Let me"))
    with session.go_on() as turn:
        list(turn)
    assert texts(session) == ["?", "42"]


def test_a_stopped_continuation_goes_on_once_more() -> None:
    session, backend, _ = session_of(
        [TokensSampled((1,)), TextDelta("a"), ENDED],
        [TokensSampled((2,)), TextDelta("b"), TurnEnded(StopReason.MAX_TOKENS, Usage(reply_tokens=1))],
        [TokensSampled((3,)), TextDelta("c"), ENDED],
    )
    stop_after(session, "?", TextDelta("a"))
    for _ in range(2):
        with session.go_on() as turn:
            list(turn)
    assert backend.asked[2][1].begun == BegunReply(assistant("ab"), (1, 2))
    assert session.messages[-1] == assistant("abc")


def test_only_a_reply_that_was_broken_off_can_go_on() -> None:
    session, _, _ = session_of(answer("b"))
    with pytest.raises(BadUsage, match="there is no reply to go on with"):
        session.go_on()
    ask(session, "a")
    with pytest.raises(BadUsage, match="there is nothing to go on with") as caught:
        session.go_on()
    assert (caught.value.cause, caught.value.hint) == ("the last reply came to its end", "/regen")
