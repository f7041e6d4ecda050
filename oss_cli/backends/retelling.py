"""What is new of a reply that is read once more from its beginning. Knows nothing of tokens."""

from collections.abc import Sequence
from os.path import commonprefix

from oss_cli.conversation.events import PreambleDelta, ReasoningDelta, ReplyEvent, TextDelta
from oss_cli.conversation.messages import Message


class Retelling:
    """Leaves out of a reply's events what was shown of it before it was broken off.

    By text: what was told may be less than the tokens hold, or more (the beginning of a stop string is told when a
    reply is cut off, and held back when it is read again). Where the two part, all that follows is new.
    """

    def __init__(self, shown: Message, begun: Sequence[ReplyEvent]) -> None:
        """shown: what was shown. begun: all events of the part that is read again; pass them through `untold` too."""
        answer = "".join(event.text for event in begun if isinstance(event, TextDelta))
        preamble = "".join(event.text for event in begun if isinstance(event, PreambleDelta))
        said = shown.content
        # A message has one content: the answer, and a preamble only as long as there is no answer.
        if preamble and _agree(preamble, said) and not (answer and said and _agree(answer, said)):
            preamble, said = said, ""
        self._shown: dict[type[ReplyEvent], str] = {
            ReasoningDelta: shown.reasoning,
            PreambleDelta: preamble,
            TextDelta: said,
        }

    @property
    def is_over(self) -> bool:
        """Whether all that comes from now on is new."""
        return not any(self._shown.values())

    def untold(self, events: Sequence[ReplyEvent]) -> list[ReplyEvent]:
        """The events without what was shown of them."""
        return [new for event in events if (new := self._untold(event)) is not None]

    def _untold(self, event: ReplyEvent) -> ReplyEvent | None:
        shown = self._shown.get(type(event))
        if not shown or not isinstance(event, (ReasoningDelta, PreambleDelta, TextDelta)):
            return event
        same = len(commonprefix([shown, event.text]))
        new = event.text[same:]
        self._shown[type(event)] = "" if new else shown[same:]
        return type(event)(new) if new else None


def _agree(first: str, second: str) -> bool:
    """Whether one of two texts is the beginning of the other."""
    return first.startswith(second) or second.startswith(first)
