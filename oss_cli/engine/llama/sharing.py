"""Prompts that begin alike: where the beginning of a new one is in the cache already, and when it is worth waiting for.

Knows nothing of sampling and changes nothing: the scheduler acts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from oss_cli.engine.llama.sequence import Sequence

WORTH_TOKENS = 32
"""A beginning that is shorter is evaluated again: waiting and checkpoints would cost more."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a new prompt starts from."""

    target: Sequence
    """The free sequence that it goes to."""
    source: Sequence
    """Where its beginning is: the target itself, or another one that goes on."""
    length: int
    """How many of its tokens are there."""
    longest: int
    """How many some sequence has in common with it, whether or not they can still be used."""

    def take(self, prompt: list[int]) -> int:
        """Bring the target to hold the beginning and nothing else; how many tokens that are."""
        if self.source is self.target:
            return self.target.keep_prefix(prompt)
        return self.target.take_over(self.source, self.length)


def find_beginning(prompt: list[int], free: list[Sequence], running: Iterable[Sequence]) -> Beginning:
    """The best place to start a prompt from. A free sequence that has as much as any other is used as it is."""
    others = [*free, *running]
    longest = max(one.shared_with(prompt) for one in others)
    own = max(free, key=lambda one: one.reusable(prompt))
    length = own.reusable(prompt)
    source = max(others, key=lambda one: one.lendable(prompt))
    if source.lendable(prompt) <= length:
        return Beginning(own, own, length, longest)
    spare = [one for one in free if one is not source]
    if not spare:  # only the lender is free, and gives less to itself
        return Beginning(own, own, length, longest)
    target = next((one for one in spare if not one.tokens), spare[0])  # else the one that was free for longest
    return Beginning(target, source, source.lendable(prompt), longest)
