"""Where a session's conversation is kept as it goes, seen from the session. Knows nothing of files."""

from typing import Protocol

from oss_cli.conversation.tree import Conversation, Node
from oss_cli.errors import OssError


class Journal(Protocol):
    """Keeps a conversation. Its calls return at once and never fail: what went wrong is told by `trouble`."""

    trouble: OssError | None
    """Why nothing is kept any more; None: all is well."""

    def keep_conversation(self, conversation: Conversation) -> None:
        """Keep the conversation's own facts (title, system, tip, ...), not its nodes. The first call makes it."""

    def keep_node(self, conversation_id: str, node: Node) -> None:
        """Keep a node, or its newer state: a reply is handed over again and again while it grows."""

    def drop_node(self, conversation_id: str, node_id: str) -> None:
        """Forget a node that nothing follows."""

    def close(self) -> None:
        """Wait until all of it is on disk. May be called twice."""


class NoJournal:
    """Keeps nothing."""

    trouble: OssError | None = None

    def keep_conversation(self, conversation: Conversation) -> None:
        """Nothing happens."""

    def keep_node(self, conversation_id: str, node: Node) -> None:
        """Nothing happens."""

    def drop_node(self, conversation_id: str, node_id: str) -> None:
        """Nothing happens."""

    def close(self) -> None:
        """Nothing happens."""
