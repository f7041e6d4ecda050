"""What grammars are made of: texts, sets of bytes, sequences, choices, repetitions, rules. Pure values, no parser.

A grammar describes bytes, not characters: a token may hold half a character. Nodes are compared by identity, and may be
shared; only a `Rule`, whose body is set after it was made, can close a circle.
"""

from collections.abc import Iterable
from dataclasses import dataclass


class Rule:
    """A named part of a grammar; `body` may lead back to it."""

    __slots__ = ("body", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.body: Node = NOTHING


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """These bytes, at least one."""

    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class ByteSet:
    """One byte of a set: bit N of `mask` stands for byte N."""

    mask: int


@dataclass(frozen=True, slots=True, eq=False)
class TokenMark:
    """One whole token, whatever its text: a control token."""

    token: int


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """All of them, in this order; of none, the empty text."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One of them; of none, no text at all."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """The same thing several times."""

    item: "Node"
    least: int = 0
    most: int | None = None
    """None: without end."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """Something small that stands in many places, such as a character: it is worked out once for all of them.

    No text of it may be the beginning of another one.
    """

    item: "Node"


Node = Text | ByteSet | TokenMark | Sequence | Choice | Repeat | Unit | Rule

EMPTY: Node = Sequence(())
"""The empty text and nothing else."""
NOTHING: Node = Choice(())
"""No text, not even the empty one."""


def sequence(*items: "Node | str") -> Node:
    """All of them in this order; texts as they are. NOTHING among them makes it all NOTHING."""
    nodes = [text(item) if isinstance(item, str) else item for item in items]
    nodes = [node for node in nodes if node is not EMPTY]
    if any(node is NOTHING for node in nodes):
        return NOTHING
    return nodes[0] if len(nodes) == 1 else Sequence(tuple(nodes)) if nodes else EMPTY


def choice(items: Iterable[Node]) -> Node:
    """One of them."""
    nodes = tuple(dict.fromkeys(node for node in items if node is not NOTHING))
    return nodes[0] if len(nodes) == 1 else Choice(nodes) if nodes else NOTHING


def optional(node: Node) -> Node:
    """It, or the empty text."""
    return EMPTY if node is NOTHING else choice([node, EMPTY])


def repeat(node: Node, least: int = 0, most: int | None = None) -> Node:
    """It, so many times."""
    if most is not None and most < least:
        return NOTHING
    if most == 0 or node is EMPTY:
        return EMPTY
    if node is NOTHING:
        return EMPTY if least == 0 else NOTHING
    return node if least == most == 1 else Repeat(node, least, most)


def unit(node: Node) -> Node:
    """It, worked out once for all the places where it stands."""
    return node if node is NOTHING or isinstance(node, (ByteSet, Text)) else Unit(node)


def text(content: str) -> Node:
    """A text as it is."""
    return Text(content.encode("utf-8", "surrogatepass")) if content else EMPTY


def children(node: Node) -> tuple[Node, ...]:
    """What a node is made of."""
    match node:
        case Sequence(items) | Choice(items):
            return items
        case Repeat(item=item) | Unit(item):
            return (item,)
        case Rule():
            return (node.body,)
        case _:
            return ()
