"""How a person likes a chat: plain values. What a chat does about them is not known here."""

from enum import StrEnum


class Overflow(StrEnum):
    """What happens when the next turn does not fit into the context; never in silence."""

    STOP = "stop"
    """Say so, and change nothing."""
    DROP = "drop"
    """Leave the oldest turns out of what the model reads."""
    COMPACT = "compact"
    """Let the model sum the oldest turns up, and read that in their place."""


class ReasoningView(StrEnum):
    """How a model's reasoning is shown to a person."""

    FOLD = "fold"
    """As one line that lives."""
    SHOW = "show"
    HIDE = "hide"


class EditingMode(StrEnum):
    """Whose keys the line editor obeys."""

    EMACS = "emacs"
    VI = "vi"
