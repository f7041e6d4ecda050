"""Commands that bring files into the conversation, and the conversation out of it."""

import os
import re
from pathlib import Path

from oss_cli.attachments import Attachment, attach_files
from oss_cli.conversation.archive import write_archive
from oss_cli.conversation.markdown import write_markdown
from oss_cli.errors import BadUsage, CannotWrite
from oss_cli.repl.chat import Chat
from oss_cli.repl.commands.table import REGISTRY
from oss_cli.repl.registry import Outcome, Stay

_CODE = re.compile(r"^(`{3,}|~{3,})[^\n`]*\n(.*?)^\1`*~*\s*$", re.MULTILINE | re.DOTALL)


@REGISTRY.command("file", "read", "glob", "attach", "upload", usage="[PATH…]", words="paths")
def attach_file(chat: Chat, argument: str) -> Outcome:
    """Attach files, folders, patterns; `-`: none."""
    if argument == "-":
        chat.attached.clear()
        return Stay("nothing is attached")
    notices: tuple[str, ...] = ()
    if argument:
        attached = attach_files(argument, byte_limit=chat.most_file_bytes)
        chat.check_room([*chat.attached, *attached.attachments])
        chat.attached += attached.attachments
        notices = attached.notices
    if not chat.attached:
        return Stay("nothing is attached; /file PATH… attaches text files, folders and patterns")
    lines = [f"{one.path}: {_tokens(chat, one):,} tokens{_encoding(one)}" for one in chat.attached]
    many = "they go" if len(chat.attached) > 1 else "it goes"
    return Stay("\n".join([*lines, *notices, f"{many} with your next message"]))


@REGISTRY.command("copy", usage="[code]", words=("code",))
def copy(chat: Chat, argument: str) -> Outcome:
    """Copy the last answer, or the code in it."""
    reply = chat.session.last_reply
    text = reply.message.content if reply is not None else ""
    if not text:
        raise BadUsage("there is no answer to copy", cause="nothing has been said yet")
    if argument.lower() == "code":
        blocks = [match[2] for match in _CODE.finditer(text)]
        if not blocks:
            raise BadUsage("there is no code to copy", cause="the last answer has no block of code", hint="/copy")
        text = "\n".join(blocks)
    elif argument:
        raise BadUsage(f"{argument!r} cannot be copied", hint="/copy, or /copy code")
    lines = text.count("\n") + (not text.endswith("\n"))
    return Stay(f"copied {lines:,} line{'s' if lines != 1 else ''} {chat.copy(text)}")


@REGISTRY.command("save", "dump", usage="PATH", words="paths")
def save(chat: Chat, argument: str) -> Outcome:
    """Write Markdown, or JSON for a .json name."""
    if not argument:
        raise BadUsage("there is no name for the file", hint="/save talk.md, or /save talk.json")
    conversation = chat.session.conversation
    if not conversation.nodes:
        raise BadUsage("there is nothing to save", cause="nothing has been said yet")
    path = Path(os.path.expanduser(argument.strip("\"'")))  # noqa: PTH111 - Path.expanduser fails for unknown users
    is_json = path.suffix.lower() == ".json"
    text = write_archive([conversation]) if is_json else write_markdown(conversation)
    _write(path, text, replaces=path in chat.saved)
    chat.saved.add(path)
    return Stay(f"saved as {'JSON' if is_json else 'Markdown'}: {path}")


def _tokens(chat: Chat, attachment: Attachment) -> int:
    return chat.session.backend.count_text_tokens(attachment.text)


def _encoding(attachment: Attachment) -> str:
    return "" if attachment.encoding in ("utf-8", "ascii") else f", read as {attachment.encoding}"


def _write(path: Path, text: str, *, replaces: bool) -> None:
    """Write a file for its owner alone; one that we have not written is left alone.

    Raises:
        BadUsage: there is such a file.
        CannotWrite: the disk or its rights are against it.
    """
    how = os.O_TRUNC if replaces else os.O_EXCL
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600), "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - by descriptor
            file.write(text)
    except FileExistsError as error:
        raise BadUsage(
            f"{path} exists already", cause="it was not written by this chat", hint="/save ANOTHER_NAME"
        ) from error
    except OSError as error:
        raise CannotWrite(path, error) from error
