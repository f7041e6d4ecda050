"""Commands that change how replies are made and shown."""

import re
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from oss_cli.conversation.habits import Overflow, ReasoningView
from oss_cli.conversation.option_text import OPTION_RULES, set_option
from oss_cli.conversation.options import ReasoningEffort
from oss_cli.errors import BadUsage
from oss_cli.repl.chat import Chat
from oss_cli.repl.commands.table import REGISTRY
from oss_cli.repl.registry import Outcome, Stay

_Choice = TypeVar("_Choice", bound=StrEnum)

_PEER_NAMES = {"num_predict": "max_tokens", "temp": "temperature", "n_predict": "max_tokens"}
"""What options are called elsewhere: ollama, llama.cpp."""
_WORDS_BEFORE_A_NAME = ("parameter", "param", "option")
"""`/set parameter temperature 1`, as ollama has it."""


@REGISTRY.command("model", "load", "list", usage="[NAME]", words=lambda chat: chat.models.names())
def set_model(chat: Chat, argument: str) -> Outcome:
    """Show the models, or go on with another."""
    if not argument:
        now = chat.session.backend.name
        return Stay("\n".join(f"{'→' if name == now else ' '} {name}" for name in chat.models.names()))
    try:
        chat.models.open(argument)
    finally:
        chat.session.backend = chat.models.current
    return Stay(f"model: {chat.session.backend.name}")


@REGISTRY.command("effort", "think", usage="[low|medium|high]", words=tuple(ReasoningEffort))
def set_effort(chat: Chat, argument: str) -> Outcome:
    """Show or set how long the model may think."""
    options = chat.session.options
    if not argument:
        return Stay(f"effort: {options.effort or ReasoningEffort.MEDIUM}")
    effort = _choose(ReasoningEffort, "effort", argument)
    chat.session.options = replace(options, effort=effort)
    return Stay(f"effort: {effort}")


@REGISTRY.command("reasoning", usage="[show|fold|hide|last]", words=(*ReasoningView, "last"))
def set_reasoning(chat: Chat, argument: str) -> Outcome:
    """Show, fold or hide it, or read the last."""
    if argument.lower() == "last":
        reply = chat.session.last_reply
        return Stay(reply.message.reasoning if reply is not None and reply.message.reasoning else "there is none")
    if argument:
        chat.reasoning = _choose(ReasoningView, "reasoning", argument)
    return Stay(f"reasoning: {chat.reasoning}")


@REGISTRY.command("system", "system-prompt", usage="[TEXT]")
def set_system(chat: Chat, argument: str) -> Outcome:
    """Show or set instructions; `-`: none."""
    if not argument:
        return Stay(chat.session.system or "there are no instructions")
    chat.session.system = "" if argument == "-" else argument
    return Stay("instructions taken away" if argument == "-" else "instructions set")


@REGISTRY.command("set", usage="[NAME VALUE]", words=(*OPTION_RULES, "overflow", "reasoning_budget"))
def set_any(chat: Chat, argument: str) -> Outcome:
    """Show options, or set one; `default`: undo."""
    name, text = _name_and_value(argument)
    if name in _WORDS_BEFORE_A_NAME:
        name, text = _name_and_value(text)
    name = name.lower().replace("-", "_")
    name, text = _PEER_NAMES.get(name, name), text.strip()
    if not name:
        return Stay(_describe(chat))
    elsewhere = {"system": set_system, "effort": set_effort, "think": set_effort, "reasoning": set_reasoning}
    if name in elsewhere:
        return elsewhere[name](chat, text)
    if not text:
        raise BadUsage(f"there is no value for {name}", hint=f"/set {name} VALUE, or /set {name} default")
    if name == "overflow":
        chat.overflow = Overflow.STOP if text == "default" else _choose(Overflow, name, text)
        return Stay(f"overflow = {chat.overflow}")
    options = chat.session.options
    if name == "reasoning_budget":
        chat.session.options = replace(options, reasoning_budget=None if text == "default" else _budget(text))
    elif text == "default" and name in OPTION_RULES:
        chat.session.options = replace(options, sampling=replace(options.sampling, **{name: None}))
    else:
        chat.session.options = replace(options, sampling=set_option(options.sampling, name, text))
    return Stay(f"{name}: as the model has it" if text == "default" else f"{name} = {text}")


def _name_and_value(text: str) -> tuple[str, str]:
    """`NAME VALUE`, `NAME=VALUE` or `NAME = VALUE`; a value may hold more of these signs."""
    match = re.match(r"([^\s=]*)\s*(?:=(?=\s*\S))?\s*(.*)", text, re.DOTALL)
    return (match[1], match[2]) if match is not None else (text, "")


def _describe(chat: Chat) -> str:
    options = chat.session.options
    decided = {name: getattr(options.sampling, name) for name in OPTION_RULES}
    decided["reasoning_budget"] = options.reasoning_budget
    lines = [f"{name} = {value}" for name, value in decided.items() if value is not None]
    others = ", ".join(name for name, value in decided.items() if value is None)
    return "\n".join([*lines, f"overflow = {chat.overflow}", f"as the model has it: {others}"])


def _choose(kind: type[_Choice], name: str, text: str) -> _Choice:
    try:
        return kind(text.lower())
    except ValueError as error:
        *others, last = (str(one) for one in kind)
        raise BadUsage(f"{name} cannot be {text!r}", cause=f"it must be {', '.join(others)} or {last}") from error


def _budget(text: str) -> int:
    if not text.isdecimal():
        raise BadUsage(f"reasoning_budget cannot be {text!r}", cause="it must be a whole number from 0")
    return int(text)
