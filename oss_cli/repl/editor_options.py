"""What a line editor can be told. Plain values and callables, so that nobody has to load the editor to make them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from oss_cli.repl.toolbar import ToolbarState

Words = Callable[[], Iterable[str]] | Literal["paths"]
"""What may stand after a command: its words, asked for anew each time on another thread; or paths."""

EditingMode = Literal["emacs", "vi"]


@dataclass(frozen=True, slots=True)
class EditorOptions:
    """How a line editor works, and whom it asks."""

    words: Mapping[str, Words] = field(default_factory=dict)
    """By command, with its `/`: what is completed after it."""
    editing_mode: EditingMode = "emacs"
    on_reasoning: Callable[[], None] | None = None
    """Ctrl-O at the prompt. May print: the prompt makes room."""
    toolbar: Callable[[], ToolbarState] | None = None
    """Asked each time the prompt is drawn: it must not take long."""
    count_tokens: Callable[[Path], int | None] | None = None
    """The cost of a file, None if it is no text. Called on another thread, once for each version of a file of at most
    200 kB; what larger files cost is estimated."""
