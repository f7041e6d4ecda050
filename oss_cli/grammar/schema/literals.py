"""Values that a schema gives in full: `enum` and `const`. Knows nothing of the rest of the schema."""

import json
from collections.abc import Sequence

from oss_cli.grammar.automaton import Automaton
from oss_cli.grammar.json_text import COMMA, VALUE, braced, bracketed, entry, one_of_texts
from oss_cli.grammar.nodes import Node, choice, sequence, text
from oss_cli.grammar.soundness import find_productive


def one_of(values: Sequence[object]) -> Node:
    """One of the values, each written in its usual way."""
    simple = [_written(value) for value in values if not isinstance(value, (dict, list))]
    return choice([one_of_texts(simple), *(_literal(value) for value in values if isinstance(value, (dict, list)))])


def fitting(values: Sequence[object], rest: Node) -> list[object]:
    """The values that are as the rest of their schema asks."""
    if rest is VALUE:
        return list(values)
    if id(rest) not in find_productive(rest):
        return []
    automaton = Automaton(rest)
    return [value for value in values if automaton.accepts(_written(value).encode("utf-8", "surrogatepass"))]


def _literal(value: object) -> Node:
    if isinstance(value, dict):
        entries = [entry(text(_written(key)), _literal(one)) for key, one in value.items()]
        return braced(_joined(entries))
    if isinstance(value, list):
        return bracketed(_joined([_literal(one) for one in value]))
    return text(_written(value))


def _joined(items: Sequence[Node]) -> Node:
    following = [sequence(COMMA, item) for item in items[1:]]
    return sequence(*items[:1], *following)


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
