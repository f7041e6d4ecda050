"""What a benchmark found: plain values, and what follows from several of them. Measures nothing."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_TURN_PROMPT_TOKENS, _TURN_REPLY_TOKENS = 256, 128
"""A usual turn, by which one setting is better than another."""


@dataclass(frozen=True, slots=True)
class BenchJob:
    """What is to be measured."""

    depths: tuple[int, ...]
    """Tokens that the context holds already, the least first."""
    prompt_tokens: int
    """So many are read at each depth."""
    reply_tokens: int
    """So many are written at each depth."""
    rounds: int
    """How often; the median counts."""
    limit_s: float
    """A depth that would take longer to reach is left out."""
    reads_memory: bool = True
    """Whether the copy test is part of it."""

    @property
    def context_tokens(self) -> int:
        """What the context has to hold."""
        return self.depths[-1] + self.prompt_tokens + self.reply_tokens


@dataclass(frozen=True, slots=True)
class Depth:
    """The speeds with so many tokens in the context."""

    tokens: int
    prompt_speed: float
    """Tokens a second."""
    reply_speed: float
    """Tokens a second."""


@dataclass(frozen=True, slots=True)
class BenchResult:
    """All that one process measured."""

    load_s: float
    first_token_cold_s: float
    """From the beginning of the load on."""
    first_token_warm_s: float
    """Of a short prompt, once the model is loaded."""
    peak_bytes: int
    """The most memory that the process held, the file's mapped pages included; 0: the system does not say."""
    copy_bytes_per_second: float
    """Read and written by a copy on the same threads; 0: not measured."""
    depths: tuple[Depth, ...]

    @property
    def turn_s(self) -> float:
        """What a usual turn takes at the least depth."""
        first = self.depths[0]
        return _TURN_PROMPT_TOKENS / first.prompt_speed + _TURN_REPLY_TOKENS / first.reply_speed

    @staticmethod
    def from_value(value: dict[str, Any]) -> "BenchResult":
        """The result out of what `dataclasses.asdict` made of one."""
        return BenchResult(**{**value, "depths": tuple(Depth(**depth) for depth in value["depths"])})


@dataclass(frozen=True, slots=True)
class Ratio:
    """How one setting compares with another over several pairs of runs: more than 1: it is faster."""

    median: float
    least: float
    most: float


def ratio_of(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio:
    """The ratios of pairs that were measured one after the other."""
    ratios = [above / below for above, below in zip(numerators, denominators, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))
