"""Twenty schemas of rising nastiness, each with something to ask."""

from typing import Any

SCHEMAS: dict[str, tuple[str, Any]] = {
    "boolean": ("Is water wet?", {"type": "boolean"}),
    "enum": ("What colour is the sky?", {"enum": ["red", "green", "blue"]}),
    "const": ("Say it.", {"const": {"ok": True, "list": [1, None]}}),
    "bounded integer": ("How old is she?", {"type": "integer", "minimum": 18, "maximum": 99}),
    "bounded number": ("How likely is it?", {"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
    "short string": ("Name a city.", {"type": "string", "minLength": 2, "maxLength": 12}),
    "flat object": (
        "Answer in JSON: city Lisbon, number 42.",
        {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}, "n": {"type": "integer"}},
         "required": ["city", "n"], "additionalProperties": False},
    ),
    "array": ("List numbers.", {"items": {"type": "integer", "maximum": 9}, "minItems": 2, "maxItems": 4}),
    "tuple": ("A point.", {"prefixItems": [{"type": "number"}, {"type": "number"}], "items": False, "minItems": 2}),
    "nested": (
        "Who is it?",
        {"type": "object", "required": ["name", "home"],
         "properties": {
             "name": {"properties": {"first": {"type": "string", "maxLength": 8}}, "required": ["first"]},
             "home": {"properties": {"zip": {"type": "string", "pattern": "^[0-9]{5}$"}}, "required": ["zip"]},
         }},
    ),
    "optional": (
        "What is known?",
        {"type": "object", "properties": {key: {"type": ["integer", "null"]} for key in "abcd"}, "required": ["d"]},
    ),
    "union": ("One or many?", {"anyOf": [{"type": "null"}, {"type": "array", "items": {"const": "x"}, "maxItems": 3}]}),
    "one of": ("Which?", {"oneOf": [
        {"type": "object",
         "properties": {"kind": {"const": "cat"}, "lives": {"maximum": 9, "minimum": 1, "type": "integer"}},
         "required": ["kind", "lives"]},
        {"type": "object", "properties": {"kind": {"const": "dog"}}, "required": ["kind"]},
    ]}),
    "pattern": ("A number plate.", {"type": "string", "pattern": "^[A-Z]{1,3}-[A-Z]{1,2} [1-9]\\d{0,3}$"}),
    "formats": ("When?", {"type": "object", "required": ["day", "id"],
                          "properties": {"day": {"format": "date", "type": "string"}, "id": {"format": "uuid"}}}),
    "unicode": ("Wie heißt er?", {
        "type": "object", "required": ["größe", "名前"],
        "properties": {"größe": {"enum": ["klein", "groß", "🎉"]}, "名前": {"pattern": "^[ぁ-ん]{1,3}$"}}}),
    "references": ("Two points.", {
        "$defs": {"p": {"type": "array", "items": {"$ref": "#/$defs/c"}, "minItems": 2, "maxItems": 2},
                  "c": {"type": "integer", "minimum": -9, "maximum": 9}},
        "properties": {"a": {"$ref": "#/$defs/p"}, "b": {"$ref": "#/$defs/p"}}, "required": ["a", "b"]}),
    "recursion": ("A tree.", {
        "$defs": {"t": {"type": "object", "required": ["v"],
                        "properties": {"v": {"enum": [1, 2]},
                                       "kids": {"type": "array", "items": {"$ref": "#/$defs/t"}, "maxItems": 2}}}},
        "$ref": "#/$defs/t"}),
    "all of": ("Everything.", {"allOf": [
        {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
        {"properties": {"a": {"minimum": 3, "maximum": 30}, "b": {"enum": ["x", "y"]}}, "required": ["b"]},
    ]}),
    "map": ("Count.", {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 99},
                       "minProperties": 1, "maxProperties": 3, "properties": {}}),
    "long enum": ("Pick one.", {"enum": [f"item {i:04}" for i in range(100)]}),
    "no grammar can": ("Even, no two the same.", {"type": "array", "items": {"enum": [2, 4, 6]}, "uniqueItems": True,
                                                  "minItems": 2, "maxItems": 3}),
}  # fmt: skip
