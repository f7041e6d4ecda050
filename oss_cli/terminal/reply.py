"""A stream of reply events on a screen or in a pipe: the answer on stdout, all else on stderr for whoever watches."""

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from oss_cli.conversation.events import (
    Event,
    Notice,
    PreambleDelta,
    PrefillProgress,
    ReasoningDelta,
    StopReason,
    TextDelta,
    TokensSampled,
    TurnEnded,
    Usage,
)
from oss_cli.conversation.habits import ReasoningView
from oss_cli.errors import ReplyCutOff
from oss_cli.terminal.console import Console, Stream
from oss_cli.terminal.errors import show_notice
from oss_cli.terminal.reasoning import Thoughts
from oss_cli.terminal.status import PrefillStatus

_POLL_S = 0.05


class ReplyPrinter:
    """Shows one reply. Use it as a context manager: however the reply ends, the terminal is left clean."""

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        *,
        markdown: bool = True,
        reasoning: ReasoningView = ReasoningView.FOLD,
        begun: str = "",
        poll: Callable[[], ReasoningView | None] | None = None,
    ) -> None:
        """markdown: whether to render it where a person watches on a terminal that knows escape sequences.

        reasoning: how thoughts are shown.
        begun: what was shown of the answer earlier, if it goes on.
        poll: asked between events, at most twenty times a second, whether thoughts are to be shown in another way.
        """
        self._console = console
        self._out = console.out
        self._clock = clock
        self._prefill = PrefillStatus(console.err, clock)
        self._reasoning = Thoughts(console, reasoning, clock)
        self._poll = poll
        self._next_poll = 0.0
        self._answer = _open_answer(console.out, clock, markdown=markdown)
        self._has_answer = bool(begun)
        if begun:
            self._answer.prime(begun)
        self._shown_aside = _PlainText(console.err.dim)
        self._aside: list[str] = []
        """What was said before a tool call: the answer, if nothing else comes."""
        self._follows_preamble = False
        """Whether what stands on the screen was said before the answer."""

    def __enter__(self) -> "ReplyPrinter":
        return self

    def __exit__(self, *_: object) -> None:
        self._clear_the_way()
        self._answer.finish()

    def show(self, events: Iterable[Event]) -> TurnEnded | None:
        """Show the events as they come; the last one, or None if they stopped without it."""
        ended = None
        for event in events:
            self._show(event)
            self._ask_for_the_mode()
            if isinstance(event, TurnEnded):
                ended = event
        if not self._has_answer and self._aside:
            self._show_answer("".join(self._aside))
        return ended

    @property
    def has_answer(self) -> bool:
        """Whether any answer has been shown, what was begun earlier included."""
        return self._has_answer

    def _show(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                if self._follows_preamble and text:
                    self._answer.finish()
                    self._out.write("\n")
                    self._follows_preamble = False
                self._show_answer(text)
            case ReasoningDelta(text):
                self._show_reasoning(text)
            case PreambleDelta(text):
                self._show_preamble(text)
            case TokensSampled(tokens):
                self._reasoning.count(len(tokens))
            case PrefillProgress(done, total):
                self._prefill.show(done, total)
            case Notice(text):
                self._clear_the_way()
                self._answer.finish()
                show_notice(self._console, text)
            case _:
                pass

    def _show_answer(self, text: str) -> None:
        if not text:
            return
        self._clear_the_way()
        self._answer.write(text)
        self._has_answer = True

    def _show_reasoning(self, text: str) -> None:
        self._prefill.clear()
        self._shown_aside.finish()
        self._answer.finish()
        self._reasoning.add(text)

    def _show_preamble(self, text: str) -> None:
        """A person at a terminal just reads it; a pipe gets the answer alone, and this only if there is no other."""
        if self._out.is_watched:
            self._show_answer(text)
            self._follows_preamble = True
            return
        self._aside.append(text)
        if self._console.err.is_watched:
            self._prefill.clear()
            self._reasoning.end()
            self._shown_aside.write(text)

    def _clear_the_way(self) -> None:
        """End whatever stands on stderr."""
        self._prefill.clear()
        self._shown_aside.finish()
        self._reasoning.end()

    def _ask_for_the_mode(self) -> None:
        if self._poll is None or self._clock() < self._next_poll:
            return
        self._next_poll = self._clock() + _POLL_S
        mode = self._poll()
        if mode is not None:
            self._reasoning.change(mode)


class _Answer(Protocol):
    """Where an answer is written."""

    def prime(self, text: str) -> None:
        """Go on behind a text that was shown earlier."""

    def write(self, text: str) -> None:
        """Write a piece."""

    def finish(self) -> None:
        """Leave the cursor at the beginning of a line; more may follow."""


class _PlainText:
    """Text letter by letter: for pipes, and for terminals that know no escape sequences."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last_character = ""
        """Since the last end of a line that was ours."""

    def prime(self, text: str) -> None:
        pass

    def write(self, text: str) -> None:
        self._write(text)
        self._last_character = text[-1:] or self._last_character

    def finish(self) -> None:
        if self._last_character and self._last_character != "\n":
            self._write("\n")
        self._last_character = ""


def _open_answer(out: Stream, clock: Callable[[], float], *, markdown: bool) -> _Answer:
    if not markdown or not out.has_escapes:
        return _PlainText(out.write)
    from oss_cli.terminal.markdown.writer import MarkdownWriter  # 60 ms, and no pipe needs it

    return MarkdownWriter(out, clock)


def load_markdown(console: Console) -> None:
    """Load what rendering needs, if this console renders: best called on a thread while a model is being loaded."""
    if console.out.has_escapes:
        import oss_cli.terminal.markdown.writer  # noqa: F401 - 60 ms, which nobody then waits for


def show_cut_off(
    console: Console,
    ended: TurnEnded,
    *,
    has_answer: bool,
    more: str = "--max-tokens",
    goes_on: str = "",
    tells_pipes: bool = False,
) -> None:
    """Say that a reply was cut short.

    more: what allows more tokens, to be followed by their number. goes_on: how the reply can go on.
    tells_pipes: whether it is said where nobody watches, too, if there is an answer.

    Raises:
        ReplyCutOff: it ended before its answer began.
    """
    limit, hint = describe_limit(ended, more)
    if has_answer and limit:
        how = goes_on or (f"{hint} allows more" if hint else "")
        text = f"the answer was cut off: {limit}" + (f"; {how}" if how else "")
        show_notice(console, text)
        if tells_pipes and not console.err.is_watched:
            console.err.write(f"{text}\n")
    if has_answer or ended.reason is StopReason.STOP_STRING:
        return
    tokens = ended.usage.reply_tokens
    if limit:
        cause = f"{limit}; all {tokens:,} tokens of the reply were reasoning"
        raise ReplyCutOff("the reply was cut off before its answer began", cause=cause, hint=hint)
    if ended.reason is StopReason.TOOL_CALL:
        raise ReplyCutOff("the model called a tool instead of answering", cause="no tools were offered to it")
    if ended.reason is StopReason.END and tokens > 1:
        raise ReplyCutOff("the reply ended without an answer", cause=f"it was {tokens:,} tokens of reasoning")


def describe_limit(ended: TurnEnded, more: str = "--max-tokens") -> tuple[str, str]:
    """What cut a reply off, and the option that allows more; empty where nothing did, or no option does."""
    tokens = ended.usage.reply_tokens
    if ended.reason is StopReason.MAX_TOKENS:
        return f"the limit was {tokens:,} tokens", f"{more} {max(512, tokens * 4)}"
    if ended.reason is StopReason.CONTEXT_FULL:
        return f"the context of {ended.usage.context_tokens:,} tokens is full", ""
    return "", ""


def describe_usage(usage: Usage) -> str:
    """What a reply cost, on one line; and that its seed promises nothing, if tokens were guessed."""
    used = usage.prompt_tokens + usage.reply_tokens
    guesses = ""
    if usage.drafted_tokens:
        guesses = (
            f" · {usage.accepted_tokens:,} of {usage.drafted_tokens:,} guesses right: the seed may bring another reply"
        )
    return (
        f"{usage.reply_tokens:,} tokens · {usage.tokens_per_second:.1f} tokens/s · "
        f"first token after {usage.first_token_s:.1f} s · context {used:,} of {usage.context_tokens:,}{guesses}"
    )
