"""Where the content of a message belongs: reasoning, preamble, answer or call. Knows nothing of tokens."""

from collections.abc import Collection
from enum import Enum, auto

from oss_cli.prompts.harmony.header import Header


class Route(Enum):
    """Who gets to see a content."""

    REASONING = auto()
    PREAMBLE = auto()
    ANSWER = auto()
    CALL = auto()
    HELD = auto()
    """A channel that nobody knows: shown at the end, if nothing else was said."""
    NOWHERE = auto()


def route(header: Header) -> Route:
    """Where the content under this header goes. A recipient makes it a call on any channel."""
    if header.role != "assistant":
        return Route.NOWHERE
    if header.recipient is not None:
        return Route.CALL
    if header.channel in ("final", None):
        return Route.ANSWER
    if header.channel == "analysis":
        return Route.REASONING
    if header.channel != "commentary":
        return Route.HELD
    # Arguments without a recipient: a call that lost its name, nothing to show.
    return Route.PREAMBLE if header.content_type is None else Route.NOWHERE


def tool_name(recipient: str) -> str:
    """The bare name of whom a call goes to: `functions.` is where functions live, not a part of the name."""
    return recipient.removeprefix("functions.")


def find_tool(recipient: str, offered: Collection[str]) -> str | None:
    """Which of the offered tools a call means; None: none of them.

    Models write `functions.python` for python, and a bare name for a function.
    """
    for name in (recipient, tool_name(recipient)):
        if name in offered:
            return name
    return None


def unknown_tool_reply(recipient: str, offered: Collection[str]) -> str:
    """What to answer, in the tool's place, to a call of a tool that was not offered: the model may then correct it."""
    available = ", ".join(offered) or "none"
    return f"unknown tool {recipient}; available: {available}"
