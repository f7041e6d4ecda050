"""A schema in short: `name str, age int, tags list[str], email?`. Knows nothing of grammars.

Fields stand between commas, or each on a line of its own: a name, a `?` if it may be left out, a type (`str` if none
is said), and after a colon what it means. The types are str, int, float, bool and list[...] of them.
"""

import re

from oss_cli.errors import BadUsage

_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_FIELD = re.compile(
    r"(?P<name>[^\W\d][\w-]*)(?P<optional>\?)?(?:\s+(?P<type>[^:]*?))?\s*(?::\s*(?P<meaning>.*))?", re.S
)
_EXAMPLE = "--schema 'name str, age int, tags list[str], email?'"


def read_short_form(source: str) -> dict[str, object]:
    """The JSON Schema of an object with these fields and no others.

    Raises:
        BadUsage: there are none, or a field cannot be read; says which.
    """
    if not source.strip():
        raise BadUsage("the schema cannot be used", cause="it is empty", hint=_EXAMPLE)
    properties: dict[str, object] = {}
    required = []
    for field in _fields(source):
        match = _FIELD.fullmatch(field)
        if match is None:
            raise _bad(field, "a field is a name, then its type")
        name, meaning = match["name"], match["meaning"]
        if name in properties:
            raise _bad(field, f"there is a field {name} before it")
        schema = _type(match["type"] or "str", field)
        properties[name] = schema | {"description": meaning.strip()} if meaning else schema
        if not match["optional"]:
            required.append(name)
    if not properties:
        raise BadUsage("the schema cannot be used", cause="it has no fields", hint=_EXAMPLE)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _fields(source: str) -> list[str]:
    parts = source.splitlines() if "\n" in source.strip() else source.split(",")
    return [part.strip().rstrip(",").rstrip() for part in parts if part.strip(" \t\r\n,")]


def _type(written: str, field: str) -> dict[str, object]:
    written = written.strip()
    if written in _TYPES:
        return {"type": _TYPES[written]}
    if written == "list":
        return {"type": "array", "items": {"type": "string"}}
    if written.startswith("list[") and written.endswith("]"):
        return {"type": "array", "items": _type(written[5:-1], field)}
    raise _bad(field, f"{written!r} is none of {', '.join(_TYPES)} and list[...]")


def _bad(field: str, problem: str) -> BadUsage:
    return BadUsage("the schema cannot be used", cause=f"the field {field!r}: {problem}", hint=_EXAMPLE)
