"""Fields that several endpoints read alike. What we cannot do is refused by name, never left out silently."""

from collections.abc import Mapping
from typing import Any

from oss_cli.conversation.answer_form import SchemaForm
from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.option_json import UnsupportedFields, read_option, refuse_others
from oss_cli.conversation.options import SEEDS, SamplingOptions
from oss_cli.grammar.validation import check_schema

_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "stop", "logit_bias")
"""OpenAI's own, and the three that llama.cpp's and other servers take beside them."""
_MOST_STOPS = 16
"""Each is looked for after every token."""
_MOST_BIASES = 1024
_MOST_CHANCES = 20
"""As OpenAI has it."""


def read_sampling(body: Fields, *limits: str) -> SamplingOptions:
    """How a reply is sampled. limits: the names under which most tokens may stand; the last one that does wins.

    Raises:
        Unfit: a value cannot be.
    """
    options = SamplingOptions()
    for name in _SAMPLING:
        options = read_option(options, name, body.take(name), body.at(name))
    repetition = body.take("repetition_penalty")  # vLLM's and SGLang's word
    options = read_option(options, "repeat_penalty", repetition, body.at("repetition_penalty"))
    seed = body.part("seed", _read_seed)
    options = read_option(options, "seed", seed, body.at("seed"))
    for name in limits:
        options = read_option(options, "max_tokens", body.take(name), body.at(name))
    if len(options.stop or ()) > _MOST_STOPS:
        raise Unfit(body.at("stop"), f"must be at most {_MOST_STOPS} texts")
    if len(options.logit_bias or {}) > _MOST_BIASES:
        raise Unfit(body.at("logit_bias"), f"must name at most {_MOST_BIASES} tokens")
    return options


def read_switch(body: Fields, name: str, default: bool = False) -> bool:  # noqa: FBT001, FBT002
    """True or false; raises Unfit."""
    value = body.take(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Unfit(body.at(name), "must be true or false")
    return value


def read_stream_options(value: object, place: str) -> bool:
    """Whether a stream is to end with what it cost; raises Unfit."""
    given = Fields(value, place)
    wants_usage = read_switch(given, "include_usage")
    drop(given, "include_obfuscation")  # against listeners on the network: there is none between us
    refuse_others(given)
    return wants_usage


def read_chance_count(body: Fields, name: str) -> int | None:
    """How many of the likeliest tokens are wanted, as a number; None: no chances at all; raises Unfit."""
    value = body.take(name)
    if value is None or value is False:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_CHANCES:
        raise Unfit(body.at(name), f"must be a whole number from 0 to {_MOST_CHANCES}")
    return value


def read_form(value: object, place: str) -> SchemaForm | None:
    """The form of an answer: `{"type": "text"}`, `json_object`, or `json_schema` with a schema; raises Unfit,
    and BadUsage where it is none.

    The schema stands beside the type, as in `text.format`, or in a field `json_schema`, as in `response_format`.
    """
    given = Fields(value, place)
    kind = given.text("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return SchemaForm({"type": "object"})
    if kind != "json_schema":
        raise UnsupportedFields([f"{place}.type {kind}"])
    nested = given.take("json_schema")
    inner = Fields(nested, given.at("json_schema")) if nested is not None else given
    schema = inner.take("schema")
    if not isinstance(schema, (dict, bool)):
        raise Unfit(inner.at("schema"), "must be a JSON Schema")
    inner.take("strict")  # an answer always fits
    check_schema(schema)
    return SchemaForm(schema, inner.text("name", "answer"), inner.text_or_none("description") or "")


def refuse_unless(body: Fields, only: Mapping[str, object]) -> None:
    """Refuse fields that ask for anything but what would happen anyway.

    Raises:
        UnsupportedFields: some do.
    """
    names = [body.at(name) for name, value in only.items() if body.take(name, value) not in (value, None)]
    if names:
        raise UnsupportedFields(names)


def drop(body: Fields, *names: str) -> None:
    """Take fields on which no answer depends."""
    for name in names:
        body.take(name)


def _read_seed(value: object, place: str) -> Any:  # noqa: ANN401 - read again as an option
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    # OpenAI's seeds are of 64 bits.
    return value % SEEDS if is_whole and isinstance(value, int) else value
