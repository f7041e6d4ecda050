"""A reply as it grows, token by token: read, ended at its stop strings, led to its answer. Knows no engine's inside."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from oss_cli.backends.retelling import Retelling
from oss_cli.backends.stop_strings import StopStrings
from oss_cli.conversation.events import ReplyEvent, StopReason, TextDelta, ToolCallEnded
from oss_cli.conversation.options import BegunReply
from oss_cli.engine.base import GO_ON, STOP, Decision, EndReason
from oss_cli.errors import BadUsage
from oss_cli.prompts.base import ReplyReader

if TYPE_CHECKING:
    from oss_cli.backends.answer_guard import AnswerGuard  # for its name alone: grammars take 18 ms to import

_STOP_REASONS = {
    EndReason.END_TOKEN: StopReason.END,
    EndReason.ON_TOKEN: StopReason.END,
    EndReason.NO_TOKEN: StopReason.END,
    EndReason.MAX_TOKENS: StopReason.MAX_TOKENS,
    EndReason.CONTEXT_FULL: StopReason.CONTEXT_FULL,
    EndReason.CANCELLED: StopReason.CANCELLED,
}
_CUT_OFF = (EndReason.MAX_TOKENS, EndReason.CONTEXT_FULL, EndReason.CANCELLED)
_CHARACTER_TOKENS = 3
"""So many tokens are waited for a character of the reasoning to be whole: a token is at least one of its four bytes."""


class GrowingReply:
    """Fed on the engine's thread, emptied on the caller's: one list of events for each token, in the same order."""

    def __init__(
        self,
        reader: ReplyReader,
        stops: Sequence[str],
        *,
        reasoning_budget: int | None = None,
        guard: "AnswerGuard | None" = None,
    ) -> None:
        """guard: is told of every token, and ends the reply when nothing can follow."""
        self._reader = reader
        self._guard = guard
        self._stops = StopStrings(tuple(stops))
        self._budget = reasoning_budget
        self._coming = 0
        """How many forced tokens are on their way."""
        self._earlier_reasoning = 0
        self._retelling: Retelling | None = None
        self._events: deque[list[ReplyEvent]] = deque()  # its append and popleft are safe between threads
        self._has_call = False
        self._is_closed = False
        self.is_complete = False
        """Whether nothing can follow a reply that was gone on with: what `go_on_from` gave is its rest."""

    def go_on_from(self, begun: BegunReply, opening: Sequence[int]) -> list[ReplyEvent]:
        """Read a reply that was broken off; its events that were not shown.

        opening: all its tokens, or those that stand for its text. Then all of it was shown, and stop strings are not
        looked for in it.

        Raises:
            BadUsage: it was not broken off, and all of it was shown.
        """
        pieces = [self._feed(token) for token in opening]
        if begun.tokens:
            pieces = [self._within_stops(piece) for piece in pieces]
        events = [event for piece in pieces for event in piece]
        if self._reader.is_done and begun.tokens and not self._has_call and not self._stops.has_stopped:
            events += self._closing(is_cut_off=False)
            if rest := Retelling(begun.message, events).untold(events):
                self.is_complete = True
                return rest
        if self._reader.is_done or self._stops.has_stopped or begun.message.tool_calls:
            cause = "it ended before a stop string" if self._stops.has_stopped else "the model has ended it"
            raise BadUsage("the reply is complete", cause=cause)
        self._earlier_reasoning = self._reader.reasoning_tokens
        self._retelling = Retelling(begun.message, events)
        untold = self._retelling.untold(events)
        return untold if begun.tokens else []

    def forced_tokens(self) -> tuple[int, ...]:
        """What comes next, whatever the model would say: what leads to the answer where the reasoning has used up its
        budget, or what the form leaves no choice in.
        """
        if self._coming:
            return ()
        tokens = self._way_to_answer()
        if not tokens and self._guard is not None:
            tokens = self._guard.certain_tokens()
        self._coming = len(tokens)
        return tuple(tokens)

    def take_token(self, token: int) -> Decision:
        """Read one token; what follows."""
        events = self._within_stops(self._feed(token))
        if self._reader.is_done:  # now, not at the end that the engine tells: Ctrl-C may come before it
            events += self._closing(is_cut_off=False)
        self._events.append(self._new(events))
        is_complete = self._guard is not None and self._guard.is_complete
        if self._reader.is_done or self._stops.has_stopped or is_complete:
            return STOP
        self._coming = max(0, self._coming - 1)
        forced = self.forced_tokens()
        return Decision(forced=forced) if forced else GO_ON

    def next_events(self) -> list[ReplyEvent]:
        """The events of the first token that was taken and not asked for yet."""
        return self._events.popleft()

    def close(self, reason: EndReason) -> list[ReplyEvent]:
        """The last events, after those of all tokens."""
        return self._new(self._closing(is_cut_off=reason in _CUT_OFF))

    def stop_reason(self, reason: EndReason) -> StopReason:
        """Why the reply has ended, seen from outside."""
        if self._stops.has_stopped:
            return StopReason.STOP_STRING
        if self._has_call and reason in (EndReason.END_TOKEN, EndReason.ON_TOKEN):
            return StopReason.TOOL_CALL
        return _STOP_REASONS[reason]

    @property
    def reasoning_tokens(self) -> int:
        """How many tokens were reasoning, those not counted that `go_on_from` read."""
        return self._reader.reasoning_tokens - self._earlier_reasoning

    def _way_to_answer(self) -> Sequence[int]:
        """What ends the reasoning here; nothing while it has not used up its budget, or has none."""
        if self._budget is None:
            return ()
        beyond = self._reader.reasoning_tokens - self._budget
        if beyond < 0:
            return ()
        return self._reader.switch_to_answer(splits_characters=beyond >= _CHARACTER_TOKENS)

    def _feed(self, token: int) -> list[ReplyEvent]:
        if self._guard is not None:
            self._guard.take(token)
        return self._reader.feed(token)

    def _within_stops(self, events: Sequence[ReplyEvent]) -> list[ReplyEvent]:
        """The events up to a stop string in the answer."""
        let_through: list[ReplyEvent] = []
        for event in events:
            if isinstance(event, TextDelta):
                text = self._stops.feed(event.text)
                if text:
                    let_through.append(TextDelta(text))
                continue
            let_through += self._released()  # before a tool call, not after it
            self._has_call = self._has_call or isinstance(event, ToolCallEnded)
            let_through.append(event)
        return let_through

    def _closing(self, *, is_cut_off: bool) -> list[ReplyEvent]:
        """What the reader and the stop strings held back, once."""
        if self._is_closed:
            return []
        self._is_closed = True
        events = self._within_stops(self._reader.close(is_cut_off=is_cut_off))
        return events + self._released()

    def _released(self) -> list[ReplyEvent]:
        rest = self._stops.close()
        return [TextDelta(rest)] if rest else []

    def _new(self, events: list[ReplyEvent]) -> list[ReplyEvent]:
        if self._retelling is None:
            return events
        events = self._retelling.untold(events)
        if self._retelling.is_over:
            self._retelling = None
        return events
