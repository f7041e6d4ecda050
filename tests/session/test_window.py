"""A conversation that outgrows its context: it stops and says so, leaves turns out, or sums them up. Never silently."""

import pytest

from oss_cli.conversation.events import StopReason, TextDelta, TurnEnded, Usage
from oss_cli.conversation.habits import Overflow
from oss_cli.conversation.messages import system_message, user_message
from oss_cli.conversation.options import ReasoningEffort
from oss_cli.errors import BadUsage, ContextFull, ExitCode
from oss_cli.session.session import Session
from oss_cli.session.turn import Turn
from oss_cli.session.window import LeftOut, compact, make_room, measure
from tests.fakes.backend import ScriptedBackend
from tests.session.sessions import ENDED, answer, ask, assistant, session_of

LONG = " ".join(["word"] * 100)


def run(turn: Turn) -> None:
    list(turn)


def never(turn: Turn) -> None:
    raise AssertionError("no summary was asked for")


def chat_of(turns: int, *more: str, context_tokens: int = 1000) -> tuple[Session, ScriptedBackend]:
    """Turns of 200 tokens each, one token a word; a quarter of the context is kept free for a reply."""
    replies = [answer(LONG)] * turns + [answer(text) for text in more]
    session, backend, _ = session_of(*replies, context_tokens=context_tokens)
    for _ in range(turns):
        ask(session, LONG)
    return session, backend


def test_what_fits_is_left_alone() -> None:
    session, _ = chat_of(3)
    room = measure(session, LONG)
    assert (room.prompt_tokens, room.reply_tokens, room.context_tokens, room.fits) == (700, 250, 1000, True)
    assert make_room(session, LONG, Overflow.STOP, never) == []


def test_stop_says_so_with_the_numbers_and_changes_nothing() -> None:
    session, _ = chat_of(4)
    before = list(session.conversation.nodes)
    with pytest.raises(ContextFull) as caught:
        make_room(session, LONG, Overflow.STOP, never)
    error = caught.value
    assert (error.message, error.cause, error.hint) == (
        "the conversation has outgrown the context",
        "with this message it takes 900 tokens, and a reply some 250\nthe context holds 1,000",
        "/compact, /set overflow drop, or /new; of oss run: --overflow drop, or compact",
    )
    assert error.exit_code == ExitCode.DOES_NOT_FIT
    assert list(session.conversation.nodes) == before


@pytest.mark.parametrize("overflow", Overflow)
def test_a_message_that_is_too_long_by_itself_is_refused_whatever_is_set(overflow: Overflow) -> None:
    session, _ = chat_of(1)
    with pytest.raises(ContextFull) as caught:
        make_room(session, " ".join([LONG] * 8), overflow, never)
    assert caught.value.hint == "shorten the message, or begin with a longer context: --ctx N"


def test_a_smaller_limit_of_the_reply_leaves_more_room() -> None:
    session, _ = chat_of(4)
    session.options = session.options.__class__(
        "2026-11-23", sampling=session.options.sampling.__class__(max_tokens=50)
    )
    assert measure(session, LONG).fits


def test_drop_leaves_out_the_oldest_turns_and_keeps_them_in_the_history() -> None:
    session, backend = chat_of(4, "done")
    (done,) = make_room(session, LONG, Overflow.DROP, never)
    assert done == LeftOut(2, tokens_before=900, tokens_after=500, is_summed_up=False)
    assert str(done) == (
        "the 2 oldest turns are left out: 900 tokens became 500; the history keeps them, /undo takes this back"
    )
    ask(session, "next")
    turn = [user_message(LONG), assistant(LONG)]
    assert backend.asked[-1][0] == [*turn, *turn, user_message("next")]
    assert len(session.questions) == 5


def test_undo_brings_back_what_was_left_out() -> None:
    session, _ = chat_of(4)
    make_room(session, LONG, Overflow.DROP, never)
    session.undo()
    assert len(session.messages) == 8


def test_dropping_all_turns_leaves_the_message_alone() -> None:
    session, _ = chat_of(1)
    text = " ".join([LONG] * 6)
    (done,) = make_room(session, text, Overflow.DROP, never)
    assert str(done) == (
        "the oldest turn is left out: 800 tokens became 600; the history keeps them, /undo takes this back"
    )
    assert session.prompt_with("x") == [user_message("x")]


