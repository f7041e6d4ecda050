"""A kept conversation as plain text of 80 columns. Knows its values, not where it is kept."""

import shutil
import textwrap
from collections.abc import Iterable
from datetime import UTC, datetime

from oss_cli.conversation.code_lines import CodeLines
from oss_cli.conversation.messages import Role
from oss_cli.conversation.tree import Conversation, Node
from oss_cli.terminal.console import Stream
from oss_cli.terminal.sanitize import visible

_MOST_COLUMNS = 80


def show_conversation(stream: Stream, conversation: Conversation) -> None:
    """Write its current branch. Also in a pipe, nothing in it can drive a terminal."""
    width = min(_MOST_COLUMNS, shutil.get_terminal_size().columns) if stream.is_watched else _MOST_COLUMNS
    stream.bold(" ".join(visible(conversation.shown_title).split()))
    stream.write("\n")
    stream.dim(f"{conversation.id}, begun {clock(conversation.created)}")
    stream.write("\n")
    if conversation.system:
        _section(stream, "Instructions", conversation.system, width)
    path = conversation.path()
    for node in path:
        _show_message(stream, node, width)
    others = sum(1 for leaf in conversation.leaves() if all(leaf.id != node.id for node in path))
    if others:
        which = "1 other branch is" if others == 1 else f"{others} other branches are"
        stream.dim(f"\n{which} not shown.\n")


def describe_unreadable(conversation: Conversation) -> str:
    """That messages of it could not be read, and why the first could not; empty if all could."""
    problems = conversation.unreadable
    if not problems:
        return ""
    which = "1 message" if len(problems) == 1 else f"{len(problems)} messages"
    left_out = "is left out" if len(problems) == 1 else "are left out"
    return f"{which} of {conversation.id} cannot be read ({problems[0]}) and {left_out}"


def show_pieces(stream: Stream, pieces: Iterable[str]) -> None:
    """Write one line of pieces in turn: one plain, one that stands out."""
    for number, piece in enumerate(pieces):
        text = visible(piece.replace("\n", " ").replace("\t", " "))
        if number % 2:
            stream.bold(text)
        else:
            stream.write(text)
    stream.write("\n")


def clock(seconds: float) -> str:
    """A moment on this computer's clock, to the minute."""
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone():%Y-%m-%d %H:%M}"


def _show_message(stream: Stream, node: Node, width: int) -> None:
    message = node.message
    speaker = {Role.USER: "You", Role.TOOL: "Tool"}.get(message.role, "Instructions")
    if node.summary_of is not None:
        speaker = "Summary of what was said before"
    elif message.role is Role.ASSISTANT:
        speaker = (node.making.model if node.making is not None else "") or "Assistant"
    head = f"{speaker}, {clock(node.created)}{', cut off' if node.is_partial else ''}"
    _head(stream, head)
    if message.reasoning:
        stream.dim(textwrap.indent(wrapped(message.reasoning, width - 2), "  ") + "\n\n")
    text = message.content.strip("\n")
    for call in message.tool_calls:
        text = f"{text}\n{call.name}({call.arguments})".strip()
    stream.write(visible(wrapped(text, width)) + "\n")


def _section(stream: Stream, head: str, text: str, width: int) -> None:
    _head(stream, head)
    stream.write(visible(wrapped(text, width)) + "\n")


def _head(stream: Stream, text: str) -> None:
    stream.write("\n")
    stream.bold(" ".join(visible(text).split()))
    stream.write("\n")


def wrapped(text: str, width: int) -> str:
    """The text with long lines broken between words; code stays as it is."""
    code = CodeLines()
    lines: list[str] = []
    for line in text.split("\n"):
        if code.takes(line) or len(line) <= width:
            lines.append(line)
            continue
        indent = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False,
            replace_whitespace=False, expand_tabs=False,
        )  # fmt: skip
    return "\n".join(lines)
