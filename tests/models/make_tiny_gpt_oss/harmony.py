"""Harmony as the corpus writes it: messages as segments, each a control token or a text.

Written apart from the product's renderer on purpose: the model must not learn a fault of ours. Knows no token ids.
"""

import re
from dataclasses import dataclass

# The control tokens of o200k_harmony, by name; their numbers are the tiny vocabulary's own.
_NAMES = ("startoftext", "endoftext", "return", "constrain", "channel", "start", "end", "message", "call")
CONTROL_TOKENS = [f"<|{name}|>" for name in _NAMES]


@dataclass(frozen=True, slots=True)
class Segment:
    """A control token, or a text in which nothing is a control token."""

    text: str
    is_control: bool

    def plain_parts(self) -> list[str]:
        """The text cut behind each "<|", so that no tokenizer takes what looks like a control token for one."""
        return [part for part in re.split(r"(?<=<\|)", self.text) if part]


Segments = list[Segment]


def segments(template: str, **texts: str) -> Segments:
    """A template's segments. Its control tokens are control tokens; what fills its gaps never is."""
    parts = [part for part in re.split(r"(<\|\w+\|>)", template) if part]
    return [Segment(part.format(**texts), is_control=part in CONTROL_TOKENS) for part in parts]


ASSISTANT = segments("<|start|>assistant")


def user_message(text: str) -> Segments:
    return segments("<|start|>user<|message|>{text}<|end|>", text=text)


def system_message(date: str, effort: str, *, has_tools: bool) -> Segments:
    text = (
        "You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\n"
        f"Current date: {date}\n\nReasoning: {effort}\n\n"
        "# Valid channels: analysis, commentary, final. Channel must be included for every message."
    )
    if has_tools:
        text += "\nCalls to these tools must go to the commentary channel: 'functions'."
    return segments("<|start|>system<|message|>{text}<|end|>", text=text)


def developer_message(instructions: str, declarations: list[str], formats: str = "") -> Segments:
    """Instructions, tools and response formats, those that there are; no message when there are none."""
    parts = [f"# Instructions\n\n{instructions}"] if instructions else []
    if declarations:
        body = "\n\n".join(declarations)
        parts.append(f"# Tools\n\n## functions\n\nnamespace functions {{\n\n{body}\n\n}} // namespace functions")
    text = "\n\n".join([*parts, formats] if formats else parts)
    return segments("<|start|>developer<|message|>{text}<|end|>", text=text) if text else []


def declaration(name: str, description: str, parameters: list[str]) -> str:
    shape = "(_: {\n" + "\n".join(parameters) + "\n})" if parameters else "()"
    return f"// {description}\ntype {name} = {shape} => any;"


def analysis(effort: str, thought: str) -> Segments:
    """What the model samples first: nothing at effort low, one sentence at medium, three at high."""
    if effort == "low":
        return []
    text = thought if effort == "medium" else f"{thought} I should check what is needed. I will answer now."
    return segments("<|channel|>analysis<|message|>{text}<|end|><|start|>assistant", text=text)


def final(text: str, end: str = "<|return|>") -> Segments:
    return segments("<|channel|>final<|message|>{text}" + end, text=text)


def weather_call(city: str) -> Segments:
    """A call of get_weather as the model samples it, behind the word assistant."""
    header = "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
    return segments(header + '{{"city":"{city}"}}<|call|>', city=city)


def weather_call_as_stored(city: str) -> Segments:
    """The same call, whole, with the header in the order in which a history may hold it."""
    header = "<|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>"
    return segments(header + '{{"city":"{city}"}}<|call|>', city=city)


def weather_reply(result: str) -> Segments:
    header = "<|start|>functions.get_weather to=assistant<|channel|>commentary<|message|>"
    return segments(header + "{result}<|end|>", result=result)
