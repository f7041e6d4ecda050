"""A reply on a screen and in a pipe."""

import io
from collections.abc import Sequence

import pytest

from oss_cli.conversation.events import (
    Event,
    Notice,
    PreambleDelta,
    PrefillProgress,
    ReasoningDelta,
    StopReason,
    TextDelta,
    TokensSampled,
    ToolCallDelta,
    ToolCallEnded,
    TurnEnded,
    Usage,
)
from oss_cli.conversation.habits import ReasoningView
from oss_cli.conversation.messages import ToolCall
from oss_cli.errors import ClosedPipe, ExitCode, ReplyCutOff
from oss_cli.terminal.console import Console, Stream
from oss_cli.terminal.errors import show_notice
from oss_cli.terminal.reasoning import write_reasoning
from oss_cli.terminal.reply import ReplyPrinter, describe_usage, show_cut_off
from tests.terminal.streams import Clock, Kind, Output, Screen

ENDED = TurnEnded(StopReason.END, Usage())
THOUGHT: list[Event] = [ReasoningDelta("Let me "), ReasoningDelta("see."), TextDelta("Four"), TextDelta("."), ENDED]
CLEAR = "\r\x1b[2K"


def show(
    events: Sequence[Event], out: Kind, err: Kind, reasoning: ReasoningView = ReasoningView.SHOW
) -> tuple[str, str]:
    """What stands on stdout and stderr once a reply has been shown."""
    screen = Screen(out, err)
    with ReplyPrinter(screen.console, reasoning=reasoning) as printer:
        printer.show(events)
    return screen.texts


@pytest.mark.parametrize(
    ("out", "err", "stderr"),
    [
        (Kind.PIPE, Kind.PIPE, ""),
        (Kind.COLOUR, Kind.PIPE, ""),
        (Kind.PIPE, Kind.DUMB, "Let me see.\n"),
        (Kind.PIPE, Kind.PLAIN, "Let me see.\n"),
        (Kind.PIPE, Kind.COLOUR, "\x1b[2mLet me \x1b[0m\x1b[2msee.\x1b[0m\n"),
        (Kind.COLOUR, Kind.COLOUR, "\x1b[2mLet me \x1b[0m\x1b[2msee.\x1b[0m\n\n"),
    ],
)
def test_the_answer_alone_is_on_stdout_and_reasoning_only_where_somebody_watches(
    out: Kind, err: Kind, stderr: str
) -> None:
    assert show(THOUGHT, out, err) == ("Four.\n", stderr)


@pytest.mark.parametrize(("answer", "stdout"), [("a", "a\n"), ("a\n", "a\n"), ("a\n\n", "a\n\n"), ("\n", "\n")])
def test_a_line_feed_is_added_only_where_the_answer_has_none(answer: str, stdout: str) -> None:
    assert show([TextDelta(answer), TextDelta(""), ENDED], Kind.PIPE, Kind.PIPE) == (stdout, "")
    assert show([TextDelta(answer), TextDelta(""), ENDED], Kind.DUMB, Kind.PIPE) == (stdout, "")


def test_a_piece_that_says_nothing_is_nothing() -> None:
    preamble: list[Event] = [PreambleDelta(""), PreambleDelta("I'll look."), PreambleDelta(""), ENDED]
    assert show(preamble, Kind.PIPE, Kind.DUMB) == ("I'll look.\n", "I'll look.\n")


def test_a_reply_without_an_answer_leaves_stdout_empty() -> None:
    assert show([ReasoningDelta("Hm."), ENDED], Kind.PIPE, Kind.PLAIN) == ("", "Hm.\n")
    assert show([ENDED], Kind.PIPE, Kind.PLAIN) == ("", "")


def test_a_preamble_is_no_answer_when_one_follows() -> None:
    events: list[Event] = [PreambleDelta("I'll look."), TextDelta("Done."), ENDED]
    assert show(events, Kind.PIPE, Kind.PIPE) == ("Done.\n", "")
    assert show(events, Kind.PIPE, Kind.PLAIN) == ("Done.\n", "I'll look.\n")
    assert show(events, Kind.PLAIN, Kind.PLAIN) == ("I'll look.\n\nDone.\n", "")


def test_a_preamble_is_the_answer_when_nothing_else_was_said() -> None:
    call = ToolCall("now", "{}", "1")
    events: list[Event] = [
        PreambleDelta("I'll "),
        PreambleDelta("look."),
        ToolCallDelta(0, "now", "{}"),
        ToolCallEnded(0, call),
    ]
    assert show([*events, ENDED], Kind.PIPE, Kind.PIPE) == ("I'll look.\n", "")


