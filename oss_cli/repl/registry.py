"""The table of slash commands: names, aliases, help and completion all come from it. Knows no command."""

import difflib
import inspect
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from oss_cli.conversation.tree import Node
from oss_cli.errors import BadUsage
from oss_cli.session.turn import Turn

Chat = TypeVar("Chat")


@dataclass(frozen=True, slots=True)
class Stay:
    """Go on with the next line; `text` is shown first."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave the chat."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this message to the model."""

    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Let the model speak without a new message: another reply, or more of the last one."""

    begin: Callable[[], AbstractContextManager[Turn]]


@dataclass(frozen=True, slots=True)
class Offer:
    """Put an earlier message before its writer, to be changed and sent in its place; where nobody types, it is sent as
    it is."""

    question: Node


@dataclass(frozen=True, slots=True)
class SumUp:
    """Let the model sum up the oldest turns."""


Outcome = Stay | Quit | Send | Answer | Offer | SumUp
"""What a command decides; the loop acts on it."""


Words = tuple[str, ...] | Callable[[Chat], Iterable[str]] | Literal["paths"]
"""Words that may follow a command; how to find them; or paths."""


@dataclass(frozen=True, slots=True)
class Command(Generic[Chat]):
    """One slash command."""

    name: str
    aliases: tuple[str, ...]
    usage: str
    """What follows the name, such as `NAME VALUE`; empty for nothing."""
    run: Callable[[Chat, str], Outcome]
    words: "Words[Chat]" = ()
    """What Tab offers after the name."""

    @property
    def meaning(self) -> str:
        """One line of what it does."""
        return (inspect.getdoc(self.run) or "").partition("\n")[0]


class Registry(Generic[Chat]):
    """Commands by name and alias."""

    def __init__(self) -> None:
        self.commands: list[Command[Chat]] = []

    def command(
        self, name: str, *aliases: str, usage: str = "", words: "Words[Chat]" = ()
    ) -> Callable[[Callable[[Chat, str], Outcome]], Callable[[Chat, str], Outcome]]:
        """Register the decorated function; its docstring is the command's help."""

        def register(function: Callable[[Chat, str], Outcome]) -> Callable[[Chat, str], Outcome]:
            self.commands.append(Command(name, aliases, usage, function, words))
            return function

        return register

    def find(self, word: str) -> Command[Chat]:
        """The command that a word without its `/` names.

        Raises:
            BadUsage: there is none; the hint is the nearest.
        """
        by_name = {name: command for command in self.commands for name in (command.name, *command.aliases)}
        found = by_name.get(word.lower())
        if found is not None:
            return found
        nearest = difflib.get_close_matches(word.lower(), by_name, n=1, cutoff=0.7)
        hint = f"/{by_name[nearest[0]].name}" if nearest else "/help"
        raise BadUsage(f"there is no command /{word}", hint=hint)
