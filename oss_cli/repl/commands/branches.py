"""`/branches`: the tree of a conversation, and going from one branch to another."""

from oss_cli.conversation.messages import Role
from oss_cli.conversation.tree import Node
from oss_cli.errors import BadUsage
from oss_cli.repl.chat import Chat
from oss_cli.repl.commands.table import REGISTRY
from oss_cli.repl.commands.turns import quoted
from oss_cli.repl.registry import Outcome, Stay
from oss_cli.session.session import Branch


@REGISTRY.command(
    "branches",
    "branch",
    "tree",
    usage="[N]",
    words=lambda chat: (str(n + 1) for n in range(len(chat.session.branches()))),
)
def show_branches(chat: Chat, argument: str) -> Outcome:
    """Show the branches, or go on with the Nth."""
    if argument:
        return _switch(chat, argument)
    branches = chat.branches()
    if not branches:
        return Stay("nothing has been said yet")
    numbers = {node.id: number for number, node in enumerate(chat.session.questions, 1)}
    lines = [line for number, branch in enumerate(branches, 1) for line in _draw(number, branch, numbers)]
    tip = chat.session.conversation.tip
    if not any(branch.leaf.id == tip for branch in branches):
        after = chat.session.conversation.nodes.get(tip) if tip is not None else None
        where = f"after “{quoted(after)}”" if after is not None else "from the beginning"
        lines.append(f"the next message goes on {where}")
    return Stay("\n".join(lines))


def _switch(chat: Chat, argument: str) -> Outcome:
    if not argument.isdecimal():
        raise BadUsage(f"{argument!r} is no branch", hint="/branches, then /branches 2")
    branch = chat.session.switch(int(argument))
    return Stay(f"branch {argument}, which ends with “{quoted(branch.leaf)}”")


def _draw(number: int, branch: Branch, numbers: dict[str, int]) -> list[str]:
    """A branch's own messages, each indented by how deep it lies; the last one with its number.

    numbers: of the user's messages, as `/edit` counts them.
    """
    lines = [
        f"{_indent(depth)}{_line(node, numbers)}" for depth, node in enumerate(branch.path) if depth >= branch.shared
    ]
    mark = f"  ← {number}" + (", here" if branch.is_current else "")
    lines[-1] += mark
    return lines


def _indent(depth: int) -> str:
    """Turns, not messages, go deeper: a long talk would leave the screen."""
    return "  " * min(depth // 2, 12)


def _line(node: Node, numbers: dict[str, int]) -> str:
    if node.summary_of is not None:
        return f"≡ {quoted(node) or 'earlier turns left out'}"
    if node.message.role is Role.USER:
        return f"› {quoted(node)}" + (f" ({numbers[node.id]})" if node.id in numbers else "")
    return f"  {quoted(node)}{' [stopped]' if node.is_partial else ''}"