def test_model_text_cannot_drive_a_terminal_and_goes_to_a_pipe_byte_for_byte() -> None:
    events: list[Event] = [ReasoningDelta("\x1b[2J"), TextDelta("\x1b]0;x\x07é\r\n")]
    assert show(events, Kind.PLAIN, Kind.PLAIN) == ("␛]0;x␇é\n", "␛[2J\n\n")
    assert show(events, Kind.DUMB, Kind.DUMB) == ("␛]0;x␇é␍\n", "␛[2J\n\n")
    assert show(events, Kind.PIPE, Kind.PIPE) == ("\x1b]0;x\x07é\r\n", "")


def test_the_last_event_comes_back_and_whether_there_was_an_answer() -> None:
    printer = ReplyPrinter(Screen(Kind.PIPE, Kind.PIPE).console)
    assert printer.show([ReasoningDelta("Hm.")]) is None
    assert not printer.has_answer
    assert printer.show([TextDelta("x"), ENDED]) is ENDED
    assert printer.has_answer


def test_an_interrupted_reply_leaves_the_terminal_on_a_new_line() -> None:
    screen = Screen(Kind.PLAIN, Kind.PLAIN)
    with pytest.raises(KeyboardInterrupt), ReplyPrinter(screen.console) as printer:
        printer.show([TextDelta("Fou")])
        raise KeyboardInterrupt
    assert screen.texts == ("Fou\n", "")


def prefill(screen: Screen, *events: Event) -> None:
    """Show a prompt whose first fifth takes three seconds to read, and then the events."""
    clock = Clock()
    with ReplyPrinter(screen.console, clock, reasoning=ReasoningView.SHOW) as printer:
        printer.show([PrefillProgress(0, 5000)])
        clock.now += 0.9
        printer.show([PrefillProgress(500, 5000)])
        clock.now += 2.1
        printer.show([PrefillProgress(1000, 5000), *events])


STATUS = (
    f"{CLEAR}reading the prompt: 0% of 5,000 tokens"
    f"{CLEAR}reading the prompt: 10% of 5,000 tokens, 8 s left"
    f"{CLEAR}reading the prompt: 20% of 5,000 tokens, 12 s left"
)


@pytest.mark.parametrize(
    ("event", "stdout", "stderr"),
    [
        (TextDelta("Hi"), "Hi\n", ""),
        (ReasoningDelta("Hm"), "", "Hm\n\n"),
        (Notice("careful"), "", "(careful)\n"),
        (ENDED, "", ""),
    ],
)
def test_the_status_line_is_gone_before_anything_else_is_written(event: Event, stdout: str, stderr: str) -> None:
    screen = Screen(Kind.PLAIN, Kind.PLAIN)
    prefill(screen, event)
    assert screen.texts == (stdout, f"{STATUS}{CLEAR}{stderr}")


def test_what_was_in_the_cache_does_not_count_for_the_time_that_is_left() -> None:
    clock, screen = Clock(), Screen(Kind.PIPE, Kind.PLAIN)
    with ReplyPrinter(screen.console, clock) as printer:
        printer.show([PrefillProgress(4000, 5000)])
        clock.now += 2
        printer.show([PrefillProgress(4100, 5000)])
    assert screen.texts[1] == (
        f"{CLEAR}reading the prompt: 80% of 5,000 tokens"
        f"{CLEAR}reading the prompt: 82% of 5,000 tokens, 18 s left{CLEAR}"
    )


def think(printer: ReplyPrinter, clock: Clock, count: int) -> None:
    """So many pieces of reasoning, one token and a second each."""
    for number in range(count):
        printer.show([TokensSampled((7,)), ReasoningDelta(f"{number} ")])
        clock.now += 1


FOLDED = "".join(f"{CLEAR}thinking… {cost}" for cost in ("1 s, 2 tokens", "2 s, 3 tokens"))


@pytest.mark.parametrize(
    ("out", "err", "stderr"),
    [
        (Kind.PLAIN, Kind.PLAIN, f"{FOLDED}{CLEAR}thought for 3 s, 3 tokens\n\n"),
        (Kind.PIPE, Kind.PLAIN, f"{FOLDED}{CLEAR}thought for 3 s, 3 tokens\n"),
        (Kind.PIPE, Kind.DUMB, "thought for 3 s, 3 tokens\n"),
        (Kind.PIPE, Kind.PIPE, ""),
        (Kind.COLOUR, Kind.PIPE, ""),
    ],
)
def test_reasoning_is_folded_to_one_line_that_says_how_long_it_took(out: Kind, err: Kind, stderr: str) -> None:
    clock, screen = Clock(), Screen(out, err)
    with ReplyPrinter(screen.console, clock) as printer:
        printer.show([TokensSampled((1, 2, 3))])  # the reply's markup: not reasoning
        think(printer, clock, 3)
        printer.show([TokensSampled((8, 9)), TokensSampled((10,)), TextDelta("Done"), ENDED])
    assert screen.texts == ("Done\n", stderr)