def test_compact_lets_the_model_sum_up_the_oldest_turns() -> None:
    session, backend = chat_of(4, "They said word often.", "done")
    session.system = "Be brief."
    (done,) = make_room(session, LONG, Overflow.COMPACT, run)
    assert str(done).startswith("the 3 oldest turns are summed up: 902 tokens became ")
    told, options = backend.asked[4]
    assert told[:-1] == [system_message("Be brief."), *[user_message(LONG), assistant(LONG)] * 3]
    assert told[-1].content.startswith("Sum up our conversation so far in at most 62 words")
    assert (options.effort, options.reasoning_budget, options.sampling.max_tokens) == (ReasoningEffort.LOW, 125, 250)
    ask(session, "next")
    assert backend.asked[5][0] == [
        system_message("Be brief.\n\nSummary of the conversation so far:\nThey said word often."),
        user_message(LONG),
        assistant(LONG),
        user_message("next"),
    ]


def test_a_second_summary_is_made_of_the_first_and_what_came_since() -> None:
    session, backend = chat_of(4, "First.", LONG, LONG, LONG, "Second.")
    make_room(session, LONG, Overflow.COMPACT, run)
    for _ in range(3):
        ask(session, LONG)
    make_room(session, LONG, Overflow.COMPACT, run)
    told = backend.asked[-1][0]
    assert told[0] == system_message("Summary of the conversation so far:\nFirst.")
    assert session.prompt_with("x")[0] == system_message("Summary of the conversation so far:\nSecond.")
    session.undo()
    assert session.prompt_with("x")[0] == system_message("Summary of the conversation so far:\nFirst.")


def test_a_summary_that_does_not_help_is_followed_by_leaving_out() -> None:
    session, _ = chat_of(4, " ".join(["so"] * 500))
    done = make_room(session, LONG, Overflow.COMPACT, run)
    assert [one.is_summed_up for one in done] == [True, False], "both are told"
    assert measure(session, LONG).fits


def test_dropping_keeps_an_earlier_summary() -> None:
    session, _ = chat_of(4, "First.", LONG, LONG, LONG)
    make_room(session, LONG, Overflow.COMPACT, run)
    for _ in range(3):
        ask(session, LONG)
    make_room(session, LONG, Overflow.DROP, never)
    assert session.prompt_with("x")[0] == system_message("Summary of the conversation so far:\nFirst.")


def test_a_summary_that_was_stopped_changes_nothing() -> None:
    session, backend = chat_of(4)
    backend.add_reply([TextDelta("Fir"), ENDED])

    def stopped(turn: Turn) -> None:
        for event in turn:
            if event == TextDelta("Fir"):
                break

    with pytest.raises(BadUsage, match="the conversation is not summed up"):
        compact(session, stopped)
    assert len(session.messages) == 8


def test_there_is_nothing_to_sum_up_at_the_beginning() -> None:
    session, _ = chat_of(0)
    with pytest.raises(BadUsage, match="there is nothing to sum up"):
        compact(session, never)


def test_the_newest_turn_stays_if_it_fits_at_all() -> None:
    session, backend, _ = session_of(answer(LONG), answer(" ".join([LONG] * 4)), answer("done"), context_tokens=1000)
    ask(session, LONG)
    ask(session, LONG)
    (done,) = make_room(session, " ".join([LONG] * 2), Overflow.DROP, never)
    assert (done.turns, done.tokens_before, done.tokens_after) == (1, 900, 700)
    assert backend.asked == backend.asked[:2]


def test_a_turn_that_leaves_no_room_for_a_summary_is_left_out() -> None:
    session, _, _ = session_of(answer(" ".join([LONG] * 8)), context_tokens=1000)
    ask(session, LONG)
    (done,) = make_room(session, LONG, Overflow.COMPACT, never)
    assert (done.is_summed_up, done.tokens_after) == (False, 100)
    with pytest.raises(BadUsage, match="the conversation is not summed up"):
        compact(session_of_one_long_turn(), never)


def session_of_one_long_turn() -> Session:
    session, _, _ = session_of(answer(" ".join([LONG] * 8)), context_tokens=1000)
    ask(session, LONG)
    return session


@pytest.mark.parametrize("reason", [StopReason.MAX_TOKENS, StopReason.CONTEXT_FULL])
def test_half_a_summary_is_none(reason: StopReason) -> None:
    session, backend = chat_of(4)
    backend.add_reply([TextDelta("cut in the mid"), TurnEnded(reason, Usage())])
    (done,) = make_room(session, LONG, Overflow.COMPACT, run)
    assert not done.is_summed_up
    assert all("cut in" not in node.message.content for node in session.conversation.path())


def test_few_counts_are_enough_to_find_what_to_leave_out() -> None:
    session, backend = chat_of(200, context_tokens=10_000)
    before = backend.counted
    make_room(session, LONG, Overflow.DROP, never)
    assert backend.counted - before < 30


def test_a_summary_longer_than_what_it_stands_for_is_not_taken() -> None:
    session, _ = chat_of(1, " ".join([LONG] * 3))
    with pytest.raises(BadUsage, match="the conversation is not summed up"):
        compact(session, run)
    assert len(session.conversation.nodes) == 2
