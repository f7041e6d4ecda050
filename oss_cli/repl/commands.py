"""The slash commands of the chat. They change the session and return decisions; no terminal library."""

import textwrap
from dataclasses import dataclass, replace

from oss_cli.conversation.option_text import OPTION_RULES, set_option
from oss_cli.conversation.options import ReasoningEffort
from oss_cli.errors import BadUsage
from oss_cli.repl.registry import Outcome, Quit, Registry, SendAgain, Stay
from oss_cli.session.session import Session


@dataclass(slots=True)
class Chat:
    """What the commands work on."""

    session: Session


REGISTRY: Registry[Chat] = Registry()

_HELP_WIDTH = 79
_KEYS = """\
Enter sends, Alt-Enter or Ctrl-J begins a new line,
Ctrl-C stops a reply, Ctrl-D leaves."""


@REGISTRY.command("help", "?", "h")
def show_help(chat: Chat, argument: str) -> Outcome:
    """Show the commands."""
    rows = [(f"/{one.name} {one.usage}".rstrip(), one.meaning) for one in REGISTRY.commands]
    width = max(len(head) for head, _ in rows)
    lines = [f"{head.ljust(width)}  {meaning}" for head, meaning in rows]
    aliases = [f"/{alias} ({one.name})" for one in REGISTRY.commands for alias in one.aliases]
    also = textwrap.wrap(f"Other names: {', '.join(aliases)}.", width=_HELP_WIDTH)
    return Stay("\n".join([*lines, *also, _KEYS]))


@REGISTRY.command("system", usage="[TEXT]")
def set_system(chat: Chat, argument: str) -> Outcome:
    """Show or replace the instructions; `-` takes them away."""
    if not argument:
        return Stay(chat.session.system or "there are no instructions")
    chat.session.system = "" if argument == "-" else argument
    return Stay("instructions taken away" if argument == "-" else "instructions set")


@REGISTRY.command("effort", "think", usage="[low|medium|high]")
def set_effort(chat: Chat, argument: str) -> Outcome:
    """Show or set how long the model may think."""
    options = chat.session.options
    if not argument:
        return Stay(f"effort: {options.effort or ReasoningEffort.MEDIUM}")
    try:
        effort = ReasoningEffort(argument.lower())
    except ValueError as error:
        raise BadUsage(f"effort cannot be {argument!r}", cause="it must be low, medium or high") from error
    chat.session.options = replace(options, effort=effort)
    return Stay(f"effort: {effort}")


@REGISTRY.command("set", usage="[NAME VALUE]")
def set_sampling(chat: Chat, argument: str) -> Outcome:
    """Show the sampling options set here, or set one."""
    options = chat.session.options
    name, _, text = argument.replace("=", " ", 1).partition(" ")
    if not name:
        decided = {one: getattr(options.sampling, one) for one in OPTION_RULES}
        lines = [f"{one} = {value}" for one, value in decided.items() if value is not None]
        return Stay("\n".join(lines) or f"nothing is set; you can set {', '.join(OPTION_RULES)}")
    chat.session.options = replace(options, sampling=set_option(options.sampling, name, text.strip()))
    return Stay(f"{name} = {text.strip()}")


@REGISTRY.command("clear", "new", "reset")
def clear(chat: Chat, argument: str) -> Outcome:
    """Forget the conversation, but not the options."""
    chat.session.clear()
    return Stay("the conversation is forgotten")


@REGISTRY.command("regen", "retry", "again")
def regenerate(chat: Chat, argument: str) -> Outcome:
    """Ask for another reply to your last message."""
    return SendAgain()


@REGISTRY.command("exit", "quit", "bye", "q")
def leave(chat: Chat, argument: str) -> Outcome:
    """Leave the chat (Ctrl-D does, too)."""
    return Quit()