def test_hidden_reasoning_shows_that_it_goes_on_and_leaves_nothing() -> None:
    clock, screen = Clock(), Screen(Kind.PLAIN, Kind.PLAIN)
    with ReplyPrinter(screen.console, clock, reasoning=ReasoningView.HIDE) as printer:
        think(printer, clock, 3)
        printer.show([TextDelta("Done"), ENDED])
    assert screen.texts == ("Done\n", f"{FOLDED}{CLEAR}")


def test_reasoning_can_be_opened_and_folded_while_it_goes_on() -> None:
    clock, screen = Clock(), Screen(Kind.PLAIN, Kind.PLAIN)
    wanted: list[ReasoningView | None] = [None]
    with ReplyPrinter(screen.console, clock, poll=lambda: wanted[0]) as printer:
        think(printer, clock, 2)
        wanted[0] = ReasoningView.SHOW
        think(printer, clock, 2)
        wanted[0] = ReasoningView.FOLD
        think(printer, clock, 1)
        printer.show([TextDelta("Done"), ENDED])
    assert screen.texts == (
        "Done\n",
        f"{CLEAR}thinking… 1 s, 2 tokens{CLEAR}0 1 0 1 \n\nthought for 5 s, 5 tokens\n\n",
    )


def test_whoever_is_asked_for_the_mode_is_not_asked_more_than_twenty_times_a_second() -> None:
    clock, asked = Clock(), []
    with ReplyPrinter(Screen(Kind.PIPE, Kind.PIPE).console, clock, poll=lambda: asked.append(clock.now)) as printer:
        for _ in range(100):
            printer.show([TextDelta("x")])
            clock.now += 0.01
    assert 15 <= len(asked) <= 20


@pytest.mark.parametrize(
    ("thought", "stderr"), [("Hm.", "Hm.\n\n"), ("\nHm.\n", "Hm.\n\n"), ("Hm.\n\n\n", "Hm.\n\n\n")]
)
def test_one_empty_line_stands_between_a_thought_and_the_answer(thought: str, stderr: str) -> None:
    assert show([ReasoningDelta(thought), TextDelta("Hi")], Kind.PLAIN, Kind.PLAIN) == ("Hi\n", stderr)


def test_markdown_is_rendered_where_a_person_watches_and_may_be_switched_off() -> None:
    events: list[Event] = [TextDelta("**Hi** <"), TextDelta("b>"), ENDED]
    for kind, markdown, text in [
        (Kind.PLAIN, True, "\x1b[1mHi\x1b[0m <b>\n"),
        (Kind.PLAIN, False, "**Hi** <b>\n"),
        (Kind.DUMB, True, "**Hi** <b>\n"),
        (Kind.PIPE, True, "**Hi** <b>\n"),
    ]:
        screen = Screen(kind, Kind.PIPE)
        with ReplyPrinter(screen.console, markdown=markdown) as printer:
            printer.show(events)
        assert screen.texts == (text, "")


def test_a_reply_that_goes_on_shows_what_is_new_and_its_last_block() -> None:
    for kind, text in [(Kind.PIPE, " two\n"), (Kind.PLAIN, "one two\n")]:
        screen = Screen(kind, Kind.PIPE)
        with ReplyPrinter(screen.console, begun="# Title\n\none") as printer:
            assert printer.has_answer
            printer.show([TextDelta(" two"), ENDED])
        assert screen.texts == (text, "")


def test_a_notice_in_the_middle_of_an_answer_stands_below_what_was_said() -> None:
    events: list[Event] = [TextDelta("one two"), Notice("careful"), TextDelta("three"), ENDED]
    assert show(events, Kind.PLAIN, Kind.PLAIN) == ("one two\nthree\n", "(careful)\n")
    assert show(events, Kind.PIPE, Kind.PLAIN) == ("one two\nthree\n", "(careful)\n")


@pytest.mark.parametrize("err", [Kind.PIPE, Kind.DUMB])
def test_there_is_no_status_line_where_it_could_not_be_taken_away(err: Kind) -> None:
    screen = Screen(Kind.PIPE, err)
    prefill(screen, TextDelta("Hi"))
    assert screen.texts == ("Hi\n", "")


