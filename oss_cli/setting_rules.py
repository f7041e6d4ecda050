"""Every setting's rule: how its text is read, what it may be, what it is for. Knows not where a text came from."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from oss_cli.conversation.habits import EditingMode, Overflow, ReasoningView
from oss_cli.conversation.option_text import OPTION_RULES
from oss_cli.conversation.options import ReasoningEffort
from oss_cli.durations import DURATION_FORM, read_duration
from oss_cli.paths import expand_folder
from oss_cli.plan import KvType, Speculation

_MOST = 2**31 - 1
"""llama.cpp counts in 32 bits."""

_SWITCH_WORDS = {
    "true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SettingRule:
    """One setting."""

    parse: Callable[[str], object]
    """Raises ValueError on text that cannot be such a value."""
    form: str
    """What it may be, to follow "must be"."""
    meaning: str
    """What it is, for people, in half a line."""
    is_switch: bool = False
    """Whether it is true or false, and stands as such in config.toml."""


def _text(meaning: str) -> SettingRule:
    return SettingRule(str, "a text", meaning)


def _switch(meaning: str) -> SettingRule:
    return SettingRule(read_switch, "true or false", meaning, is_switch=True)


def read_switch(text: str) -> bool:
    """What a word for yes or no says.

    Raises:
        ValueError: it is none.
    """
    value = _SWITCH_WORDS.get(text.strip().lower())
    if value is None:
        raise ValueError(text)
    return value


def _choice(values: type[StrEnum], meaning: str) -> SettingRule:
    *others, last = values
    form = f"{', '.join(others)} or {last}"
    return SettingRule(lambda text: values(text.strip().lower()), form, meaning)


def _folder(meaning: str) -> SettingRule:
    def parse(text: str) -> Path:
        folder = expand_folder(text.strip())
        if not folder.is_absolute():  # it must not depend on where a command is given
            raise ValueError(text)
        return folder

    return SettingRule(parse, "a whole path, or begin with ~", meaning)


def _whole(least: int, most: int, meaning: str) -> SettingRule:
    def parse(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise ValueError(text)
        return value

    return SettingRule(parse, f"a whole number from {least} to {most}", meaning)


SETTING_RULES: dict[str, SettingRule] = {
    "model": _text("the model to use when none is named"),
    "system": _text("instructions that stand before every conversation"),
    "effort": _choice(ReasoningEffort, "how long a reasoning model may think: low, medium or high"),
    "ctx": _whole(1, _MOST, "tokens a conversation can hold"),
    # ggml.h, GGML_MAX_N_THREADS: with far more of them llama.cpp aborts the process.
    "threads": _whole(1, 512, "CPU threads"),
    "gpu_layers": _whole(-1, _MOST, "how many layers go to the GPU; -1: all"),
    "cpu_moe": _whole(0, _MOST, "of how many layers the experts stay on the CPU"),
    "kv_type": _choice(KvType, "how the cache is kept: f16, or q8_0 in half the memory"),
    "no_mmap": _switch("true: copy the model into memory instead of mapping its file"),
    "mlock": _switch("true: keep the model from being swapped out"),
    "batch": _whole(32, 4096, "tokens of a prompt that are computed together"),
    "repack": _switch("true: chats copy weights into a layout for faster prompts; false: never"),
    "speculation": _choice(
        Speculation, "guess the next tokens where it pays: auto, on (also with a seed or at temperature 0) or off"
    ),
    "draft": _text("a smaller model of the same family that guesses the next tokens"),
    "keep_alive": SettingRule(
        read_duration, DURATION_FORM, "how long oss run and oss chat leave a model in memory after its last use; 0: not"
    ),
    "offline": _switch("true: never use the network"),
    "server": _text("the server that answers: a [servers.NAME], an address, or local"),
    "hub_cache": _folder("folder of what is pulled: the Hugging Face cache"),
    "models_folder": _folder("folder of the models that oss has for itself"),
    "private": _switch("true: keep nothing of a chat"),
    "cache": _switch("true: oss run keeps what it has read, as --cache"),
    "cache_gb": _whole(0, 100_000, "most GB of what models have read on disk, for -c; 0: none"),
    "overflow": _choice(Overflow, "when the next turn does not fit: stop, drop the oldest, or compact them"),
    "reasoning_budget": _whole(0, _MOST, "most tokens of reasoning before an answer; 0: none"),
    "reasoning": _choice(ReasoningView, "reasoning in a chat: fold it to one line, show it, or hide it"),
    "editing_mode": _choice(EditingMode, "keys of the line editor: emacs or vi"),
    "markdown": _switch("false: show answers as the model wrote them"),
    **{name: SettingRule(rule.parse, rule.meaning, rule.meaning) for name, rule in OPTION_RULES.items()},
}
"""By the name that config.toml has for it, in the order in which people are shown them."""
