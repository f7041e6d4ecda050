"""Arrays of a schema. Knows nothing of what stands in them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from oss_cli.grammar.json_text import COMMA, bracketed, listed
from oss_cli.grammar.nodes import EMPTY, NOTHING, Node, choice, sequence
from oss_cli.grammar.schema.problem import below

if TYPE_CHECKING:
    from oss_cli.grammar.schema.compiler import Compiler


def compile_array(compiler: "Compiler", schema: Mapping[str, Any], pointer: str) -> Node:
    """An array. More items than `prefixItems` names come only where `items` or `minItems` asks for them."""
    prefix = schema.get("prefixItems", [])
    least = int(schema.get("minItems", 0))
    most = int(schema["maxItems"]) if "maxItems" in schema else None
    if most is not None and most < least:
        return NOTHING
    items = [compiler.node(one, below(pointer, "prefixItems", index)) for index, one in enumerate(prefix)]
    if "prefixItems" in schema and "items" not in schema and least <= len(items):
        most = len(items) if most is None else min(most, len(items))
    items = items if most is None else items[:most]
    further = NOTHING
    if most is None or most > len(items):
        further = compiler.node(schema.get("items", True), below(pointer, "items"))
    room = None if most is None else most - len(items)
    rest = listed(further, max(0, least - len(items)), room, has_previous=bool(items))
    for index in range(len(items) - 1, -1, -1):
        here = sequence(COMMA, items[index], rest) if index else sequence(items[index], rest)
        rest = choice([here, EMPTY]) if index >= least else here
    return bracketed(rest)
