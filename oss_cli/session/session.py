"""A conversation that goes on: its messages, its instructions, its options. Knows nothing of tokens and terminals."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from oss_cli.backends.base import Backend
from oss_cli.conversation.messages import Message, Role, system_message, user_message
from oss_cli.conversation.options import ReplyOptions
from oss_cli.errors import BadUsage
from oss_cli.session.turn import Turn


class Session:
    """A conversation with one model. What is said is kept once its turn is over, also when it was stopped."""

    def __init__(self, backend: Backend, options: ReplyOptions, *, system: str = "") -> None:
        self._backend = backend
        self.options = replace(options, goes_on=True)
        self.system = system
        """Instructions; they stand before the messages of every turn, and may be changed at any time."""
        self.messages: list[Message] = []

    @contextmanager
    def ask(self, text: str) -> Iterator[Turn]:
        """A turn that answers a new message of the user.

        When the block ends, message and reply are kept; if nothing was said, neither is: two messages of the user in a
        row are something that many models were not trained for.
        """
        question = user_message(text)
        before = [system_message(self.system)] if self.system else []
        turn = Turn(self._backend, [*before, *self.messages, question], self.options)
        try:
            yield turn
        finally:
            reply = turn.reply
            if reply.content or reply.tool_calls:
                self.messages += [question, reply]

    def take_back(self) -> str:
        """Forget the last turn; the user's message of it, to be asked again.

        Raises:
            BadUsage: nothing has been said yet.
        """
        last = max((at for at, message in enumerate(self.messages) if message.role is Role.USER), default=None)
        if last is None:
            raise BadUsage("there is no reply to make again", cause="nothing has been said yet")
        text = self.messages[last].content
        del self.messages[last:]
        return text

    def clear(self) -> None:
        """Forget everything that was said; instructions and options stay."""
        self.messages.clear()
