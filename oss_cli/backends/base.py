"""What a backend is: something that answers a conversation."""

from collections.abc import Generator, Sequence
from typing import Protocol

from oss_cli.conversation.events import Event
from oss_cli.conversation.messages import Message
from oss_cli.conversation.options import ReplyOptions


class Backend(Protocol):
    """A model that is ready to answer."""

    name: str
    """The model's name, for people."""

    def reply(self, messages: Sequence[Message], options: ReplyOptions) -> Generator[Event, None, None]:
        """Events of one reply, ending in `TurnEnded`. Closing the generator early stops the model.

        Raises:
            OssError: no reply can be made; which error depends on the backend.
        """

    def close(self) -> None:
        """Give everything back. May be called twice."""
