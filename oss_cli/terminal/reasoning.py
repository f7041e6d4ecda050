"""How reasoning looks: folded to one line, shown in full, or hidden. It stands on stderr, for whoever watches.

Knows nothing of answers; whoever writes one ends the thought first.
"""

import time
from collections.abc import Callable, Generator, Iterable

from oss_cli.conversation.events import Event, ReasoningDelta, TextDelta, TurnEnded
from oss_cli.conversation.habits import ReasoningView
from oss_cli.terminal.console import Console, Stream
from oss_cli.terminal.status import StatusLine, describe_seconds


class Thoughts:
    """Shows the thoughts of one reply, one after another. Its mode may be changed at any time."""

    def __init__(self, console: Console, mode: ReasoningView, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._mode = mode
        self._clock = clock
        self._line = StatusLine(console.err, clock)
        self._text = ""
        """Of the thought that goes on; empty between two."""
        self._shown = ""
        """What of it has been shown in full."""
        self._is_open = False
        """Whether an end of the line is missing behind what has been shown."""
        self._begun = 0.0
        self._sampled_tokens = 0
        """Since the last piece of reasoning: not known yet what they are."""
        self._tokens = 0

    def count(self, tokens: int) -> None:
        """So many tokens have been sampled; the next pieces say of what."""
        self._sampled_tokens = self._sampled_tokens + tokens if self._text else tokens

    def add(self, text: str) -> None:
        """A piece of the thought that goes on, or the first of a new one."""
        text = text if self._text else text.lstrip("\n")
        if not text:
            return
        self._begun = self._begun if self._text else self._clock()
        self._text += text
        self._tokens += self._sampled_tokens
        self._sampled_tokens = 0
        self._refresh()

    def change(self, mode: ReasoningView) -> None:
        """Show it in another way from now on; what has been folded of a thought that goes on is shown too."""
        if mode is self._mode:
            return
        self._end_shown()
        self._mode = mode
        if self._text:
            self._refresh()

    def end(self) -> None:
        """The thought is over: what comes next may be written."""
        if not self._text:
            return
        self._line.clear()
        if self._mode is ReasoningView.FOLD and self._console.err.is_watched:
            self._console.err.dim(f"thought for {self._cost()}")
            self._console.err.write("\n\n" if self._console.out.is_watched else "\n")
        else:
            self._end_shown()
        self._text, self._shown, self._tokens = "", "", 0

    def _refresh(self) -> None:
        if self._mode is not ReasoningView.SHOW:
            self._line.update(f"thinking… {self._cost()}")
        elif self._console.err.is_watched:
            self._line.clear()
            if len(self._text) > len(self._shown):
                self._console.err.dim(self._text[len(self._shown) :])
            self._shown, self._is_open = self._text, True

    def _end_shown(self) -> None:
        """An empty line behind what has been shown, if the answer comes to the same screen."""
        self._line.clear()
        if not self._is_open:
            return
        line_feeds = len(self._shown) - len(self._shown.rstrip("\n"))
        self._console.err.write("\n" * max(0, (2 if self._console.out.is_watched else 1) - line_feeds))
        self._is_open = False

    def _cost(self) -> str:
        tokens = f", {self._tokens:,} token{'s' * (self._tokens != 1)}" if self._tokens else ""
        return describe_seconds(self._clock() - self._begun) + tokens


def write_reasoning(events: Iterable[Event], stream: Stream) -> Generator[Event, None, None]:
    """The same events; on the way their reasoning is written as it is, each thought ending with its line. For pipes."""
    last = "\n"
    try:
        for event in events:
            if isinstance(event, ReasoningDelta) and event.text:
                stream.write(event.text)
                last = event.text[-1]
            elif isinstance(event, (TextDelta, TurnEnded)) and last != "\n":
                stream.write("\n")
                last = "\n"
            yield event
    finally:
        if last != "\n":
            stream.write("\n")
