"""Tells a model without a place for it in its format what form its answer must have."""

import json
from collections.abc import Sequence
from dataclasses import replace

from oss_cli.conversation.answer_form import AnswerForm, SchemaForm
from oss_cli.conversation.messages import Message, Role

_INSTRUCTION = "Answer in JSON that fits this JSON Schema, and with nothing else:"


def with_instruction(messages: Sequence[Message], form: AnswerForm) -> list[Message]:
    """The messages with the schema at the end of the last one of the user, where small models heed it most.

    A grammar is not told: models do not read it.
    """
    told = list(messages)
    last = next((index for index in range(len(told) - 1, -1, -1) if told[index].role is Role.USER), None)
    if not isinstance(form, SchemaForm) or last is None:
        return told
    about = f"\n{form.description}" if form.description else ""
    schema = json.dumps(form.schema, ensure_ascii=False, separators=(",", ":"))
    content = f"{told[last].content}\n\n{_INSTRUCTION}{about}\n{schema}"
    told[last] = replace(told[last], content=content)
    return told
