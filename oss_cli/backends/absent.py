"""What stands where a backend should while no model is loaded. Knows no models."""

from collections.abc import Generator, Sequence
from typing import NoReturn

from oss_cli.conversation.events import Event
from oss_cli.conversation.messages import Message
from oss_cli.conversation.options import ReplyOptions, SamplingOptions
from oss_cli.errors import EngineFailed


class AbsentBackend:
    """A Backend that answers everything with the same error."""

    name = ""
    sha256 = ""
    is_plain = False
    sampling = SamplingOptions()

    def __init__(self, *, cause: str, hint: str) -> None:
        """cause: why no model is loaded. hint: the command that loads one."""
        self._cause = cause
        self._hint = hint

    @property
    def context_tokens(self) -> int:
        """Unknown.

        Raises:
            EngineFailed: always.
        """
        self.fail()

    def reply(self, messages: Sequence[Message], options: ReplyOptions) -> Generator[Event, None, None]:
        """No reply.

        Raises:
            EngineFailed: always.
        """
        self.fail()

    def count_tokens(self, messages: Sequence[Message], options: ReplyOptions) -> int:
        """No count.

        Raises:
            EngineFailed: always.
        """
        self.fail()

    def count_text_tokens(self, text: str) -> int:
        """No count.

        Raises:
            EngineFailed: always.
        """
        self.fail()

    def fail(self) -> NoReturn:
        """Say that no model is loaded.

        Raises:
            EngineFailed: always.
        """
        raise EngineFailed("no model is loaded", cause=self._cause, hint=self._hint)

    def close(self) -> None:
        """Nothing is there to give back."""
