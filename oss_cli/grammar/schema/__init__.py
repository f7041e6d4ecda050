"""JSON Schema: what answers it allows, as a grammar."""

from oss_cli.grammar.schema.compiler import KEYWORDS, compile_schema

__all__ = ["KEYWORDS", "compile_schema"]
