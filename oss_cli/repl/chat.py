"""What a chat is beside its conversation: how it is shown, what goes with the next message, which models there are.

Plain state that the commands read and change; knows no terminal.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from oss_cli.attachments import Attachment
from oss_cli.backends.base import Backend
from oss_cli.conversation.habits import Overflow, ReasoningView
from oss_cli.session.session import Session

_MOST_BYTES_OF_A_TOKEN = 16
"""Of ordinary text: English has 4 to 5, deeply indented code up to 10."""


class Models(Protocol):
    """The models that the chat can be held with."""

    @property
    def current(self) -> Backend:
        """The model that answers."""

    def open(self, name: str) -> None:
        """Put another model in the place of the current one.

        Raises:
            OssError: it cannot be opened; the one before it comes back.
        """

    def names(self) -> list[str]:
        """Every model that is on this computer."""


@dataclass(slots=True)
class Chat:
    """What the commands work on."""

    session: Session
    models: Models
    today: Callable[[], str]
    """The ISO date that a new conversation is told."""
    copy: Callable[[str], str]
    """Puts a text into the clipboard; says how."""
    columns: Callable[[], int] = lambda: 80
    """How wide lines may be."""
    overflow: Overflow = Overflow.STOP
    """What happens when the next turn does not fit."""
    reasoning: ReasoningView = ReasoningView.FOLD
    """How the model's reasoning is shown."""
    is_private: bool = False
    """Whether nothing of it is kept."""
    attached: list[Attachment] = field(default_factory=list)
    """Files that go with the next message."""
    saved: set[Path] = field(default_factory=set)
    """Files that this chat has written."""
    _counted: tuple[tuple[object, ...], int] | None = None

    @property
    def most_file_bytes(self) -> int:
        """More bytes than this cannot fit the context, whatever they say."""
        return self.session.backend.context_tokens * _MOST_BYTES_OF_A_TOKEN

    def toggle_reasoning(self) -> None:
        """Show reasoning if it is not shown, else fold it."""
        shown = self.reasoning is ReasoningView.SHOW
        self.reasoning = ReasoningView.FOLD if shown else ReasoningView.SHOW

    def count_used(self) -> int:
        """Tokens that the conversation takes of the context, as the model will next read it."""
        session = self.session
        state = (session.conversation.id, session.conversation.tip, session.system, session.options, session.backend)
        if self._counted is None or self._counted[0] != state:
            messages = session.told(session.shown)
            count = session.backend.count_tokens(messages, session.options) if messages else 0
            self._counted = state, count
        return self._counted[1]
