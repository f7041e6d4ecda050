"""Tools as harmony shows them to a model: JSON Schema written like TypeScript types.

As openai_harmony 0.0.8 writes them (`json_schema_to_typescript`), since gpt-oss is used to that: the description of an
object comes twice, an enum in an array has no parentheses, `anyOf`, `$ref` and `const` are `any`, and the later lines
of a description inside a schema stay bare. Not followed: it forgets the description of the first variant of a described
`oneOf`, and quotes an enum's default inside an array. Knows nothing of messages.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from oss_cli.conversation.messages import Tool

_Schema = Mapping[str, object]


def write_namespace(name: str, tools: Sequence[Tool]) -> str:
    """A `## name` section with the type of every tool."""
    types = "".join(f"{_tool(tool)}\n\n" for tool in tools)
    return f"## {name}\n\nnamespace {name} {{\n\n{types}}} // namespace {name}"


def _tool(tool: Tool) -> str:
    lines = tool.description.split("\n")
    if not lines[-1]:
        lines.pop()
    comment = "".join("// " + line.removesuffix("\r") + "\n" for line in lines)
    argument = "" if tool.parameters is None else f"_: {_type(tool.parameters, '')}"
    return f"{comment}type {tool.name} = ({argument}) => any;"


def _type(schema: object, indent: str) -> str:
    """The type of a schema. Its first line is not indented, the others are."""
    return _known_type(schema, indent) if isinstance(schema, Mapping) else "any"


def _known_type(schema: _Schema, indent: str) -> str:
    if isinstance(schema.get("oneOf"), list):
        return _variants(schema, indent)
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_simple(name) for name in kind if isinstance(name, str)) or "any"
    if kind == "object":
        return _object(schema, indent)
    if kind == "array":
        return f"{_type(schema['items'], indent)}[]" if "items" in schema else "Array<any>"
    choices = _strings(schema, "enum") if kind == "string" else []
    if choices:
        return " | ".join(f'"{choice}"' for choice in choices)
    return _simple(kind) if kind in ("string", "number", "integer", "boolean") else "any"


def _simple(name: object) -> str:
    return "number" if name == "integer" else str(name)


def _object(schema: _Schema, indent: str) -> str:
    description = schema.get("description")
    comment = f"{indent}// {description}\n" if isinstance(description, str) else ""
    properties = schema.get("properties")
    required = _strings(schema, "required")
    fields = ""
    if isinstance(properties, Mapping):
        for name, field in properties.items():
            mark = "" if name in required else "?"
            fields += _field(f"{name}{mark}", field if isinstance(field, Mapping) else {}, indent)
    return f"{comment}{{\n{fields}{indent}}}"


def _field(name: str, schema: _Schema, indent: str) -> str:
    comments = "".join(f"{indent}{comment}\n" for comment in _comments(schema))
    default = _default(schema)
    if isinstance(schema.get("oneOf"), list):
        note = f"{indent}// {default}\n" if default else ""
        return f"{comments}{note}{indent}{name}:{_variants(schema, indent)}\n{indent},\n"
    note = f" // {default}" if default else ""
    return f"{comments}{indent}{name}: {_nullable(schema, indent + '    ')},{note}\n"


def _comments(schema: _Schema) -> Iterator[str]:
    title, description, examples = schema.get("title"), schema.get("description"), schema.get("examples")
    if isinstance(title, str):
        yield from (f"// {title}", "//")
    about = [f"// {description}"] if isinstance(description, str) else []
    if isinstance(schema.get("oneOf"), list):
        yield from _examples(examples)
        yield from about
    else:
        yield from about
        yield from _examples(examples)


def _examples(examples: object) -> Iterator[str]:
    if isinstance(examples, list) and examples:
        yield "// Examples:"
        yield from (f'// - "{example}"' for example in examples if isinstance(example, str))


def _variants(schema: _Schema, indent: str) -> str:
    """One line for each schema of `oneOf`, each with a line feed before it."""
    variants = schema["oneOf"]
    assert isinstance(variants, list)
    return "".join(f"\n{indent} | {_variant(variant, indent + '   ')}" for variant in variants)


def _variant(schema: object, indent: str) -> str:
    if not isinstance(schema, Mapping):
        return "any"
    description = schema.get("description")
    notes = [description] if isinstance(description, str) else []
    if default := _default(schema):
        notes.append(default)
    comment = f" // {' '.join(notes)}" if notes else ""
    return _nullable(schema, indent) + comment


def _nullable(schema: _Schema, indent: str) -> str:
    written = _type(schema, indent)
    return f"{written} | null" if schema.get("nullable") is True and "null" not in written else written


def _default(schema: _Schema) -> str:
    """`default: value`, strings in quotes except the choices of an enum; empty without a default."""
    if "default" not in schema:
        return ""
    value = schema["default"]
    if not isinstance(value, str):
        return f"default: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"
    return f"default: {value}" if schema.get("enum") else f'default: "{value}"'


def _strings(schema: _Schema, key: str) -> list[str]:
    value = schema.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
