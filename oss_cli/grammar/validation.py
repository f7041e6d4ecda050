"""JSON held against a schema, by the `jsonschema` library.

Numbers are read as decimals: a multiple of 0.1 is one in decimals alone. Patterns are looked for by `schema.matching`:
the library would use Python's `re`, which some of them keep busy for ever.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from oss_cli.errors import BadUsage
from oss_cli.grammar.schema.matching import is_found
from oss_cli.grammar.schema.problem import too_deep_to_read

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_MOST_SHOWN = 200
_SURE_LEVELS = 100
"""Of JSON, that the library can follow: each takes it several of Python's 1,000 calls inside each other."""
_BRACKET_OR_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.S)
_OLD_DIALECTS = ("draft-03", "draft-04")
"""In them `exclusiveMinimum` and `required` are booleans, and mean something else."""


def check_schema(schema: object) -> None:
    """Make sure that this is a JSON Schema.

    Raises:
        BadUsage: it is none; says where.
    """
    from jsonschema import SchemaError  # 200 ms, and only where a schema is given
    from jsonschema.validators import Draft202012Validator, validator_for  # the same

    dialect = schema.get("$schema", "") if isinstance(schema, dict) else ""
    if not isinstance(dialect, str) or any(old in dialect for old in _OLD_DIALECTS):
        raise BadUsage(
            "the schema cannot be used",
            cause=f"#/$schema: the dialect {dialect!r} is not supported",
            hint="write it as JSON Schema 2020-12",
        )
    kind = validator_for(schema if isinstance(schema, dict) else {}, default=Draft202012Validator)
    try:
        kind.check_schema(cast("dict[str, object]", schema))
    except SchemaError as error:
        raise BadUsage(
            "the schema is no JSON Schema", cause=f"{_pointer(error.path)}: {_short(error.message)}"
        ) from error
    except RecursionError as error:
        raise too_deep_to_read() from error


def find_problem(schema: object, document: str) -> str:
    """Why a text is not JSON that fits a schema: where, and what; empty: it fits."""
    try:
        value = json.loads(document, parse_float=Decimal)
    except json.JSONDecodeError as error:
        if not document.strip():
            return "it is empty"
        return f"it is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        return _too_deep(document)
    except ValueError:  # thousands of digits
        return "it is not JSON that can be read: a number in it is too long"
    try:
        found = next(iter(_validator(schema).iter_errors(value)), None)
    except RecursionError:
        return _too_deep(document)
    return "" if found is None else f"{_pointer(found.path)}: {_short(found.message)}"


def _validator(schema: object) -> "Validator":
    from jsonschema.validators import (  # 200 ms, and only where a schema is given
        Draft202012Validator,
        extend,
        validator_for,
    )

    exact = json.loads(json.dumps(schema), parse_float=Decimal)
    kind = validator_for(exact if isinstance(exact, dict) else {}, default=Draft202012Validator)
    ours = {
        "pattern": _check_pattern,
        "patternProperties": _check_pattern_properties,
        "additionalProperties": partial(_check_additional, kind.VALIDATORS["additionalProperties"]),
    }
    if isinstance(exact, dict):
        exact.pop("$schema", None)  # at a reference to the whole, the library would go back to its own rules by it
    return cast("Validator", extend(kind, ours)(exact))  # type: ignore[no-untyped-call]  # the library's


def _check_pattern(validator: "Validator", pattern: str, value: object, _schema: object) -> "Iterator[ValidationError]":
    from jsonschema import ValidationError  # 200 ms, and only where a schema is given

    if isinstance(value, str) and not is_found(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _check_pattern_properties(
    validator: "Validator", patterns: Mapping[str, Any], value: object, _schema: object
) -> "Iterator[ValidationError]":
    if not isinstance(value, dict):
        return
    for pattern, schema in patterns.items():
        for name in (name for name in value if is_found(pattern, name)):
            below = validator.descend(value[name], schema, path=name, schema_path=pattern)  # type: ignore[attr-defined]  # it has
            yield from below


def _check_additional(
    check: Callable[..., "Iterator[ValidationError]"],
    validator: "Validator",
    wanted: object,
    value: object,
    schema: Mapping[str, Any],
) -> "Iterator[ValidationError]":
    """check: the library's own, which is only given properties that are additional ones."""
    if not isinstance(value, dict):
        return
    patterns = schema.get("patternProperties", ())
    others = [name for name in value if name not in schema.get("properties", ())]
    left = {name: value[name] for name in others if not any(is_found(pattern, name) for pattern in patterns)}
    yield from check(validator, wanted, left, {})


def _too_deep(document: str) -> str:
    deepest = depth = 0
    for token in _BRACKET_OR_STRING.findall(document):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token, 0)
        deepest = max(deepest, depth)
    return f"it is nested too deep: {deepest:,} levels, and more than {_SURE_LEVELS} may be too many"


def _pointer(path: Iterable[str | int]) -> str:
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _short(message: str) -> str:
    message = message.replace("Decimal('", "").replace("')", "") if "Decimal('" in message else message
    return message if len(message) <= _MOST_SHOWN else message[:_MOST_SHOWN] + "…"
