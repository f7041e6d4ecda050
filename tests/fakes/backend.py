"""A backend without a model: its replies are given, and it records what it was asked."""

from collections.abc import Generator, Iterable, Sequence

from oss_cli.conversation.events import Event
from oss_cli.conversation.messages import Message
from oss_cli.conversation.options import ReplyOptions, SamplingOptions


class ScriptedBackend:
    """A Backend that gives one list of events after another; an exception among them is raised there."""

    name = "scripted"
    sha256 = "5c" * 32
    is_plain = False
    sampling = SamplingOptions()

    def __init__(self, *replies: Iterable[Event | BaseException], context_tokens: int = 4096) -> None:
        self._replies = list(replies)
        self.context_tokens = context_tokens
        self.asked: list[tuple[list[Message], ReplyOptions]] = []
        self.stopped_early = 0
        """How many replies were closed before their end."""
        self.closed = 0
        self.counted = 0
        """How often a prompt was counted."""

    def reply(self, messages: Sequence[Message], options: ReplyOptions) -> Generator[Event, None, None]:
        """Events of the next reply."""
        self.asked.append((list(messages), options))
        try:
            for event in self._replies.pop(0):
                if isinstance(event, BaseException):
                    raise event
                yield event
        except GeneratorExit:
            self.stopped_early += 1
            raise

    def add_reply(self, events: Sequence[Event | BaseException]) -> None:
        """One more reply, after those there are."""
        self._replies.append(events)

    def count_tokens(self, messages: Sequence[Message], options: ReplyOptions) -> int:
        """A token a word."""
        self.counted += 1
        return sum(self.count_text_tokens(message.content) for message in messages)

    def count_text_tokens(self, text: str) -> int:
        """A token a word."""
        return len(text.split())

    def close(self) -> None:
        """Count it."""
        self.closed += 1
