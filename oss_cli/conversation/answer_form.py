"""The form that an answer must have, as data. Knows nothing of how a model is held to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SchemaForm:
    """JSON that fits a schema."""

    schema: Mapping[str, Any] | bool
    """JSON Schema, as it came out of JSON."""
    name: str = "answer"
    """What the model is told that it writes."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class GrammarForm:
    """Text that fits a grammar."""

    source: str
    """In GBNF; the model is not told of it."""


AnswerForm = SchemaForm | GrammarForm


@dataclass(frozen=True, slots=True)
class CallForm:
    """A call whose arguments fit the tool's schema; it may be that a reply is nothing else."""

    names: tuple[str, ...]
    """Of the offered tools, those that may be called."""
    may_answer: bool = False
    """Whether the model may answer instead, in the form of the answer if there is one."""
