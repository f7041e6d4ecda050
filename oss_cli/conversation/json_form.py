"""Parts of a conversation as JSON values, and back. Knows neither the file nor the database that they stand in.

What is empty or undecided is left out. Reading takes nothing on trust: an unknown name, a wrong kind or a missing value
is refused with its place, so that nothing is lost without a word.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, TypeVar

from oss_cli.conversation.events import StopReason, Usage
from oss_cli.conversation.messages import Message, Role, ToolCall
from oss_cli.conversation.options import ReasoningEffort, SamplingOptions
from oss_cli.conversation.tree import Making, Node

_LARGEST = sys.float_info.max
_Part = TypeVar("_Part")
_Name = TypeVar("_Name", bound=StrEnum)


class Unfit(ValueError):
    """A JSON value that is not what should stand there."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.place = place


class Fields:
    """The fields of a JSON object, taken one by one."""

    def __init__(self, value: object, place: str) -> None:
        """Raises Unfit if it is no object."""
        if not isinstance(value, dict):
            raise Unfit(place, "must be an object")
        self._left: dict[str, object] = dict(value)
        self.place = place

    def at(self, name: str) -> str:
        """Where a field stands, for an error."""
        return f"{self.place}.{name}" if self.place else name

    def take(self, name: str, default: object = None) -> object:
        """A field's value, whatever it is."""
        return self._left.pop(name, default)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; without a default it must be there."""
        return _checked(self.take(name, default), str, self.at(name), "a text")

    def text_or_none(self, name: str) -> str | None:
        """A text, if there is one."""
        value = self.take(name)
        return None if value is None else _checked(value, str, self.at(name), "a text")

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number; without a default it must be there."""
        return as_number(self.take(name, default), self.at(name))

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number; without a default it must be there."""
        return as_whole(self.take(name, default), self.at(name))

    def one_of(self, name: str, names: type[_Name]) -> _Name | None:
        """One of some fixed words, if there is one."""
        value = self.text_or_none(name)
        if value is None:
            return None
        if value not in list(names):
            raise Unfit(self.at(name), f"must be one of {', '.join(names)}")
        return names(value)

    def part(self, name: str, read: Callable[[object, str], _Part]) -> _Part | None:
        """A part of its own, if there is one."""
        value = self.take(name)
        return None if value is None else read(value, self.at(name))

    def parts(self, name: str, read: Callable[[object, str], _Part]) -> tuple[_Part, ...]:
        """A list of parts; none if it is left out."""
        values = _checked(self.take(name, []), list, self.at(name), "a list")
        return tuple(read(value, f"{self.at(name)}[{number}]") for number, value in enumerate(values))

    def rest(self) -> Mapping[str, object]:
        """What nobody has taken yet."""
        return self._left

    def end(self) -> None:
        """Refuse what nobody has taken."""
        for name in self._left:
            raise Unfit(self.at(name), "is not known")


def node_to_json(node: Node) -> dict[str, object]:
    """A message in its place."""
    message = node.message
    return _without_empty(
        {
            "id": node.id,
            "parent": node.parent_id,
            "created": node.created,
            "role": str(message.role),
            "content": message.content,
            "reasoning": message.reasoning,
            "tool_calls": tool_calls_to_json(message.tool_calls),
            "tool_call_id": message.tool_call_id,
            "name": message.name,
            "typed": node.typed,
            "summary_of": node.summary_of,
            "making": _making_to_json(node.making) if node.making is not None else None,
        }
    )


def node_from_json(value: object, place: str) -> Node:
    """The reverse of `node_to_json`; raises Unfit."""
    given = Fields(value, place)
    role = given.one_of("role", Role)
    if role is None:
        raise Unfit(given.at("role"), "is missing")
    message = Message(
        role, given.text("content", ""), given.text("reasoning", ""), given.parts("tool_calls", _tool_call_from_json),
        given.text("tool_call_id", ""), given.text("name", ""),
    )  # fmt: skip
    node = Node(
        given.text("id"), given.text_or_none("parent"), message, given.number("created"), given.text("typed", ""),
        given.part("making", _making_from_json), given.text_or_none("summary_of"),
    )  # fmt: skip
    given.end()
    return node


def tool_calls_to_json(calls: tuple[ToolCall, ...]) -> list[dict[str, object]]:
    """Calls as objects; their arguments stay the text that the model wrote."""
    return [_without_empty({"name": call.name, "arguments": call.arguments, "id": call.id}) for call in calls]


def tool_calls_from_json(value: object, place: str) -> tuple[ToolCall, ...]:
    """The reverse of `tool_calls_to_json`; raises Unfit."""
    return Fields({"calls": value}, place).parts("calls", _tool_call_from_json)


def sampling_to_json(sampling: SamplingOptions) -> dict[str, object]:
    """The options that are decided."""
    values = {one.name: getattr(sampling, one.name) for one in fields(sampling)}
    if sampling.stop is not None:
        values["stop"] = list(sampling.stop)
    if sampling.logit_bias is not None:
        values["logit_bias"] = {str(token): bias for token, bias in sampling.logit_bias.items()}
    return {name: value for name, value in values.items() if value is not None}


def sampling_from_json(value: object, place: str) -> SamplingOptions:
    """The reverse of `sampling_to_json`; raises Unfit."""
    given = Fields(value, place)
    options: dict[str, Any] = {
        **{name: given.part(name, as_number) for name in ("temperature", "top_p", "min_p", "repeat_penalty")},
        **{name: given.part(name, as_whole) for name in ("top_k", "seed", "max_tokens")},
        "stop": given.part("stop", _stop_from_json),
        "logit_bias": given.part("logit_bias", _logit_bias_from_json),
    }
    given.end()
    return SamplingOptions(**options)


def usage_to_json(usage: Usage) -> dict[str, object]:
    """What a reply cost; zeros are left out."""
    return {one.name: value for one in fields(usage) if (value := getattr(usage, one.name))}


def usage_from_json(value: object, place: str) -> Usage:
    """The reverse of `usage_to_json`; raises Unfit."""
    given = Fields(value, place)
    numbers: dict[str, Any] = {
        one.name: given.number(one.name, 0.0) if isinstance(one.default, float) else given.whole(one.name, 0)
        for one in fields(Usage)
    }
    given.end()
    return Usage(**numbers)


def as_number(value: object, place: str) -> float:
    """A finite number; raises Unfit."""
    # A whole number may be too large to become a float, which `math.isfinite` wants to make of it.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_LARGEST <= value <= _LARGEST:
        raise Unfit(place, "is missing" if value is None else "must be a number")
    return value


def as_whole(value: object, place: str) -> int:
    """A whole number that 64 bits can hold; raises Unfit."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise Unfit(place, "is missing" if value is None else "must be a whole number")
    return value


