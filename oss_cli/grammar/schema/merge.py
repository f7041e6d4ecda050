"""Two schemas that hold at once, as one. Knows nothing of grammars and references."""

from collections.abc import Callable, Mapping
from typing import Any

from oss_cli.grammar.schema.problem import not_supported

Schema = Mapping[str, Any] | bool
"""A JSON Schema as it came out of JSON; what stands under a keyword is as the keyword asks, which was checked."""

_Rule = Callable[[Any, Any, str], Any]

_MOST_ALTERNATIVES = 256


def merge(first: Schema, second: Schema, pointer: str) -> Schema:
    """A schema that a value fits if it fits both, neither of which has `$ref` or `allOf` at its top.

    Raises:
        BadUsage: two keywords cannot be made one.
    """
    if isinstance(first, bool) or isinstance(second, bool):
        return False if first is False or second is False else second if first is True else first
    merged = dict(first)
    for key, value in second.items():
        if key in merged and merged[key] != value:
            rule = _RULES.get(key)
            merged[key] = rule(merged[key], value, pointer) if rule is not None else value
        else:
            merged[key] = value
    if "properties" in merged:
        merged["properties"] = _properties(first, second)
    if "prefixItems" in merged:
        merged["prefixItems"] = _prefix_items(first, second)
    return False if merged.get("type") == [] or merged.get("enum") == [] else merged


def both(first: Schema, second: Schema) -> Schema:
    """A schema that asks for both; they are merged when it is read."""
    if first is True or first == second:
        return second
    return first if second is True else {"allOf": [first, second]}


def types_of(value: object) -> list[str]:
    """The keyword `type` as a list."""
    return [value] if isinstance(value, str) else [str(one) for one in value] if isinstance(value, list) else []


def _types(first: object, second: object, _pointer: str) -> list[str]:
    ours, theirs = types_of(first), types_of(second)
    shared = [one for one in ours if one in theirs or (one == "integer" and "number" in theirs)]
    return shared + [one for one in theirs if one == "integer" and "number" in ours and one not in shared]


def _values(first: list[object], second: list[object], _pointer: str) -> list[object]:
    return [one for one in first if any(same_value(one, other) for other in second)]


def same_value(first: object, second: object) -> bool:
    """Whether two JSON values are equal; true is not 1 there."""
    return first == second and isinstance(first, bool) == isinstance(second, bool)


def _alternatives(first: list[Schema], second: list[Schema], pointer: str) -> list[Schema]:
    if len(first) * len(second) > _MOST_ALTERNATIVES:
        raise not_supported(pointer, f"anyOf of {len(first)} beside anyOf of {len(second)} alternatives")
    return [both(one, other) for one in first for other in second]


def _all_names(first: list[str], second: list[str], _pointer: str) -> list[str]:
    return list(dict.fromkeys([*first, *second]))


def _map_both(first: Mapping[str, Schema], second: Mapping[str, Schema], _pointer: str) -> dict[str, Schema]:
    merged = dict(first)
    for key, value in second.items():
        merged[key] = both(merged[key], value) if key in merged else value
    return merged


def _refuse(key: str) -> _Rule:
    def rule(_first: object, _second: object, pointer: str) -> object:
        raise not_supported(pointer, f"two different values of {key} for the same value")

    return rule


_RULES: dict[str, _Rule] = {
    "type": _types,
    "enum": _values,
    "anyOf": _alternatives,
    "required": _all_names,
    "patternProperties": _map_both,
    "additionalProperties": lambda first, second, _: both(first, second),
    "items": lambda first, second, _: both(first, second),
    "pattern": _refuse("pattern"),
    "format": _refuse("format"),
    "multipleOf": lambda first, second, _: max(first, second),
    **{key: lambda first, second, _: max(first, second) for key in ("minimum", "exclusiveMinimum", "minLength")},
    **{key: lambda first, second, _: min(first, second) for key in ("maximum", "exclusiveMaximum", "maxLength")},
    **{key: lambda first, second, _: max(first, second) for key in ("minItems", "minProperties")},
    **{key: lambda first, second, _: min(first, second) for key in ("maxItems", "maxProperties")},
}


def _properties(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Schema]:
    """The properties of both; where one says nothing of a name, what it says of additional ones counts."""
    ours, theirs = first.get("properties", {}), second.get("properties", {})
    return {
        name: both(
            ours.get(name, first.get("additionalProperties", True)),
            theirs.get(name, second.get("additionalProperties", True)),
        )
        for name in dict.fromkeys([*ours, *theirs])
    }


def _prefix_items(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Schema]:
    ours, theirs = first.get("prefixItems", []), second.get("prefixItems", [])

    def at(schema: Mapping[str, Any], items: list[Schema], index: int) -> Schema:
        found: Schema = items[index] if index < len(items) else schema.get("items", True)
        return found

    return [both(at(first, ours, i), at(second, theirs, i)) for i in range(max(len(ours), len(theirs)))]
