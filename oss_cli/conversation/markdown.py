"""A conversation as Markdown, for people to read. Knows nothing of files.

What was said stands in block quotes: fences, lists and headings in it end with their quote. Outside of code, `<` is
written as `&lt;`: no tag in it can close the `<details>` around a reasoning, or open one.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from oss_cli.conversation.code_lines import CodeLines, fence_around
from oss_cli.conversation.messages import Role
from oss_cli.conversation.tree import Conversation, Node

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)")
_LINE_END = re.compile(r"\r\n|\r|\n")

_SPEAKERS = {
    Role.USER: "User", Role.ASSISTANT: "Assistant", Role.SYSTEM: "System", Role.DEVELOPER: "Developer",
    Role.TOOL: "Tool",
}  # fmt: skip


def write_markdown(conversation: Conversation, *, zone: tzinfo | None = None) -> str:
    """The current branch.

    zone: whose clock is shown; None: this computer's.
    """
    path = conversation.path()
    models = dict.fromkeys(node.making.model for node in path if node.making is not None and node.making.model)
    title = _escaped(" ".join(conversation.shown_title.split())) or "A conversation"
    parts = [f"# {title}", "\n".join(_facts(conversation, list(models), zone))]
    if conversation.system:
        parts += ["## Instructions", quoted(conversation.system)]
    for node in path:
        parts += _message(node, zone)
    others = sum(1 for leaf in conversation.leaves() if all(leaf.id != node.id for node in path))
    if others:
        which = "1 other branch is" if others == 1 else f"{others} other branches are"
        parts += ["---", f"{which} not shown here; JSON holds them all."]
    return "\n\n".join(parts) + "\n"


def quoted(text: str) -> str:
    """A text as a block quote that ends where it ends, whatever it says."""
    return "\n".join(f"> {line}".rstrip(" ") if not line.strip() else f"> {line}" for line in _tamed_lines(text))


def _facts(conversation: Conversation, models: list[str], zone: tzinfo | None) -> Iterator[str]:
    yield f"- Date: {_time(conversation.created, zone)}"
    if models:
        yield f"- Model: {_escaped(', '.join(models))}"
    yield f"- Conversation: {conversation.id}"


def _message(node: Node, zone: tzinfo | None) -> Iterator[str]:
    message = node.message
    speaker = _SPEAKERS[message.role] if node.summary_of is None else "Summary"
    cut_off = ", cut off" if node.is_partial else ""
    yield f"## {speaker}, {_time(node.created, zone)}{cut_off}"
    if message.reasoning:
        yield f"<details>\n<summary>Reasoning</summary>\n\n{quoted(message.reasoning)}\n\n</details>"
    if message.content:
        yield quoted(message.content)
    for call in message.tool_calls:
        yield f"Calls a tool:\n\n{_code(f'{call.name}({call.arguments})')}"


def _time(seconds: float, zone: tzinfo | None) -> str:
    moment = datetime.fromtimestamp(seconds, UTC).astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M}"


def _code(text: str) -> str:
    fence = fence_around(text)
    return f"{fence}\n" + "\n".join(_LINE_END.split(text)) + f"\n{fence}"


def _tamed_lines(text: str) -> Iterator[str]:
    """The lines, with tags made harmless outside of code. In doubt, it is no code."""
    code = CodeLines()
    has_paired_ticks = True
    for line in _LINE_END.split(text):
        if code.takes(line):
            has_paired_ticks = True
            yield line
            continue
        # A span of code may begin on one line and end on another: then what looks like one may be none.
        has_paired_ticks = not line.strip() or (has_paired_ticks and _pairs_ticks(line))
        yield _escaped_outside_spans(line) if has_paired_ticks else _escaped(line)


def _pairs_ticks(line: str) -> bool:
    """Whether every span of code that begins on this line ends on it, and none is cut by a table's cell."""
    return "`" not in _SPAN.sub("", line) and "\\`" not in line and "|" not in line


def _escaped_outside_spans(line: str) -> str:
    pieces = []
    at = 0
    for span in _SPAN.finditer(line):
        pieces += [_escaped(line[at : span.start()]), span[0]]
        at = span.end()
    return "".join([*pieces, _escaped(line[at:])])


def _escaped(text: str) -> str:
    return _TAG.sub("&lt;", text)
