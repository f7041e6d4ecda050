"""Where a conversation stood that goes on: its name, and the end of what was said."""

import time

from oss_cli.conversation.messages import Role
from oss_cli.conversation.tree import Conversation, Node
from oss_cli.terminal.console import Console
from oss_cli.terminal.conversation import describe_unreadable

_QUESTION_LINES = 3
_ANSWER_LINES = 8


def show_resumed(console: Console, conversation: Conversation) -> None:
    """Show a person where they were: the title, the last question and the end of its answer, in the background."""
    path = conversation.path()
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(conversation.updated))
    count = f"{len(path)} message{'s' if len(path) != 1 else ''}"
    console.err.dim(f"“{conversation.shown_title}” · {count} · {when}\n")
    for node in path[-2:]:
        console.err.dim(_end_of(node))
    if path and path[-1].is_partial:
        console.err.dim("(this reply was broken off; /continue goes on)\n")
    if conversation.unreadable:
        console.err.dim(f"({describe_unreadable(conversation)})\n")


def _end_of(node: Node) -> str:
    text = (node.typed or node.message.content or node.message.reasoning).strip()
    lines = text.splitlines()
    if node.message.role is Role.USER:
        shown = lines[:_QUESTION_LINES] + (["…"] if len(lines) > _QUESTION_LINES else [])
        return "".join(f"{'› ' if at == 0 else '  '}{line}\n" for at, line in enumerate(shown))
    shown = (["…"] if len(lines) > _ANSWER_LINES else []) + lines[-_ANSWER_LINES:]
    return "".join(f"{line}\n" for line in shown)
