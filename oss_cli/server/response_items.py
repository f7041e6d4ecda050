"""The items of a response and the events that tell how they grow. Knows nothing of requests and of HTTP.

Source: OpenAI's API reference, "Streaming events" of responses (2026-11), and what the openai package reads (3.57).
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from oss_cli.conversation.events import TokenChance
from oss_cli.server.answer_chances import chance_to_json
from oss_cli.server.spoken import CallArguments, CallBegun, CallDone, Content, Reasoning, Said

_Json = dict[str, object]


@dataclass(slots=True)
class _Item:
    """One that is there already, or is growing."""

    id: str
    kind: str
    index: int
    call: CallBegun | None = None
    text: list[str] = field(default_factory=list)
    chances: list[TokenChance] = field(default_factory=list)
    status: str = "in_progress"

    def to_json(self) -> _Json:
        """It as it is now."""
        text = "".join(self.text)
        base: _Json = {"id": self.id, "type": self.kind, "status": self.status}
        if self.call is not None:
            return base | {"call_id": self.call.id, "name": self.call.name, "arguments": text}
        content = [_part(self.kind, text, self.chances)] if text else []
        if self.kind == "reasoning":
            return base | {"summary": [], "content": content}
        return base | {"role": "assistant", "content": content}


class GrowingItems:
    """Takes what is said, and tells it as events; remembers all items."""

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._open: _Item | None = None

    def to_json(self) -> list[_Json]:
        """All items, as they are now."""
        return [item.to_json() for item in self._items]

    def take(self, said: Said) -> Iterator[_Json]:
        """The events of a piece."""
        match said:
            case Reasoning(text):
                yield from self._grow("reasoning", "rs", text)
            case Content(text):
                yield from self._grow("message", "msg", text, said.chances)
            case CallBegun():
                yield from self._begin("function_call", "fc", said)
            case CallArguments(_, text):
                if self._open is not None:
                    self._open.text.append(text)
                    yield self._event("response.function_call_arguments.delta", self._open, {"delta": text})
            case CallDone():
                yield from self.end("completed")

    def end(self, status: str) -> Iterator[_Json]:
        """The events of the end of the item that grows, if one does."""
        item, self._open = self._open, None
        if item is None:
            return
        item.status = status
        text = "".join(item.text)
        if item.call is not None:
            more: _Json = {"arguments": text, "name": item.call.name}
            yield self._event("response.function_call_arguments.done", item, more)
        else:
            name = "response.reasoning_text.done" if item.kind == "reasoning" else "response.output_text.done"
            chances: _Json = {} if item.kind == "reasoning" else {"logprobs": _chances(item.chances)}
            yield self._event(name, item, {"content_index": 0, "text": text, **chances})
            part = _part(item.kind, text, item.chances)
            yield self._event("response.content_part.done", item, {"content_index": 0, "part": part})
        yield {"type": "response.output_item.done", "output_index": item.index, "item": item.to_json()}

    def _grow(self, kind: str, prefix: str, text: str, chances: Sequence[TokenChance] = ()) -> Iterator[_Json]:
        if self._open is None or self._open.kind != kind:
            yield from self._begin(kind, prefix)
            assert self._open is not None
            part = {"content_index": 0, "part": _part(kind, "", [])}
            yield self._event("response.content_part.added", self._open, part)
        item = self._open
        item.text.append(text)
        item.chances += chances
        if kind == "reasoning":
            yield self._event("response.reasoning_text.delta", item, {"content_index": 0, "delta": text})
            return
        more: _Json = {"content_index": 0, "delta": text, "logprobs": _chances(chances)}
        yield self._event("response.output_text.delta", item, more)

    def _begin(self, kind: str, prefix: str, call: CallBegun | None = None) -> Iterator[_Json]:
        yield from self.end("completed")
        self._open = _Item(f"{prefix}_{secrets.token_hex(16)}", kind, len(self._items), call)
        self._items.append(self._open)
        yield {"type": "response.output_item.added", "output_index": self._open.index, "item": self._open.to_json()}

    def _event(self, name: str, item: _Item, more: _Json) -> _Json:
        return {"type": name, "item_id": item.id, "output_index": item.index, **more}


def _part(kind: str, text: str, chances: Sequence[TokenChance]) -> _Json:
    if kind == "reasoning":
        return {"type": "reasoning_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": _chances(chances)}


def _chances(chances: Sequence[TokenChance]) -> list[_Json]:
    return [chance_to_json(chance) for chance in chances]
