"""A journal that keeps what it is given in memory: what a real one would find on disk after a crash at any moment."""

from oss_cli.conversation.tree import Conversation, Node
from oss_cli.errors import OssError


class RecordingJournal:
    """A Journal, and everything that it was told, in order."""

    trouble: OssError | None = None

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        """What was asked, and of what: ("node", its id), ("facts", the tip), ("drop", its id)."""
        self.nodes: dict[str, Node] = {}
        self.conversations: dict[str, Conversation] = {}
        self.closed = 0

    def keep_conversation(self, conversation: Conversation) -> None:
        """Remember its facts."""
        self.told.append(("facts", str(conversation.tip)))
        self.conversations[conversation.id] = conversation

    def keep_node(self, conversation_id: str, node: Node) -> None:
        """Remember a node."""
        assert conversation_id in self.conversations, "a conversation comes before its nodes"
        self.told.append(("node", node.id))
        self.nodes[node.id] = node

    def drop_node(self, conversation_id: str, node_id: str) -> None:
        """Forget a node."""
        self.told.append(("drop", node_id))
        del self.nodes[node_id]

    def close(self) -> None:
        """Count it."""
        self.closed += 1
