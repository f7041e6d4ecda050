"""Which settings are the best ones: each is tried against what is best so far. Knows not how they are measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Value = int | bool

WORTH = 0.97
"""A change is made only for a turn that takes at most so much of the time: less is noise."""
_TIMES = 2
"""Each is measured so often, in turn; the better time counts, since others at work only ever add."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A setting that was tried."""

    name: str
    value: Value
    seconds: float
    """Of a usual turn."""
    against_s: float
    """What the best so far took beside it."""

    @property
    def is_better(self) -> bool:
        """Whether it was taken."""
        return self.seconds <= WORTH * self.against_s


def search(
    candidates: Mapping[str, Sequence[Value]],
    measure: Callable[[Mapping[str, Value]], float],
    tell: Callable[[Trial], None],
) -> dict[str, Value]:
    """The settings that are better than those in force; empty: none is.

    candidates: by name, what is worth a try. measure: seconds of a usual turn with some settings changed.
    """
    best: dict[str, Value] = {}
    for name, values in candidates.items():
        for value in values:
            changed = {**best, name: value}
            pairs = [(measure(best), measure(changed)) for _ in range(_TIMES)]
            trial = Trial(name, value, min(new for _, new in pairs), min(old for old, _ in pairs))
            tell(trial)
            if trial.is_better:
                best = changed
    return best
