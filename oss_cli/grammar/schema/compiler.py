"""A JSON Schema as a grammar of the answers that it allows. Knows nothing of models.

What comes out is never more than the schema allows, but for what no grammar can hold (`oneOf`, `uniqueItems` and the
like), and often less: properties in the schema's order, additional ones only where the schema asks for them, numbers
of limited length. Whoever has the whole answer validates it.
Source: JSON Schema 2020-12, core and validation.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from oss_cli.errors import BadUsage
from oss_cli.grammar.json_text import BOOLEAN, NULL, VALUE
from oss_cli.grammar.nodes import NOTHING, Node, Rule, choice
from oss_cli.grammar.schema import arrays, literals, objects, scalars
from oss_cli.grammar.schema.merge import Schema, merge, types_of
from oss_cli.grammar.schema.problem import (
    DEEPEST,
    NotSupported,
    below,
    impossible,
    not_supported,
    too_deep,
    too_large,
)
from oss_cli.grammar.soundness import find_productive

_MOST_STEPS = 50_000
"""Schemas looked at, those that are merged included: references to references can double them with each level."""

_TYPE_KEYWORDS = {
    "object": ("properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_COMBINING = ("$ref", "allOf", "anyOf", "oneOf", "enum", "const", "type")
_HOLDING = {*_COMBINING, *(key for keys in _TYPE_KEYWORDS.values() for key in keys)}
"""Keywords that say something about a value; all others are notes."""
_REFUSED = (
    "not", "if", "then", "else", "contains", "minContains", "maxContains", "propertyNames", "dependentRequired",
    "dependentSchemas", "dependencies", "unevaluatedItems", "unevaluatedProperties", "additionalItems", "$dynamicRef",
    "$recursiveRef",
)  # fmt: skip
KEYWORDS = frozenset({
    *_HOLDING, *_REFUSED, "$schema", "$id", "$anchor", "$defs", "definitions", "$comment", "title", "description",
    "default", "deprecated", "readOnly", "writeOnly", "examples",
})  # fmt: skip
"""Those of JSON Schema that may stand in a schema of its own, notes among them."""


def compile_schema(schema: Schema) -> Node:
    """The grammar of the answers that a schema allows.

    schema: one that was checked to be a JSON Schema.

    Raises:
        BadUsage: it has features that are not supported, all of which it names, or no value fits it; says where.
    """
    compiler = Compiler(schema)
    root = compiler.node(schema, "#")
    if compiler.problems:
        raise NotSupported(list(compiler.problems), hint=compiler.hint)
    if id(root) not in find_productive(root):
        raise impossible(compiler.first_impossible)
    return root


class Compiler:
    """Reads one schema and what it refers to."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._rules: dict[str, Rule] = {}
        self._depth = 0
        self._steps = 0
        self.problems: dict[str, None] = {}
        """What is not supported, each with its place, in order."""
        self.hint = ""
        self.first_impossible = "#"
        """Where it was first seen that no value fits."""

    def node(self, schema: Schema, pointer: str) -> Node:
        """The grammar of a schema that stands at this place.

        Raises:
            BadUsage: as `compile_schema` says.
        """
        self._descend(pointer)
        depth = self._depth
        try:
            node = self._node(schema, pointer)
        except NotSupported as error:  # the rest is looked at as well, so that all is told at once
            self.problems |= dict.fromkeys(error.problems)
            self.hint = self.hint or error.hint
            node = VALUE
        self._depth = depth
        if node is NOTHING and self.first_impossible == "#":
            self.first_impossible = pointer
        self._depth -= 1
        return node

    def _node(self, schema: Schema, pointer: str) -> Node:
        if isinstance(schema, bool):
            return VALUE if schema else NOTHING
        holding = {key: value for key, value in schema.items() if key in _HOLDING}
        if set(holding) == {"$ref"}:
            _check_supported(schema, pointer)
            return self._rule(str(schema["$ref"]), pointer)
        flat = self._flatten(schema, pointer)
        if isinstance(flat, bool):
            return VALUE if flat else NOTHING
        alternatives = flat.pop("anyOf", None)
        if alternatives is None:
            return self._plain(flat, pointer)
        is_bare = not any(key in _HOLDING for key in flat)
        return choice(
            self.node(one if is_bare else self._merged(flat, one, pointer), below(pointer, "anyOf", index))
            for index, one in enumerate(alternatives)
        )

    def _plain(self, schema: dict[str, Any], pointer: str) -> Node:
        """A schema without references and combinations."""
        if "enum" in schema:
            values = schema.pop("enum")
            rest = self._plain(schema, pointer) if any(key in _HOLDING for key in schema) else VALUE
            return literals.one_of(literals.fitting(values, rest))
        types = types_of(schema["type"]) if "type" in schema else _implied_types(schema)
        if types is None:
            return VALUE
        return choice(self._typed(one, schema, pointer) for one in types)

    def _typed(self, wanted: str, schema: Mapping[str, Any], pointer: str) -> Node:
        match wanted:
            case "object":
                return objects.compile_object(self, schema, pointer)
            case "array":
                return arrays.compile_array(self, schema, pointer)
            case "string":
                return scalars.compile_string(schema, pointer)
            case "integer" | "number":
                return scalars.compile_number(schema, pointer, is_whole=wanted == "integer")
            case "boolean":
                return BOOLEAN
            case _:
                return NULL

    def _flatten(self, schema: Schema, pointer: str) -> dict[str, Any] | bool:
        """The same schema with `$ref` and `allOf` read into it, `oneOf` as `anyOf` and `const` as `enum`."""
        if isinstance(schema, bool):
            return schema
        _check_supported(schema, pointer)
        flat: Schema = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "oneOf", "const")}
        parts: list[Schema] = []
        if "const" in schema:
            parts.append({"enum": [schema["const"]]})
        if "oneOf" in schema:
            parts.append({"anyOf": schema["oneOf"]})
        if "$ref" in schema:
            parts.append(self._found(str(schema["$ref"]), pointer))
        parts += schema.get("allOf", [])
        for part in parts:
            flat = self._merged(flat, part, pointer)
        return flat if isinstance(flat, bool) else dict(flat)

    def _merged(self, first: Schema, second: Schema, pointer: str) -> Schema:
        self._descend(pointer)
        merged = merge(first, self._flatten(second, pointer), pointer)
        self._depth -= 1
        return merged

    def _descend(self, pointer: str) -> None:
        """One level deeper; whoever calls it comes back up."""
        self._depth += 1
        self._steps += 1
        if self._depth > DEEPEST:
            raise too_deep(pointer)
        if self._steps > _MOST_STEPS:
            raise too_large(_MOST_STEPS)

    def _rule(self, reference: str, pointer: str) -> Rule:
        target = self._found(reference, pointer)
        rule = self._rules.get(reference)
        if rule is None:
            rule = self._rules[reference] = Rule(reference)
            rule.body = self.node(target, reference)
        return rule

    def _found(self, reference: str, pointer: str) -> Schema:
        """What a reference means."""
        place = below(pointer, "$ref")
        if reference != "#" and not reference.startswith("#/"):
            raise not_supported(place, f"the reference {reference!r} to something outside this schema")
        found: Any = self._root
        for part in reference.split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, Mapping) and key in found:
                found = found[key]
            else:
                raise BadUsage("the schema cannot be used", cause=f"{place}: there is nothing at {reference}")
        if not isinstance(found, (Mapping, bool)):
            raise BadUsage("the schema cannot be used", cause=f"{place}: what stands at {reference} is no schema")
        return found


def _check_supported(schema: Mapping[str, Any], pointer: str) -> None:
    refused = [f"the keyword {key}" for key in schema if key in _REFUSED]
    if refused:
        raise not_supported(pointer, *refused)
    if isinstance(schema.get("items"), list):
        raise not_supported(below(pointer, "items"), "a list of items", hint="write it as prefixItems")


def _implied_types(schema: Mapping[str, Any]) -> list[str] | None:
    """The types that its keywords are about, as whoever left `type` out must have meant; None: they are about none."""
    found = [name for name, keywords in _TYPE_KEYWORDS.items() if any(key in schema for key in keywords)]
    return found or None
