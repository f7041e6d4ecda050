"""A text file as it stands in a prompt. Knows nothing of where the text came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oss_cli.conversation.code_lines import fence_around

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)}


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file that was read."""

    path: Path
    """As it was named, not made absolute."""
    text: str
    """With plain line feeds and no byte order mark."""
    encoding: str
    """What its bytes were: `utf-8`, or the name of another encoding, which may be a guess."""


def put_before(text: str, attachments: Sequence[Attachment]) -> str:
    """A message with its attachments before it, each under its name, in a fence longer than any inside."""
    return "".join([*map(_in_a_fence, attachments), text])


def _in_a_fence(attachment: Attachment) -> str:
    fence = fence_around(attachment.text)
    end = "" if attachment.text.endswith("\n") or not attachment.text else "\n"
    return f"File {_as_text(attachment.path)}:\n{fence}\n{attachment.text}{end}{fence}\n\n"


def _as_text(path: Path) -> str:
    """A name that stays on its line and can be encoded, whatever the disk has."""
    return path.as_posix().translate(_CONTROLS).encode("utf-8", "replace").decode()