def _making_to_json(making: Making) -> dict[str, object]:
    optional: dict[str, object] = {
        "model_sha256": making.model_sha256,
        "effort": str(making.effort) if making.effort is not None else None,
        "sampling": sampling_to_json(making.sampling),
        "seed": making.seed,
        "usage": usage_to_json(making.usage),
        "reason": str(making.reason) if making.reason is not None else None,
        "tokens": list(making.tokens),
    }
    return {"model": making.model, **_without_empty(optional)}


def _making_from_json(value: object, place: str) -> Making:
    given = Fields(value, place)
    making = Making(
        model=given.text("model", ""),
        model_sha256=given.text("model_sha256", ""),
        effort=given.one_of("effort", ReasoningEffort),
        sampling=given.part("sampling", sampling_from_json) or SamplingOptions(),
        seed=given.part("seed", as_whole),
        usage=given.part("usage", usage_from_json) or Usage(),
        reason=given.one_of("reason", StopReason),
        tokens=given.parts("tokens", _token_from_json),
    )
    given.end()
    return making


def _tool_call_from_json(value: object, place: str) -> ToolCall:
    given = Fields(value, place)
    call = ToolCall(given.text("name", ""), given.text("arguments", ""), given.text("id", ""))
    given.end()
    return call


def _token_from_json(value: object, place: str) -> int:
    token = as_whole(value, place)
    if not 0 <= token < 2**32:
        raise Unfit(place, "must be a token's id")
    return token


def _stop_from_json(value: object, place: str) -> tuple[str, ...]:
    texts = _checked(value, list, place, "a list")
    return tuple(_checked(text, str, place, "a list of texts") for text in texts)


def _logit_bias_from_json(value: object, place: str) -> dict[int, float]:
    biases: dict[int, float] = {}
    for token, bias in _checked(value, dict, place, "an object").items():
        if not (token.isascii() and token.isdecimal()):
            raise Unfit(place, "must have token ids for names")
        biases[int(token)] = as_number(bias, place)
    return biases


def _without_empty(values: Mapping[str, object]) -> dict[str, object]:
    # 0 is a value: a seed, a time.
    return {name: value for name, value in values.items() if value is not None and value not in ("", [], {})}


def _checked(value: object, kind: type[_Part], place: str, words: str) -> _Part:
    if not isinstance(value, kind):
        raise Unfit(place, "is missing" if value is None else f"must be {words}")
    return value
