"""What a backend is: something that answers a conversation."""

from collections.abc import Generator, Sequence
from typing import Protocol

from oss_cli.conversation.events import Event
from oss_cli.conversation.messages import Message
from oss_cli.conversation.options import ReplyOptions, SamplingOptions


class Backend(Protocol):
    """A model that is ready to answer."""

    name: str
    """The model's name, for people."""
    sha256: str
    """Of the model's (first) file; empty where nobody knows it."""
    is_plain: bool
    """Whether the model knows no conversations and only goes on with a text."""
    sampling: SamplingOptions
    """What decides where a request does not."""

    @property
    def context_tokens(self) -> int:
        """The most tokens that a conversation, its next reply included, can hold.

        Raises:
            EngineFailed: the backend was closed.
        """

    def reply(self, messages: Sequence[Message], options: ReplyOptions) -> Generator[Event, None, None]:
        """Events of one reply, ending in `TurnEnded`. Closing the generator early stops the model.

        Raises:
            OssError: no reply can be made; which error depends on the backend.
        """

    def count_tokens(self, messages: Sequence[Message], options: ReplyOptions) -> int:
        """How many tokens the prompt for a reply would take.

        Raises:
            BadUsage: there is nothing to answer, or the format cannot express these messages.
            EngineFailed: the backend was closed.
        """

    def count_text_tokens(self, text: str) -> int:
        """How many tokens a text takes by itself. From any thread, also while another closes the backend.

        Raises:
            EngineFailed: the backend was closed.
        """

    def close(self) -> None:
        """Give everything back. May be called twice."""
