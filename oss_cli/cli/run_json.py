"""An answer of `oss run` as JSON: one object at its end, however that comes, or events as they come."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from oss_cli import __version__
from oss_cli.conversation.code_block import FirstCodeBlock
from oss_cli.conversation.events import Event, PreambleDelta, StopReason, TextDelta, Usage
from oss_cli.conversation.reply_json import (
    JSON_VERSION,
    error_to_json,
    event_to_json,
    options_to_json,
    usage_to_counts,
    usage_to_timings,
)
from oss_cli.errors import ClosedPipe, OssError, OutputFailed

if TYPE_CHECKING:
    from oss_cli.cli.run_request import Request
    from oss_cli.conversation.options import ReplyOptions, SamplingOptions
    from oss_cli.session.turn import Turn
    from oss_cli.terminal.console import Stream


@dataclass(frozen=True, slots=True)
class ReplyFacts:
    """What is known of a reply before it begins."""

    request: "Request"
    options: "ReplyOptions"
    sampling: "SamplingOptions"
    """In force: the request's, and the model's where it decides nothing."""
    model_sha256: str
    engine_version: str
    """Empty where the model runs on a server."""
    server_url: str
    """Empty where it runs here."""
    load_s: float
    conversation_id: Callable[[], str | None]
    """Of the conversation that keeps it."""

    def to_json(self) -> dict[str, object]:
        """The part of the object that does not change any more."""
        choice, wishes = self.request.choice, self.request.wishes
        system = self.request.messages()[0][0]
        return {
            "model": {
                "name": choice.name,
                "path": str(choice.path) if choice.path is not None else None,
                "server": self.server_url or None,
                "sha256": self.model_sha256 or None,
            },
            "options": {
                **options_to_json(self.options, self.sampling),
                "raw": wishes.is_raw,
                "system": system.content if system.role == "system" else "",
            },
            "seed": self.sampling.seed,
            "versions": {"json": JSON_VERSION, "llama_cpp_python": self.engine_version or None, "oss": __version__},
        }


class JsonAnswer:
    """Writes the answer as JSON. A context manager: the object is written when its block ends, however it does.

    Nothing is written where the reply had not begun: then there is only the error.
    """

    def __init__(
        self, out: "Stream", turn: "Turn", facts: ReplyFacts, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out = out
        self._turn = turn
        self._facts = facts
        self._clock = clock
        self._begun_at = clock()
        self._has_begun = False
        self._has_lines = facts.request.wishes.is_json_lines

    def __enter__(self) -> "JsonAnswer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._has_begun or isinstance(error, (ClosedPipe, OutputFailed)):
            return
        value = self._object(error)
        self._write({"event": "end", **value} if self._has_lines else value)

    def asides(self, events: Iterator[Event]) -> Iterator[Event]:
        """The events, but for the answer: what is shown elsewhere while they are written here, or kept."""
        for event in events:
            if not self._has_begun:
                self._has_begun = True
                if self._has_lines:
                    self._write({"event": "start", **self._facts.to_json()})
            value = event_to_json(event) if self._has_lines else None
            if value is not None:
                self._write(value)
            if not isinstance(event, (TextDelta, PreambleDelta)):
                yield event

    def _object(self, error: BaseException | None) -> dict[str, object]:
        turn, reply, ended = self._turn, self._turn.reply, self._turn.ended
        usage = ended.usage if ended is not None else _usage_so_far(turn)
        code = find_code(reply.content, self._facts.request.wishes.extract_lang)
        return {
            **self._facts.to_json(),
            "answer": reply.content,
            "conversation": self._facts.conversation_id(),
            "error": error_to_json(error) if isinstance(error, OssError) else None,
            "extracted": code if self._facts.request.wishes.extract else None,
            "reasoning": reply.reasoning,
            "stop_reason": _stop_reason(turn, error),
            "timings": {
                **usage_to_timings(usage),
                "load_s": round(self._facts.load_s, 4),
                "total_s": round(self._clock() - self._begun_at, 4),
            },
            "usage": usage_to_counts(usage),
            "valid": None if self._facts.request.form is None else error is None,
        }

    def _write(self, value: dict[str, object]) -> None:
        self._out.write(json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n")


def find_code(text: str, language: str) -> str | None:
    """The first block of code in a text; None: there is none."""
    block = FirstCodeBlock(language)
    code = block.feed(text) + block.close()
    return code if block.is_found else None


def read_code(text: str, language: str) -> FirstCodeBlock:
    """The first block of code after the whole text: whether it was found, and whether it has an end."""
    block = FirstCodeBlock(language)
    block.feed(text)
    block.close()
    return block


def _stop_reason(turn: "Turn", error: BaseException | None) -> str:
    """Why it ended: what the reply itself says, else what broke it off."""
    if turn.ended is not None:
        return str(turn.ended.reason)
    return "error" if isinstance(error, Exception) else str(StopReason.CANCELLED)


def _usage_so_far(turn: "Turn") -> Usage:
    return Usage(prompt_tokens=turn.prompt_tokens, reply_tokens=turn.new_tokens)
