"""What can be told of a grammar before any text has come: which parts have an end, which lead to themselves at once."""

from oss_cli.grammar.nodes import ByteSet, Choice, Node, Repeat, Rule, Sequence, Text, TokenMark, children


def find_productive(root: Node) -> set[int]:
    """The ids of the parts that some finite text fits; the others are dead ends."""
    nodes = parts_of(root)
    productive = {id(node) for node in nodes if isinstance(node, (Text, ByteSet, TokenMark))}
    grown = -1
    while grown != len(productive):
        grown = len(productive)
        for node in nodes:  # one after another: what one pass finds helps the rest of it
            if id(node) not in productive and _can_end(node, productive):
                productive.add(id(node))
    return productive


def parts_of(root: Node) -> list[Node]:
    """Every part of a grammar, what it is made of before it where there is no circle."""
    seen: set[int] = {id(root)}
    path: list[tuple[Node, list[Node]]] = [(root, list(children(root)))]
    ordered: list[Node] = []
    while path:
        node, left = path[-1]
        if not left:
            path.pop()
            ordered.append(node)
            continue
        child = left.pop()
        if id(child) not in seen:
            seen.add(id(child))
            path.append((child, list(children(child))))
    return ordered


def _can_end(node: Node, productive: set[int]) -> bool:
    match node:
        case Sequence(items):
            return all(id(item) in productive for item in items)
        case Choice(items):
            return any(id(item) in productive for item in items)
        case Repeat(item, least, _):
            return least == 0 or id(item) in productive
        case _:
            return all(id(item) in productive for item in children(node))


def find_left_recursion(root: Node) -> list[Rule]:
    """Rules that lead to each other, or one to itself, before any byte has come: no reader from the left can follow."""
    nodes = parts_of(root)
    empty = _nullable(nodes)
    done: set[int] = set()
    for rule in (node for node in nodes if isinstance(node, Rule)):
        on_path: set[int] = set()
        path: list[tuple[Node, list[Node]]] = [(rule, _first_parts(rule, empty))]
        while path:
            node, left = path[-1]
            on_path.add(id(node))
            if not left:
                path.pop()
                on_path.discard(id(node))
                done.add(id(node))
                continue
            child = left.pop()
            if id(child) in on_path:
                inside = [one for one, _ in path[[id(one) for one, _ in path].index(id(child)) :]]
                return [one for one in inside if isinstance(one, Rule)]
            if id(child) not in done:
                path.append((child, _first_parts(child, empty)))
    return []


def _nullable(nodes: list[Node]) -> set[int]:
    """The ids of the parts that the empty text fits."""
    empty: set[int] = set()
    grown = -1
    while grown != len(empty):
        grown = len(empty)
        for node in nodes:
            if id(node) not in empty and _fits_empty(node, empty):
                empty.add(id(node))
    return empty


def _fits_empty(node: Node, empty: set[int]) -> bool:
    match node:
        case Text() | ByteSet() | TokenMark():
            return False
        case _:
            return _can_end(node, empty)


def _first_parts(node: Node, empty: set[int]) -> list[Node]:
    """The parts that the beginning of a text may belong to."""
    if not isinstance(node, Sequence):
        return list(children(node))
    firsts: list[Node] = []
    for item in node.items:
        firsts.append(item)
        if id(item) not in empty:
            break
    return firsts
