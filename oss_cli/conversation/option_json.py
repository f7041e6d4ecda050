"""Sampling options as fields of a JSON object, under their own names, and what to do with fields that nobody knows.

Nothing is left out silently: what cannot be done is refused by its name.
"""

from dataclasses import replace
from typing import Any

from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.option_text import OPTION_RULES
from oss_cli.conversation.options import SamplingOptions


class UnsupportedFields(Unfit):
    """Fields that we do not know, or know and cannot do."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names), "not supported")
        self.names = names


def refuse_others(*parts: Fields) -> None:
    """Name every field that nobody has taken; one that is null is as good as not there.

    Raises:
        UnsupportedFields: there are some.
    """
    names = [part.at(name) for part in parts for name, value in part.rest().items() if value is not None]
    if names:
        raise UnsupportedFields(names)


def read_option(options: SamplingOptions, name: str, value: object, place: str) -> SamplingOptions:
    """The options with one more decided, by a JSON value; null decides nothing.

    Raises:
        Unfit: it cannot be such a value.
    """
    if value is None:
        return options
    if name == "stop":
        return replace(options, stop=_read_stops(value, place))
    if name == "logit_bias":
        return replace(options, logit_bias=_read_biases(value, place))
    rule = OPTION_RULES[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unfit(place, f"must be {rule.meaning}")
    try:
        change: dict[str, Any] = {name: rule.parse(repr(value))}
    except ValueError as error:
        raise Unfit(place, f"must be {rule.meaning}") from error
    return replace(options, **change)


def _read_stops(value: object, place: str) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(one, str) and one for one in stops):
        raise Unfit(place, "must be a text or a list of texts, none of them empty")
    return tuple(stops)


def _read_biases(value: object, place: str) -> dict[int, float]:
    rule = OPTION_RULES["logit_bias"]
    if not isinstance(value, dict) or not all(_is_number(bias) for bias in value.values()):
        raise Unfit(place, "must be an object of token ids and numbers")
    if not value:
        return {}
    try:
        biases = rule.parse(",".join(f"{token}:{bias!r}" for token, bias in value.items()))
    except ValueError as error:
        raise Unfit(place, "must be an object of token ids and numbers") from error
    assert isinstance(biases, dict)
    return biases


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
