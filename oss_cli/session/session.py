"""A conversation that goes on: its messages, its instructions, its options. Knows nothing of tokens and terminals."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
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

    def ask(self, text: str) -> AbstractContextManager[Turn]:
        """A turn that answers a new message of the user.

        When the block ends, message and reply are kept; if nothing was said, neither is: two messages of the user in a
        row are something that many models were not trained for.
        """
        return self._turn(list(self.messages), user_message(text))

    def ask_again(self) -> AbstractContextManager[Turn]:
        """A turn that answers the last message anew. The earlier reply stays unless something is said in its place.

        Raises:
            BadUsage: nothing has been said yet.
        """
        last = max((at for at, message in enumerate(self.messages) if message.role is Role.USER), default=None)
        if last is None:
            raise BadUsage("there is no reply to make again", cause="nothing has been said yet")
        return self._turn(self.messages[:last], self.messages[last])

    def clear(self) -> None:
        """Forget everything that was said; instructions and options stay."""
        self.messages.clear()

    @contextmanager
    def _turn(self, before: list[Message], question: Message) -> Iterator[Turn]:
        instructions = [system_message(self.system)] if self.system else []
        turn = Turn(self._backend, [*instructions, *before, question], self.options)
        try:
            yield turn
        finally:
            if turn.reply.content:
                # Nobody here runs tools: a call without its result would stand in the way of every later turn.
                self.messages = [*before, question, replace(turn.reply, tool_calls=())]
