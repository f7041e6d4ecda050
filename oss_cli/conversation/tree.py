"""A conversation as a tree: every message hangs on the one that it follows, and a second reply is a second branch.

Plain values and what can be asked of them; knows neither where a conversation is kept nor who goes on with it.
"""

import secrets
from dataclasses import dataclass, field, replace

from oss_cli.conversation.events import StopReason, Usage
from oss_cli.conversation.messages import Message, Role, system_message
from oss_cli.conversation.options import ReasoningEffort, SamplingOptions

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letter looks like a digit
_ID_LENGTH = 10  # 50 random bits: two of a million conversations are alike with a chance of 1 in 2,000
_TITLE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Making:
    """How a reply was made, and what it cost."""

    model: str
    """The model's name."""
    model_sha256: str = ""
    """Of its (first) file; empty where nobody knows it."""
    effort: ReasoningEffort | None = None
    sampling: SamplingOptions = SamplingOptions()
    """What was asked for; the model's own defaults fill the rest."""
    seed: int | None = None
    """What was drawn with; None while the reply is being made."""
    usage: Usage = Usage()
    reason: StopReason | None = None
    """Why it ended; None: it is being made, or was broken off by the end of the process."""
    tokens: tuple[int, ...] = ()
    """Its token ids, so that it can go on; empty where they are not known."""


@dataclass(frozen=True, slots=True)
class Node:
    """One message in its place."""

    id: str
    """No other node of any conversation has it."""
    parent_id: str | None
    """What it follows; None: it begins the conversation."""
    message: Message
    created: float
    """When, in seconds since 1970."""
    typed: str = ""
    """What its writer typed, where the message holds more: the text of attached files. Empty: the message itself."""
    making: Making | None = None
    """On an assistant's message."""
    summary_of: str | None = None
    """On a summary (a system's message): the last node that it stands for; all before that one, too."""

    @property
    def is_partial(self) -> bool:
        """Whether this is a reply that did not come to its end."""
        if self.making is None:
            return False
        return self.making.reason not in (StopReason.END, StopReason.STOP_STRING, StopReason.TOOL_CALL)


@dataclass(slots=True)
class Conversation:
    """A conversation: what it is called, what the model is told, and the tree of what was said."""

    id: str
    created: float
    """When it began, in seconds since 1970."""
    date: str
    """ISO date that the model is told, for all its life."""
    title: str = ""
    """What its user called it; empty: see `shown_title`."""
    system: str = ""
    """Instructions; they stand before the messages of every turn."""
    tip: str | None = None
    """The node that the next message follows; None: the beginning."""
    updated: float = 0.0
    """When something was last said."""
    nodes: dict[str, Node] = field(default_factory=dict)
    """Every node by its id, in the order in which they came."""
    unreadable: tuple[str, ...] = ()
    """Of each message that could not be read where it is kept, what is wrong with it. It is no node."""

    @property
    def shown_title(self) -> str:
        """Its title, or the beginning of the first message."""
        if self.title:
            return self.title
        first = next((node for node in self.nodes.values() if node.message.role is Role.USER), None)
        return first_words(first.typed or first.message.content) if first is not None else ""

    def path(self, tip: str | None = None) -> list[Node]:
        """The nodes from the beginning to a node; without one, to the tip."""
        nodes = []
        at = tip if tip is not None else self.tip
        while at is not None:
            node = self.nodes[at]
            nodes.append(node)
            at = node.parent_id
        return nodes[::-1]

    def children(self, parent_id: str | None) -> list[Node]:
        """What follows a node, oldest first; of None: the conversation's beginnings."""
        return [node for node in self.nodes.values() if node.parent_id == parent_id]

    def leaves(self) -> list[Node]:
        """The ends of all branches, oldest first."""
        parents = {node.parent_id for node in self.nodes.values()}
        return [node for node in self.nodes.values() if node.id not in parents]

    def add(self, node: Node) -> None:
        """Put a node into the tree and make it the tip; one of the same id is replaced."""
        self.nodes[node.id] = node
        self.tip = node.id
        self.updated = max(self.updated, node.created)

    def remove(self, node_id: str) -> None:
        """Take away a node that nothing follows; what it followed becomes the tip if it was."""
        node = self.nodes.pop(node_id)
        if self.tip == node_id:
            self.tip = node.parent_id


def new_conversation(*, date: str, now: float, system: str = "") -> Conversation:
    """A conversation in which nothing has been said yet."""
    return Conversation(new_id(), now, date, system=system, updated=now)


def first_words(text: str) -> str:
    """The beginning of a text on one line, as long as a title."""
    line = " ".join(text.split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1].rstrip() + "…"


def new_id() -> str:
    """A random id, for a conversation or a node."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))


def shown_to_model(nodes: list[Node]) -> list[Node]:
    """Of a path of nodes, those that a model is shown: the last summary, and what comes after what it stands for."""
    start = max((at for at, node in enumerate(nodes) if node.summary_of is not None), default=None)
    if start is None:
        return nodes
    last = next(at for at, node in enumerate(nodes) if node.id == nodes[start].summary_of)
    return [nodes[start], *(node for node in nodes[last + 1 :] if node.summary_of is None)]


def spoken(nodes: list[Node]) -> list[Message]:
    """What a model is told of nodes that it is shown: their messages, but no reply and no summary without words.

    Two messages of the user in a row (a reply in between was stopped in its reasoning) become one: many models were
    not trained for two.
    """
    messages: list[Message] = []
    for node in nodes:
        message = node.message
        if message.role is not Role.USER and not message.content:
            continue
        if messages and message.role is Role.USER and messages[-1].role is Role.USER:
            joined = f"{messages[-1].content}\n\n{message.content}"
            messages[-1] = replace(messages[-1], content=joined)
        else:
            # Nobody here runs tools: a call without its result would stand in the way of every later turn.
            messages.append(replace(message, tool_calls=()))
    return messages


def told(system: str, nodes: list[Node]) -> list[Message]:
    """What a model is told of nodes that it is shown: instructions and a summary as one message, then the rest."""
    messages = spoken(nodes)
    instructions = [system] if system.strip() else []
    if messages and messages[0].role is Role.SYSTEM:
        instructions.append(messages[0].content)
        messages = messages[1:]
    return [system_message("\n\n".join(instructions)), *messages] if instructions else messages
