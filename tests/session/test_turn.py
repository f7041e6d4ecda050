"""One turn: events pass through, and what was said is put together on the way."""

import pytest

from oss_cli.conversation.events import (
    Event,
    Notice,
    PreambleDelta,
    PrefillProgress,
    ReasoningDelta,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    TurnEnded,
    Usage,
)
from oss_cli.conversation.messages import Message, Role, ToolCall, user_message
from oss_cli.conversation.options import ReplyOptions
from oss_cli.errors import EngineFailed
from oss_cli.session.turn import Turn
from tests.fakes.backend import ScriptedBackend

OPTIONS = ReplyOptions("2026-11-23")
ENDED = TurnEnded(StopReason.END, Usage(reply_tokens=9))
CALL = ToolCall("now", "{}", "1")
EVENTS: list[Event] = [
    Notice("careful"),
    PrefillProgress(1, 2),
    ReasoningDelta("Let me "),
    ReasoningDelta("see."),
    PreambleDelta("I'll look."),
    ToolCallDelta(0, "now", "{"),
    ToolCallEnded(0, CALL),
    TextDelta("Fo"),
    TextDelta("ur."),
    ENDED,
]


def turn_of(*events: Event | BaseException) -> Turn:
    return Turn(ScriptedBackend(events), [user_message("2+2?")], OPTIONS)


def test_every_event_passes_through_and_the_backend_is_asked_once() -> None:
    backend = ScriptedBackend(EVENTS)
    assert list(Turn(backend, [user_message("2+2?")], OPTIONS)) == EVENTS
    assert backend.asked == [([user_message("2+2?")], OPTIONS)]


def test_what_was_said_is_one_message_and_the_preamble_is_no_part_of_an_answer() -> None:
    turn = turn_of(*EVENTS)
    list(turn)
    assert turn.reply == Message(Role.ASSISTANT, "Four.", reasoning="Let me see.", tool_calls=(CALL,))
    assert (turn.ended, turn.has_answer) == (ENDED, True)


def test_a_preamble_alone_is_the_content_but_no_answer() -> None:
    turn = turn_of(PreambleDelta("I'll "), PreambleDelta("look."), ENDED)
    list(turn)
    assert (turn.reply, turn.has_answer) == (Message(Role.ASSISTANT, "I'll look."), False)


def test_before_its_first_event_a_turn_has_said_nothing() -> None:
    turn = turn_of(*EVENTS)
    assert (turn.reply, turn.ended, turn.has_answer) == (Message(Role.ASSISTANT), None, False)


def test_a_turn_that_is_left_early_stops_the_backend_and_keeps_what_was_said() -> None:
    backend = ScriptedBackend([TextDelta("Fo"), TextDelta("ur."), ENDED])
    turn = Turn(backend, [], OPTIONS)
    for _ in turn:
        break
    assert (turn.reply.content, turn.ended, backend.stopped_early) == ("Fo", None, 1)


def test_a_failure_passes_through_and_what_was_said_stays() -> None:
    turn = turn_of(TextDelta("Fo"), EngineFailed("out of memory"))
    with pytest.raises(EngineFailed):
        list(turn)
    assert (turn.reply.content, turn.ended) == ("Fo", None)
