"""What the line below the prompt says, fitted to a width. Knows no terminal library."""

from collections.abc import Sequence
from dataclasses import dataclass

_CELLS = 6
_LONGEST_NAME = 0.5  # of the width
_SHORTEST_NAME = 20


@dataclass(frozen=True, slots=True)
class ToolbarState:
    """What is to be known at the prompt."""

    model: str
    effort: str = ""
    context_tokens: int = 0
    """Taken by the conversation so far."""
    context_size: int = 0
    marks: tuple[str, ...] = ()
    """Such as `private`, or `branch 2 of 3`."""
    tokens_per_second: float | None = None


def fit_toolbar(state: ToolbarState, width: int, *, is_ascii: bool = False) -> str:
    """One line of what there is to know; what does not fit is shortened, then dropped from the right.

    Args:
        state: what there is.
        width: of the terminal, in columns.
        is_ascii: the terminal has no other letters.
    """
    between = " | " if is_ascii else " · "
    gauge = _gauge(state, is_ascii=is_ascii)
    share = f"ctx {_share(state):.0%}" if state.context_size else ""
    speed = "" if state.tokens_per_second is None else f"{state.tokens_per_second:.1f} tokens/s"
    name = _shorten(state.model, max(int(width * _LONGEST_NAME), _SHORTEST_NAME), "..." if is_ascii else "…")
    for context in (gauge, share):
        line = _join([name, state.effort, *state.marks, context, speed], between)
        if len(line) <= width:
            return line
    return _join_fitting([name, state.effort, *state.marks, share], between, width)


def fit_costs(costs: Sequence[tuple[str, str]], width: int, *, is_ascii: bool = False) -> str:
    """One line of attached files with what they cost; those that do not fit are counted."""
    parts = [f"{name} {cost}" for name, cost in costs]
    between = " | " if is_ascii else " · "
    for shown in range(len(parts), -1, -1):
        more = [f"{len(parts) - shown} more"] if shown < len(parts) else []
        line = _join([*parts[:shown], *more], between)
        if len(line) <= width:
            return line
    return ""


def _share(state: ToolbarState) -> float:
    return min(1.0, state.context_tokens / state.context_size)


def _gauge(state: ToolbarState, *, is_ascii: bool) -> str:
    if not state.context_size:
        return ""
    full, free = ("#", "-") if is_ascii else ("▰", "▱")
    filled = min(_CELLS, -int(-_share(state) * _CELLS // 1))  # rounded up: a little is seen
    return f"{full * filled}{free * (_CELLS - filled)} {state.context_tokens:,} of {state.context_size:,}"


def _shorten(text: str, width: int, mark: str) -> str:
    return text if len(text) <= width else text[: width - len(mark)] + mark


def _join(parts: Sequence[str], between: str) -> str:
    return between.join(part for part in parts if part)


def _join_fitting(parts: Sequence[str], between: str, width: int) -> str:
    shown = list(parts)
    while len(_join(shown, between)) > width and len(shown) > 1:
        shown.pop()
    return _join(shown, between)[:width]
