"""JSON Schema: what answers it allows, as a grammar."""

from oss_cli.grammar.schema.compiler import compile_schema

__all__ = ["compile_schema"]
