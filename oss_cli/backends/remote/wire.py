"""What goes over the wire, narrowed: JSON of unknown make, and the refusals in it. Knows nothing of our events."""

import json
from dataclasses import dataclass
from typing import Any

_MOST = 10**12
"""Of tokens, and of milliseconds: what is more was made up, and would not fit into a history."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is none: its status, and what the server says of it."""

    status: int
    message: str
    """In the server's own words, on one line; empty: it says nothing that is for people."""
    fields: "dict[str, Any]"
    """What else stands beside the message: type, code, param, numbers."""
    is_json: bool = True
    wait_s: float | None = None
    """How long it asks to be left alone."""
    location: str = ""
    """Where it sends us, if it does."""


def parse(text: str | bytes) -> object:
    """The value of a JSON text; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def table(value: object) -> "dict[str, Any]":
    """A value that has to be an object; an empty one where it is not."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> "list[Any]":
    """A value that has to be an array; an empty one where it is not."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """A value that has to be a text; an empty one where it is not."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """A value that has to be a number of something; 0 where it is not."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST else 0


def milliseconds(value: object) -> float | None:
    """A value that has to be a time, in seconds; None where it is not."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value / 1000 if is_number and isinstance(value, (int, float)) and 0 <= value <= _MOST else None


def read_refusal(status: int, body: bytes, *, wait_s: float | None = None, location: str = "") -> Refusal:
    """What an answer with an error's status says, in any of the forms that are in use.

    {"error": {"message": …}} is OpenAI's and nearly everyone's, {"error": "…"} Ollama's, {"message": …} that of older
    vLLM and SGLang, {"detail": …} FastAPI's.
    """
    value = parse(body)
    if not isinstance(value, dict):
        return Refusal(status, "", {}, is_json=False, wait_s=wait_s, location=location)
    error = value.get("error", value)
    fields = table(error)
    said = error if isinstance(error, str) else fields.get("message") or fields.get("detail") or ""
    if not isinstance(said, str):
        said = json.dumps(said, ensure_ascii=False)
    return Refusal(status, _one_line(said), fields, wait_s=wait_s, location=location)


def error_in(chunk: "dict[str, Any]") -> Refusal | None:
    """The error that a piece of a stream tells of; None: it tells of none. Status 500 where it says none."""
    error = chunk.get("error")
    if not error and chunk.get("object") != "error":
        return None
    refusal = read_refusal(500, json.dumps(chunk).encode())
    code = refusal.fields.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return Refusal(status, refusal.message, refusal.fields)


def _one_line(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= 500 else f"{line[:497]}..."
