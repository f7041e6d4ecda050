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
from oss_cli.conversation.tree import Node
from oss_cli.errors import DoesNotFit
from oss_cli.session.session import Branch, Session

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
    sent_files: dict[str, tuple[Attachment, ...]] = field(default_factory=dict)
    """Files that went with messages of this chat, other than by `@path`, by the message's node."""
    saved: set[Path] = field(default_factory=set)
    """Files that this chat has written."""
    _counted: tuple[tuple[object, ...], int] = ((), 0)
    _branches: tuple[tuple[object, ...], list[Branch]] = ((), [])

    @property
    def most_file_bytes(self) -> int:
        """More bytes than this cannot fit the context, whatever they say."""
        return self.session.backend.context_tokens * _MOST_BYTES_OF_A_TOKEN

    def check_room(self, attachments: list[Attachment]) -> None:
        """Refuse files that cannot fit the context, before anything is read into the model.

        Raises:
            DoesNotFit: they take more tokens than it has.
        """
        backend = self.session.backend
        tokens = sum(backend.count_text_tokens(one.text) for one in attachments)
        if tokens >= backend.context_tokens:
            cause = f"they take {tokens:,} tokens, the context holds {backend.context_tokens:,}"
            hint = "attach less, or choose a model with a longer context: /model"
            raise DoesNotFit("the attached files are larger than the context", cause=cause, hint=hint)

    def toggle_reasoning(self) -> None:
        """Show reasoning if it is not shown, else fold it."""
        shown = self.reasoning is ReasoningView.SHOW
        self.reasoning = ReasoningView.FOLD if shown else ReasoningView.SHOW

    def count_used(self) -> int:
        """Tokens that the conversation takes of the context, as the model will next read it.

        Raises:
            OssError: the model's format cannot express it.
        """
        session = self.session
        tip = session.conversation.nodes.get(session.conversation.tip or "")
        state = (session.conversation.id, tip, session.system, session.options, session.backend)
        if not _is_same(self._counted[0], state):
            messages = session.told(session.shown)
            self._counted = state, session.backend.count_tokens(messages, session.options) if messages else 0
        return self._counted[1]

    def branches(self) -> list[Branch]:
        """Every branch of the conversation; found anew only when it has changed: the toolbar asks often."""
        conversation = self.session.conversation
        state = (conversation.id, conversation.tip, len(conversation.nodes))
        if not _is_same(self._branches[0], state):
            self._branches = state, self.session.branches()
        return self._branches[1]


def _is_same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Whether two states are the same; a node that has grown is another one, told without comparing all its words."""
    return len(one) == len(other) and all(
        a is b if isinstance(a, Node) else a == b for a, b in zip(one, other, strict=True)
    )
