"""The line editor of the chat: the rooms that know prompt_toolkit. It knows nothing of sessions or models."""

from oss_cli.repl.prompt.line_editor import LineEditor
from oss_cli.repl.prompt.typing_ahead import typing_ahead

__all__ = ["LineEditor", "typing_ahead"]
