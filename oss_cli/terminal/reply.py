"""A stream of reply events on a screen or in a pipe: the answer on stdout, all else on stderr for whoever watches."""

import time
from collections.abc import Callable, Iterable

from oss_cli.conversation.events import (
    Event,
    Notice,
    PreambleDelta,
    PrefillProgress,
    ReasoningDelta,
    StopReason,
    TextDelta,
    TurnEnded,
    Usage,
)
from oss_cli.errors import ReplyCutOff
from oss_cli.terminal.console import Console
from oss_cli.terminal.status import StatusLine


class ReplyPrinter:
    """Shows one reply. Use it as a context manager: however the reply ends, the terminal is left clean."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._err = console.out, console.err
        self._status = StatusLine(console.err, clock)
        self._last_character = ""
        """Of the answer; empty until it has begun."""
        self._aside: list[str] = []
        """What was said before a tool call: the answer, if nothing else comes."""
        self._follows_preamble = False
        """Whether what stands on the screen was said before the answer."""
        self._is_thinking = False
        self._shows_asides = console.err.is_watched

    def __enter__(self) -> "ReplyPrinter":
        return self

    def __exit__(self, *_: object) -> None:
        self._status.clear()
        self._end_thinking()
        if self._last_character and self._last_character != "\n":
            self._out.write("\n")

    def show(self, events: Iterable[Event]) -> TurnEnded | None:
        """Show the events as they come; the last one, or None if they stopped without it."""
        ended = None
        for event in events:
            self._show(event)
            if isinstance(event, TurnEnded):
                ended = event
        if not self._last_character and self._aside:
            self._show_answer("".join(self._aside))
        return ended

    @property
    def has_answer(self) -> bool:
        """Whether any answer has been shown."""
        return bool(self._last_character)

    def _show(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                if self._follows_preamble and text:
                    self._out.write("\n\n")
                    self._follows_preamble = False
                self._show_answer(text)
            case ReasoningDelta(text):
                self._show_aside(text)
            case PreambleDelta(text):
                self._show_preamble(text)
            case PrefillProgress(done, total):
                self._status.update(f"reading the prompt: {done:,} of {total:,} tokens")
            case Notice(text):
                self._status.clear()
                self._end_thinking()
                show_notice(Console(self._out, self._err), text)
            case _:
                pass

    def _show_answer(self, text: str) -> None:
        if not text:
            return
        self._status.clear()
        self._end_thinking()
        self._out.write(text)
        self._last_character = text[-1]

    def _show_preamble(self, text: str) -> None:
        """A person at a terminal just reads it; a pipe gets the answer alone, and this only if there is no other."""
        if self._out.is_watched:
            self._show_answer(text)
            self._follows_preamble = True
            return
        self._aside.append(text)
        self._show_aside(text)

    def _show_aside(self, text: str) -> None:
        if self._shows_asides:
            self._status.clear()
            self._err.dim(text)
            self._is_thinking = True

    def _end_thinking(self) -> None:
        if self._is_thinking:
            self._err.write("\n\n" if self._out.is_watched else "\n")
            self._is_thinking = False


def show_notice(console: Console, text: str) -> None:
    """Tell a person something; a pipe is not told."""
    if console.err.is_watched:
        console.err.dim(f"({text})\n")


def show_cut_off(
    console: Console, ended: TurnEnded, *, has_answer: bool, more: str = "--max-tokens", goes_on: str = ""
) -> None:
    """Say that a reply was cut short.

    more: what allows more tokens, to be followed by their number. goes_on: how the reply can go on.

    Raises:
        ReplyCutOff: it ended before its answer began.
    """
    tokens = ended.usage.reply_tokens
    limits = {
        StopReason.MAX_TOKENS: f"the limit was {tokens:,} tokens",
        StopReason.CONTEXT_FULL: f"the context of {ended.usage.context_tokens:,} tokens is full",
    }
    limit = limits.get(ended.reason)
    hint = f"{more} {max(512, tokens * 4)}" if ended.reason is StopReason.MAX_TOKENS else ""
    if has_answer and limit is not None:
        show_notice(
            console,
            f"the answer was cut off: {limit}" + (f"; {goes_on or hint + ' allows more'}" if goes_on or hint else ""),
        )
    if has_answer or ended.reason is StopReason.STOP_STRING:
        return
    if limit is not None:
        cause = f"{limit}; all {tokens:,} tokens of the reply were reasoning"
        raise ReplyCutOff("the reply was cut off before its answer began", cause=cause, hint=hint)
    if ended.reason is StopReason.TOOL_CALL:
        raise ReplyCutOff("the model called a tool instead of answering", cause="no tools were offered to it")
    if ended.reason is StopReason.END and tokens > 1:
        raise ReplyCutOff("the reply ended without an answer", cause=f"it was {tokens:,} tokens of reasoning")


def describe_usage(usage: Usage) -> str:
    """What a reply cost, on one line."""
    used = usage.prompt_tokens + usage.reply_tokens
    return (
        f"{usage.reply_tokens:,} tokens · {usage.tokens_per_second:.1f} tokens/s · "
        f"first token after {usage.first_token_s:.1f} s · context {used:,} of {usage.context_tokens:,}"
    )