def test_a_notice_stands_on_a_line_of_its_own_and_no_pipe_sees_it() -> None:
    events: list[Event] = [ReasoningDelta("Hm"), Notice("careful"), TextDelta("Hi"), ENDED]
    assert show(events, Kind.PIPE, Kind.PLAIN) == ("Hi\n", "Hm\n(careful)\n")
    assert show(events, Kind.PIPE, Kind.PIPE) == ("Hi\n", "")
    screen = Screen(Kind.PIPE, Kind.COLOUR)
    show_notice(screen.console, "careful")
    assert screen.texts == ("", "\x1b[2m(careful)\n\x1b[0m")


USAGE = Usage(prompt_tokens=1200, reply_tokens=300, context_tokens=2048, decode_s=14.95, first_token_s=1.26)


@pytest.mark.parametrize(
    ("reason", "cause", "hint"),
    [
        (
            StopReason.MAX_TOKENS,
            "the limit was 300 tokens; all 300 tokens of the reply were reasoning",
            "--max-tokens 1200",
        ),
        (
            StopReason.CONTEXT_FULL,
            "the context of 2,048 tokens is full; all 300 tokens of the reply were reasoning",
            "",
        ),
    ],
)
def test_a_reply_cut_off_before_its_answer_is_an_error(reason: StopReason, cause: str, hint: str) -> None:
    with pytest.raises(ReplyCutOff) as caught:
        show_cut_off(Screen(Kind.PIPE, Kind.PIPE).console, TurnEnded(reason, USAGE), has_answer=False)
    error = caught.value
    assert (error.message, error.cause, error.hint, error.exit_code) == (
        "the reply was cut off before its answer began",
        cause,
        hint,
        ExitCode.REPLY_CUT_OFF,
    )


def test_an_answer_that_was_cut_off_is_told_to_a_person_alone() -> None:
    for err, told in [
        (Kind.PIPE, ""),
        (Kind.PLAIN, "(the answer was cut off: the limit was 300 tokens; --max-tokens 1200 allows more)\n"),
    ]:
        screen = Screen(Kind.PIPE, err)
        show_cut_off(screen.console, TurnEnded(StopReason.MAX_TOKENS, USAGE), has_answer=True)
        assert screen.texts == ("", told)


@pytest.mark.parametrize(
    ("reason", "usage"),
    [(StopReason.STOP_STRING, USAGE), (StopReason.CANCELLED, USAGE), (StopReason.END, Usage(reply_tokens=1))],
)
def test_an_answer_may_be_empty(reason: StopReason, usage: Usage) -> None:
    screen = Screen(Kind.PIPE, Kind.PLAIN)
    show_cut_off(screen.console, TurnEnded(reason, usage), has_answer=False)
    assert screen.texts == ("", "")


@pytest.mark.parametrize(
    ("reason", "message", "cause"),
    [
        (StopReason.END, "the reply ended without an answer", "it was 300 tokens of reasoning"),
        (StopReason.TOOL_CALL, "the model called a tool instead of answering", "no tools were offered to it"),
    ],
)
def test_a_reply_that_ended_without_an_answer_is_an_error(reason: StopReason, message: str, cause: str) -> None:
    with pytest.raises(ReplyCutOff) as caught:
        show_cut_off(Screen(Kind.PIPE, Kind.PIPE).console, TurnEnded(reason, USAGE), has_answer=False)
    assert (caught.value.message, caught.value.cause) == (message, cause)


def test_the_cost_of_a_reply_stands_on_one_line() -> None:
    assert describe_usage(USAGE) == "300 tokens · 20.0 tokens/s · first token after 1.3 s · context 1,500 of 2,048"
    assert describe_usage(Usage()) == "0 tokens · 0.0 tokens/s · first token after 0.0 s · context 0 of 0"


class ClosedFile(io.StringIO):
    """What a pipe's writing end is once nobody reads."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError


def test_a_pipe_that_nobody_reads_ends_the_reply() -> None:
    out = Stream(ClosedFile(), is_watched=False, has_escapes=False, has_colour=False)
    with pytest.raises(ClosedPipe), ReplyPrinter(Console(out, Output(Kind.PLAIN).stream)) as printer:
        printer.show([TextDelta("Hi"), ENDED])


def test_reasoning_that_a_pipe_asked_for_ends_with_its_line() -> None:
    screen = Screen(Kind.PIPE, Kind.PIPE)
    events: list[Event] = [ReasoningDelta("Let me "), ReasoningDelta("see."), TextDelta("Four."), ENDED]
    assert list(write_reasoning(events, screen.console.err)) == events
    assert screen.texts == ("", "Let me see.\n")
    stopped = write_reasoning([ReasoningDelta("Hm"), ENDED], screen.console.err)
    next(stopped)
    stopped.close()
    assert screen.texts == ("", "Let me see.\nHm\n")
