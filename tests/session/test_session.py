"""A conversation: what is kept of it, what the backend is told, and how a turn is taken back."""

import pytest

from oss_cli.conversation.events import (
    Event,
    PreambleDelta,
    ReasoningDelta,
    StopReason,
    TextDelta,
    ToolCallEnded,
    TurnEnded,
    Usage,
)
from oss_cli.conversation.messages import Message, Role, ToolCall, system_message, user_message
from oss_cli.conversation.options import ReplyOptions, SamplingOptions
from oss_cli.errors import BadUsage, EngineFailed, ExitCode
from oss_cli.session.session import Session
from tests.fakes.backend import ScriptedBackend

ENDED = TurnEnded(StopReason.END, Usage())
OPTIONS = ReplyOptions("2026-11-23", SamplingOptions(seed=1))


def assistant(content: str, reasoning: str = "") -> Message:
    return Message(Role.ASSISTANT, content, reasoning)


def answer(text: str) -> list[Event]:
    return [TextDelta(text), ENDED]


def session_of(*replies: list[Event], system: str = "") -> tuple[Session, ScriptedBackend]:
    backend = ScriptedBackend(*replies)
    return Session(backend, OPTIONS, system=system), backend


def ask(session: Session, text: str) -> None:
    with session.ask(text) as turn:
        list(turn)


def test_a_question_and_its_reply_are_kept_with_the_reasoning() -> None:
    session, _ = session_of([ReasoningDelta("Hm."), TextDelta("Four."), ENDED])
    ask(session, "2+2?")
    assert session.messages == [user_message("2+2?"), assistant("Four.", "Hm.")]


def test_the_backend_is_told_everything_that_was_said_instructions_first() -> None:
    session, backend = session_of(answer("b"), answer("d"), system="Be brief.")
    ask(session, "a")
    ask(session, "c")
    first = [system_message("Be brief."), user_message("a")]
    assert [messages for messages, _ in backend.asked] == [first, [*first, assistant("b"), user_message("c")]]


def test_without_instructions_there_is_no_system_message() -> None:
    session, backend = session_of(answer("b"))
    ask(session, "a")
    assert backend.asked[0][0] == [user_message("a")]


def test_instructions_may_be_changed_between_turns() -> None:
    session, backend = session_of(answer("b"), answer("d"), system="Be brief.")
    ask(session, "a")
    session.system = "Be kind."
    ask(session, "c")
    assert backend.asked[1][0][0] == system_message("Be kind.")
    assert session.messages == [user_message("a"), assistant("b"), user_message("c"), assistant("d")]


def test_a_session_says_that_another_turn_may_follow() -> None:
    session, backend = session_of(answer("b"))
    ask(session, "a")
    expected = ReplyOptions("2026-11-23", SamplingOptions(seed=1), goes_on=True, conversation=session.conversation.id)
    assert (session.options, backend.asked[0][1]) == (expected, expected)


def test_an_interrupted_turn_keeps_what_was_said() -> None:
    session, _ = session_of([ReasoningDelta("Hm."), TextDelta("Fo"), TextDelta("ur."), ENDED])
    with pytest.raises(KeyboardInterrupt), session.ask("2+2?") as turn:
        for event in turn:
            if event == TextDelta("Fo"):
                raise KeyboardInterrupt
    assert session.messages == [user_message("2+2?"), assistant("Fo", "Hm.")]


def test_a_turn_that_fails_half_way_keeps_what_was_said() -> None:
    backend = ScriptedBackend([TextDelta("Fo"), EngineFailed("out of memory")])
    session = Session(backend, OPTIONS)
    with pytest.raises(EngineFailed):
        ask(session, "2+2?")
    assert session.messages == [user_message("2+2?"), assistant("Fo")]


@pytest.mark.parametrize("events", [[], [ENDED], [ReasoningDelta("Hm."), ENDED]])
def test_where_nothing_was_said_neither_question_nor_reply_is_kept(events: list[Event]) -> None:
    session, _ = session_of(events)
    ask(session, "2+2?")
    assert session.messages == []


def test_a_turn_that_is_never_begun_leaves_no_trace() -> None:
    session, backend = session_of(answer("b"))
    with session.ask("a"):
        pass
    assert (session.messages, backend.asked) == ([], [])


def test_a_preamble_alone_is_kept_and_a_call_that_nobody_runs_is_not() -> None:
    call = ToolCall("now", "{}", "1")
    session, _ = session_of(
        [PreambleDelta("I'll look."), ToolCallEnded(0, call), ENDED], [ToolCallEnded(0, call), ENDED]
    )
    ask(session, "a")
    ask(session, "b")
    assert session.messages == [user_message("a"), assistant("I'll look.")]


def test_asking_again_puts_the_new_reply_in_the_place_of_the_old() -> None:
    session, backend = session_of(answer("b"), answer("d"), answer("e"))
    ask(session, "a")
    ask(session, "c")
    with session.ask_again() as turn:
        list(turn)
    assert backend.asked[2][0] == backend.asked[1][0]
    assert session.messages == [user_message("a"), assistant("b"), user_message("c"), assistant("e")]


def test_asking_again_keeps_the_old_reply_if_nothing_is_said() -> None:
    session, _ = session_of(answer("b"), [ReasoningDelta("Hm."), ENDED])
    ask(session, "a")
    with session.ask_again() as turn:
        list(turn)
    assert session.messages == [user_message("a"), assistant("b")]


def test_with_nothing_said_there_is_nothing_to_ask_again() -> None:
    session, _ = session_of(system="Be brief.")
    with pytest.raises(BadUsage) as caught:
        session.ask_again()
    error = caught.value
    assert (error.message, error.cause, error.hint) == (
        "there is no reply to make again",
        "nothing has been said yet",
        "",
    )
    assert error.exit_code == ExitCode.USAGE


def test_beginning_anew_keeps_instructions_and_options_alone() -> None:
    session, backend = session_of(answer("b"), answer("d"), system="Be brief.")
    ask(session, "a")
    session.begin_anew("2026-11-23")
    ask(session, "c")
    assert backend.asked[1] == ([system_message("Be brief."), user_message("c")], session.options)
    assert session.messages == [user_message("c"), assistant("d")]
