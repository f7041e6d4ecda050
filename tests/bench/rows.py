"""A row of the table of ratios, and what a benchmark has to be to give some. Knows no benchmark."""

import os
import shutil
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of ours beside llama.cpp's."""

    what: str
    """What was measured, and on which model."""
    ours: str
    theirs: str
    """With who they are."""
    ratio: float
    """Ours over theirs, in the unit that was measured."""
    spread: tuple[float, float]
    """The least and the largest ratio of the rounds."""
    goal: str
    """What the ratio is to be: "<= 1.1"."""
    is_met: bool


@dataclass(frozen=True, slots=True)
class World:
    """What a benchmark may use."""

    tools: Path | None
    """Folder of llama-completion and llama-bench; None: there are none."""
    smollm2: Path
    random_20b: Path | None
    """The full-size gpt-oss of random weights; None: there is none."""
    rounds: int
    threads: int

    def tool(self, name: str) -> str:
        """A tool of llama.cpp's as a command."""
        assert self.tools is not None, "asked for only where there are tools"
        found = shutil.which(name, path=os.fspath(self.tools))
        assert found is not None, f"{name} is not in {self.tools}"
        return found


Benchmark = Callable[[World], Iterable[Row]]
"""Gives its rows one after the other; of what cannot be measured in this world, none."""


def at_most(limit: float, what: str, ours: Sequence[float], theirs: Sequence[float], unit: tuple[str, str]) -> Row:
    """The row of pairs measured in turn, where less is better. The medians are told, the ratio is of the medians.

    unit: as "s", and who they are.
    """
    return _row(f"<= {limit:g}", what, ours, theirs, unit, is_met=lambda ratio: ratio <= limit)


def at_least(limit: float, what: str, ours: Sequence[float], theirs: Sequence[float], unit: tuple[str, str]) -> Row:
    """The same where more is better."""
    return _row(f">= {limit:g}", what, ours, theirs, unit, is_met=lambda ratio: ratio >= limit)


def _row(
    goal: str,
    what: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    unit: tuple[str, str],
    *,
    is_met: Callable[[float], bool],
) -> Row:
    label, who = unit
    ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
    own, other = statistics.median(ours), statistics.median(theirs)
    ratio = own / other
    told = f"{other:.4g} {label} ({who})"
    return Row(what, f"{own:.4g} {label}", told, ratio, (min(ratios), max(ratios)), goal, is_met(ratio))
