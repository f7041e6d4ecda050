"""Conversations of responses that a later request may go on from. In memory, with a cap; gone with the process."""

from collections import OrderedDict
from collections.abc import Sequence

from oss_cli.conversation.messages import Message

_MOST = 1000
_MOST_CHARACTERS = 64 << 20
"""Of all that is kept, as each response counts its whole conversation."""


class KeptResponses:
    """Whole conversations by the id of their last response: an id cannot be guessed, so nobody reads another's."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[tuple[Message, ...], int]] = OrderedDict()
        self._characters = 0

    def keep(self, id: str, messages: Sequence[Message]) -> None:
        """Keep one; the oldest make room for it."""
        size = sum(len(one.content) + len(one.reasoning) + _size_of_calls(one) for one in messages)
        self._kept[id] = (tuple(messages), size)
        self._characters += size
        while len(self._kept) > _MOST or (self._characters > _MOST_CHARACTERS and len(self._kept) > 1):
            _, (_, gone) = self._kept.popitem(last=False)
            self._characters -= gone

    def find(self, id: str) -> tuple[Message, ...] | None:
        """A conversation, its response included; None: it is not there, or not any more."""
        found = self._kept.get(id)
        if found is None:
            return None
        self._kept.move_to_end(id)
        return found[0]


def _size_of_calls(message: Message) -> int:
    return sum(len(call.arguments) + len(call.name) for call in message.tool_calls)
