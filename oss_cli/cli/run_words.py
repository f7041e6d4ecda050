"""The words of `oss run`: which of them is a model and which the prompt; NAME=VALUE pairs. Reads nothing."""

import shlex
from collections.abc import Sequence

from oss_cli.cli.run_input import standard_input_is_a_terminal
from oss_cli.errors import BadUsage, UnknownModel


def split_model(words: list[str], model: str | None, *, needs_prompt: bool = True) -> tuple[str | None, str | None]:
    """Which of the arguments is a model and which the prompt: `oss run gpt-oss-20b "hi"` is a habit from ollama.

    needs_prompt: whether there is nothing else to be asked, no file and no template.

    Raises:
        BadUsage: a model's name alone, or a prompt of several arguments.
        UnknownModel: two arguments, and the first looks like a slip for a model's name.
    """
    from oss_cli import wiring

    first = words[0] if words else None
    if first is None or model is not None and len(words) == 1:
        return model, first
    is_name = model is None and wiring.is_model_name(first)
    if is_name and len(words) == 2:
        return first, words[1]
    if is_name and len(words) == 1:
        if needs_prompt and standard_input_is_a_terminal():
            raise BadUsage(f"there is no prompt for {first}", hint=f"oss chat {first}")
        return first, None
    if len(words) == 1:
        return None, first
    if len(words) == 2 and model is None:
        nearest = wiring.nearest_model_names(first)
        if nearest:
            raise UnknownModel(first, nearest=nearest, hint=f"oss run {nearest[0]} {shlex.quote(words[1])}")
    raise BadUsage(
        "the prompt must be one argument",
        cause=f"there are {len(words)}",
        hint=f"oss run {shlex.quote(' '.join(words))}",
    )


def split_pairs(pairs: Sequence[str], *, option: str) -> dict[str, str]:
    """NAME=VALUE pairs; of two of one name the later one counts.

    Raises:
        BadUsage: one has no `=`.
    """
    values: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise BadUsage(f"{pair!r} gives no variable a value", hint=f"{option} NAME=VALUE")
        values[name] = value
    return values
