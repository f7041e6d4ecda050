"""Objects of a schema: the properties in the schema's order, then additional ones. Knows nothing of their values."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from oss_cli.grammar import characters
from oss_cli.grammar.characters import character_of
from oss_cli.grammar.json_text import COMMA, OBJECT, STRING, VALUE, braced, entry, listed
from oss_cli.grammar.nodes import EMPTY, NOTHING, Node, choice, repeat, sequence, text
from oss_cli.grammar.schema.merge import both
from oss_cli.grammar.schema.pattern import NotSupported, string_matching
from oss_cli.grammar.schema.problem import below, not_supported

if TYPE_CHECKING:
    from oss_cli.grammar.schema.compiler import Compiler

# Additional names are written without escapes: with them, a name that is taken could be written in another way.
_NAME_CHARACTERS = characters.without(characters.EVERY, characters.ranges([(0, 0x1F), *characters.of('"\\')]))


def compile_object(compiler: "Compiler", schema: Mapping[str, Any], pointer: str) -> Node:
    """An object. Where nothing is said of its properties, it may have any; else additional ones only if the schema
    asks for them.
    """
    declared = dict(schema.get("properties", {}))
    required = list(schema.get("required", []))
    names = [*declared, *(name for name in required if name not in declared)]
    least, most = int(schema.get("minProperties", 0)), schema.get("maxProperties")
    if most is not None and int(most) < max(least, len(set(required))):
        return NOTHING
    if not names and "patternProperties" not in schema:
        return _map(compiler, schema, pointer, least, None if most is None else int(most))
    extras = _extras(compiler, schema, pointer, names)
    first, more = listed(extras), listed(extras, has_previous=True)
    for name in reversed(names):
        value = _value(compiler, schema, pointer, name)
        if value is NOTHING:
            if name in required:
                return NOTHING
            continue
        here = entry(text(_quoted(name)), value)
        if name in required:
            first, more = sequence(here, more), sequence(COMMA, here, more)
        else:
            first, more = choice([sequence(here, more), first]), choice([sequence(COMMA, here, more), more])
    return braced(first)


def _map(compiler: "Compiler", schema: Mapping[str, Any], pointer: str, least: int, most: int | None) -> Node:
    """An object of which no name is known."""
    values = compiler.node(schema.get("additionalProperties", True), below(pointer, "additionalProperties"))
    if values is VALUE and not least and most is None:
        return OBJECT
    if values is NOTHING:
        return NOTHING if least else braced(EMPTY)
    return braced(listed(entry(STRING, values), least, most))


def _value(compiler: "Compiler", schema: Mapping[str, Any], pointer: str, name: str) -> Node:
    """What may stand under a name."""
    if name in schema.get("properties", {}):
        return compiler.node(schema["properties"][name], below(pointer, "properties", name))
    return compiler.node(schema.get("additionalProperties", True), below(pointer, "additionalProperties"))


def _extras(compiler: "Compiler", schema: Mapping[str, Any], pointer: str, taken: Collection[str]) -> Node:
    """An entry whose name is none of those that are declared."""
    entries = []
    patterns = schema.get("patternProperties", {})
    for pattern, wanted in patterns.items():
        place = below(pointer, "patternProperties", pattern)
        try:
            name = string_matching(pattern)
        except NotSupported as problem:
            raise not_supported(place, f"{problem} in the pattern {pattern!r}") from problem
        entries.append(entry(sequence('"', name, '"'), compiler.node(wanted, place)))
    if "additionalProperties" in schema:
        wanted = schema["additionalProperties"]
        for other in patterns.values():  # a name may match a pattern by chance: then this keeps the answer valid
            wanted = both(wanted, other)
        values = compiler.node(wanted, below(pointer, "additionalProperties"))
        if values is not NOTHING:
            entries.append(entry(_name_beside(taken), values))
    return choice(entries)


def _name_beside(taken: Iterable[str]) -> Node:
    """A quoted name that is none of these."""
    endings = [json.dumps(name, ensure_ascii=False)[1:] for name in taken]
    return sequence('"', _beside(sorted(set(endings))))


def _beside(endings: list[str]) -> Node:
    """What may follow in a name, its closing quote included, so that it becomes none of these."""
    nexts: dict[str, list[str]] = {}
    for ending in endings:
        if ending:
            nexts.setdefault(ending[0], []).append(ending[1:])
    used = characters.of("".join(nexts))
    other = sequence(
        character_of(characters.without(_NAME_CHARACTERS, used)), repeat(character_of(_NAME_CHARACTERS)), '"'
    )
    closes = [] if '"' in nexts else [text('"')]
    inside = [sequence(first, _beside(rest)) for first, rest in nexts.items() if first not in '"\\']
    return choice([other, *closes, *inside])


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
