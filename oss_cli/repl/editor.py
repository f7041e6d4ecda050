"""What the line editor is told of a chat: words to complete, the line below the prompt, what files cost.

Loads no terminal library: the editor itself is opened by whoever has a person before it.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from oss_cli.attachments import attach_files
from oss_cli.conversation.habits import EditingMode
from oss_cli.errors import OssError
from oss_cli.repl.chat import Chat
from oss_cli.repl.commands import REGISTRY
from oss_cli.repl.editor_options import EditorOptions, Words
from oss_cli.repl.registry import Command
from oss_cli.repl.toolbar import ToolbarState


def command_meanings() -> dict[str, str]:
    """Every command with its `/`, and one line of what it does."""
    return {f"/{command.name}": command.meaning for command in REGISTRY.commands}


def editor_options(chat: Chat, editing_mode: EditingMode | None, on_reasoning: Callable[[], None]) -> EditorOptions:
    """How the editor works on this chat. on_reasoning: what Ctrl-O does at the prompt."""
    return EditorOptions(
        words=_words(chat),
        editing_mode="vi" if editing_mode is EditingMode.VI else "emacs",
        on_reasoning=on_reasoning,
        toolbar=lambda: toolbar_state(chat),
        count_tokens=lambda path: _count_file(chat, path),
    )


def toolbar_state(chat: Chat) -> ToolbarState:
    """What the line below the prompt says."""
    session = chat.session
    marks = ["private"] if chat.is_private else []
    branches = chat.branches()
    if len(branches) > 1:
        here = next((number for number, branch in enumerate(branches, 1) if branch.is_current), None)
        marks.append(f"branch {here} of {len(branches)}" if here is not None else f"{len(branches)} branches")
    if chat.attached:
        marks.append(f"{len(chat.attached)} file{'s' if len(chat.attached) > 1 else ''} attached")
    usage = session.last_usage
    try:
        used, total = chat.count_used(), session.backend.context_tokens
    except OssError:  # told when the message is sent
        used, total = 0, 0
    return ToolbarState(
        model=session.backend.name,
        effort=str(session.options.effort or ("medium" if _thinks(chat) else "")),
        context_tokens=used,
        context_size=total,
        marks=tuple(marks),
        tokens_per_second=usage.tokens_per_second if usage is not None and usage.tokens_per_second else None,
    )


def _thinks(chat: Chat) -> bool:
    """Whether the model has shown that it reasons."""
    reply = chat.session.last_reply
    return reply is not None and bool(reply.message.reasoning)


def _words(chat: Chat) -> dict[str, Words]:
    names = {name: command for command in REGISTRY.commands for name in (command.name, *command.aliases)}
    return {f"/{name}": _words_after(command, chat) for name, command in names.items() if command.words != ()}


def _words_after(command: Command[Chat], chat: Chat) -> Words:
    offered = command.words
    if offered == "paths":
        return "paths"
    return partial(offered, chat) if callable(offered) else lambda: offered


def _count_file(chat: Chat, path: Path) -> int | None:
    """What a file costs; None: it is no text."""
    try:
        attached = attach_files(f'"{path}"', byte_limit=chat.most_file_bytes)
    except OssError:
        return None
    return sum(chat.session.backend.count_text_tokens(one.text) for one in attached.attachments)
