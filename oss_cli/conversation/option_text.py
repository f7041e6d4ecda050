"""Sampling options as people write them: NAME=VALUE, `/set NAME VALUE` in a chat, a line of config.toml.

Knows what a value may be; not where it came from.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from oss_cli.conversation.options import SEEDS, SamplingOptions
from oss_cli.errors import BadUsage

_MOST_SEED = SEEDS - 1
# Only these: a stop such as \begin must not begin with a backspace.
_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\t": "\t", r"\\": "\\"}
_ESCAPE = re.compile(r"\\[nrt\\]")


@dataclass(frozen=True, slots=True)
class OptionRule:
    """One option: how its text is read and what it may be."""

    parse: Callable[[str], object]
    """Raises ValueError on text that cannot be such a value."""
    meaning: str
    """What it may be, to follow "must be"."""


def _number(low: float, high: float, *, above_low: bool = False) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if not math.isfinite(value) or not low <= value <= high or (above_low and value == low):
            raise ValueError(text)
        return value

    return parse


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return parse


def _stop(text: str) -> tuple[str, ...]:
    if not text:
        raise ValueError(text)
    return (_ESCAPE.sub(lambda match: _ESCAPES[match[0]], text),)


def _logit_bias(text: str) -> dict[int, float]:
    pairs = (part.split(":", 1) for part in text.split(","))
    return {_whole(0, 2**31 - 1)(token): _number(-1e9, 1e9)(bias) for token, bias in pairs}


OPTION_RULES: dict[str, OptionRule] = {
    "temperature": OptionRule(_number(0, 100), "a number from 0 (always the likeliest token) to 100"),
    "top_p": OptionRule(_number(0, 1, above_low=True), "a number above 0, up to 1 (keep all)"),
    "top_k": OptionRule(_whole(0, 10**6), "a whole number from 0 (keep all)"),
    "min_p": OptionRule(_number(0, 1), "a number from 0 (drop none) to 1"),
    "repeat_penalty": OptionRule(_number(0, 100, above_low=True), "a number above 0 (1: no penalty)"),
    "seed": OptionRule(_whole(0, _MOST_SEED), f"a whole number from 0 to {_MOST_SEED}"),
    "max_tokens": OptionRule(_whole(1, 10**9), "a whole number from 1"),
    "stop": OptionRule(_stop, r"a text that ends the answer (\n is a line feed)"),
    "logit_bias": OptionRule(_logit_bias, "TOKEN:BIAS pairs such as 42:-5,77:2.5"),
}
"""Every sampling option by its name, in the order in which help shows them."""


def set_option(options: SamplingOptions, name: str, text: str) -> SamplingOptions:
    """The options with one more decided. A `stop` is added to those there are; anything else is replaced.

    Raises:
        BadUsage: no option has that name, or the text is no value for it.
    """
    name = name.strip().lower().replace("-", "_")
    rule = OPTION_RULES.get(name)
    if rule is None:
        raise BadUsage(f"there is no option called {name!r}", cause=f"the options are {', '.join(OPTION_RULES)}")
    try:
        value = rule.parse(text if name == "stop" else text.strip())
    except ValueError as error:
        raise BadUsage(f"{name} cannot be {text.strip()!r}", cause=f"it must be {rule.meaning}") from error
    if name == "stop" and options.stop and isinstance(value, tuple):
        value = (*options.stop, *value)
    change: dict[str, Any] = {name: value}
    return replace(options, **change)


def set_option_pair(options: SamplingOptions, pair: str) -> SamplingOptions:
    """The options with NAME=VALUE decided.

    Raises:
        BadUsage: it has no `=`, or as `set_option`.
    """
    name, separator, text = pair.partition("=")
    if not separator:
        raise BadUsage(f"{pair!r} is not an option", cause="an option is NAME=VALUE", hint="-o temperature=0.2")
    return set_option(options, name, text)
