"""Strings and numbers of a schema. Knows nothing of what stands around them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from oss_cli.grammar.json_text import INTEGER, MOST_PLACES, NUMBER, string
from oss_cli.grammar.nodes import Node, sequence
from oss_cli.grammar.schema.formats import FORMATS
from oss_cli.grammar.schema.numbers import Bound, integer_between, number_between
from oss_cli.grammar.schema.pattern import NotSupported, string_matching
from oss_cli.grammar.schema.problem import below, not_supported

_TOO_LARGE = 10**309
"""No floating-point number is so large, and the grammar of such a bound is as deep as it has digits."""


def compile_string(schema: Mapping[str, Any], pointer: str) -> Node:
    """A string. Its length is left to the validation where a pattern or a format is given."""
    wanted = schema.get("format")
    if wanted is not None and wanted not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        raise not_supported(below(pointer, "format"), f"the format {wanted!r}", hint=f"one of {known}; or a pattern")
    if wanted is not None and "pattern" in schema:
        raise not_supported(pointer, "a format beside a pattern")
    if wanted is None and "pattern" not in schema:
        return string(int(schema.get("minLength", 0)), _whole(schema.get("maxLength")))
    try:
        inside = string_matching(FORMATS[wanted] if wanted is not None else schema["pattern"])
    except NotSupported as problem:
        feature = f"{problem} in the pattern {schema['pattern']!r}"
        raise not_supported(below(pointer, "pattern"), feature) from problem
    return sequence('"', inside, '"')


def compile_number(schema: Mapping[str, Any], pointer: str, *, is_whole: bool) -> Node:
    """A number; `multipleOf` is left to the validation, but for the digits after the point."""
    for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if abs(schema.get(key, 0)) >= _TOO_LARGE:
            raise not_supported(below(pointer, key), "a number of so many digits")
    low = _stricter(schema.get("minimum"), schema.get("exclusiveMinimum"), is_lower=True)
    high = _stricter(schema.get("maximum"), schema.get("exclusiveMaximum"), is_lower=False)
    if is_whole:
        return INTEGER if low is None and high is None else integer_between(low, high)
    places = _places(schema.get("multipleOf"))
    if low is None and high is None and places == MOST_PLACES:
        return NUMBER
    return number_between(low, high, places=places)


def _stricter(closed: float | None, opened: float | None, *, is_lower: bool) -> Bound | None:
    given = [(closed, False), (opened, True)]
    bounds = [Bound(Decimal(str(value)), is_open) for value, is_open in given if value is not None]
    if not bounds:
        return None
    pick = max if is_lower else min
    return pick(bounds, key=lambda bound: (bound.value, bound.is_open if is_lower else not bound.is_open))


def _places(step: float | None) -> int:
    """How many digits after the point a multiple of this can have."""
    if step is None:
        return MOST_PLACES
    exponent = Decimal(str(step)).normalize().as_tuple().exponent
    return min(MOST_PLACES, max(0, -int(exponent)))


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
