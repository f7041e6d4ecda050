"""A message in its place as a row of the table `nodes`, and back. Knows the columns, and no connection."""

import json
import sqlite3
import sys
from array import array

from oss_cli.conversation.events import StopReason, Usage
from oss_cli.conversation.json_form import (
    Unfit,
    as_number,
    as_whole,
    sampling_from_json,
    sampling_to_json,
    tool_calls_from_json,
    tool_calls_to_json,
    usage_from_json,
    usage_to_json,
)
from oss_cli.conversation.messages import Message, Role
from oss_cli.conversation.options import ReasoningEffort, SamplingOptions
from oss_cli.conversation.tree import Making, Node

Value = str | float | bytes | None
Row = dict[str, Value]

COLUMNS = (
    "id", "parent_id", "created", "role", "content", "reasoning", "tool_calls", "tool_call_id", "name", "typed",
    "summary_of", "model", "model_sha256", "effort", "sampling", "seed", "usage", "reason", "tokens",
)  # fmt: skip
"""What a node fills of its row."""


def node_to_row(node: Node) -> Row:
    """The values of a node's columns."""
    message, making = node.message, node.making
    row: Row = dict.fromkeys(COLUMNS)
    row |= {
        "id": node.id,
        "parent_id": node.parent_id,
        "created": node.created,
        "role": str(message.role),
        "content": storable(message.content),
        "reasoning": storable(message.reasoning),
        "tool_calls": _dump(tool_calls_to_json(message.tool_calls)),
        "tool_call_id": storable(message.tool_call_id),
        "name": storable(message.name),
        "typed": storable(node.typed),
        "summary_of": node.summary_of,
    }
    if making is not None:
        row |= {
            "model": storable(making.model),
            "model_sha256": making.model_sha256,
            "effort": str(making.effort) if making.effort is not None else None,
            "sampling": _dump(sampling_to_json(making.sampling)),
            "seed": making.seed,
            "usage": _dump(usage_to_json(making.usage)),
            "reason": str(making.reason) if making.reason is not None else None,
            "tokens": pack_tokens(making.tokens),
        }
    return row


def node_from_row(row: sqlite3.Row) -> Node:
    """The node of a row that has at least the columns of `COLUMNS`.

    Raises:
        ValueError: a value is none that we have written.
    """
    try:
        calls = tool_calls_from_json(json.loads(row["tool_calls"]), "tool_calls") if row["tool_calls"] else ()
        message = Message(
            Role(_text(row, "role")), _text(row, "content"), _text(row, "reasoning"), calls, _text(row, "tool_call_id"),
            _text(row, "name"),
        )  # fmt: skip
        making = _making_from_row(row) if row["model"] is not None else None
        created = as_number(row["created"], "created")
    except (TypeError, RecursionError) as error:  # of json.loads and frombytes, given another kind or a deep text
        raise ValueError(str(error)) from error
    return Node(_text(row, "id"), row["parent_id"], message, created, _text(row, "typed"), making, row["summary_of"])


def storable(text: str) -> str:
    """A text without the halves of surrogate pairs, which no database and no file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def pack_tokens(tokens: tuple[int, ...]) -> bytes:
    """Token ids, four bytes each, little-endian."""
    packed = array("I", tokens)
    assert packed.itemsize == 4
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_tokens(data: bytes) -> tuple[int, ...]:
    """The reverse of `pack_tokens`; raises ValueError."""
    packed = array("I")
    packed.frombytes(data)
    if sys.byteorder == "big":
        packed.byteswap()
    return tuple(packed)


def _making_from_row(row: sqlite3.Row) -> Making:
    return Making(
        model=_text(row, "model"),
        model_sha256=_text(row, "model_sha256"),
        effort=ReasoningEffort(row["effort"]) if row["effort"] is not None else None,
        sampling=sampling_from_json(json.loads(row["sampling"]), "sampling") if row["sampling"] else SamplingOptions(),
        seed=as_whole(row["seed"], "seed") if row["seed"] is not None else None,
        usage=usage_from_json(json.loads(row["usage"]), "usage") if row["usage"] else Usage(),
        reason=StopReason(row["reason"]) if row["reason"] is not None else None,
        tokens=unpack_tokens(row["tokens"]),
    )


def _text(row: sqlite3.Row, name: str) -> str:
    value = row[name]
    if not isinstance(value, str):  # a column's kind binds nobody in SQLite
        raise Unfit(name, "must be a text")
    return value


def _dump(value: object) -> str | None:
    """JSON text; None for what is empty."""
    return json.dumps(value) if value else None
