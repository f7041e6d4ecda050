"""How likely the model held a token, and which others it held likely. Knows nothing of sampling options.

The chances are the model's own, before temperature and whatever else makes the choice. A pass over the vocabulary in C:
1 ms for gpt-oss's 201,088 tokens, and only for replies that want it.
"""

import math

from oss_cli.engine.base import Chance
from oss_cli.engine.llama.api import C
from oss_cli.engine.llama.context import LlamaContext
from oss_cli.engine.llama.filtered_sampling import Candidates, EveryToken


class Chances:
    """Reads the chances of the tokens of one reply."""

    def __init__(self, count: int, *, vocabulary_size: int) -> None:
        """count: how many of the likeliest tokens are wanted beside the chosen one."""
        self._count = min(count, vocabulary_size)
        self._every = EveryToken(vocabulary_size)

    def read(self, context: LlamaContext, index: int, token: int) -> Chance:
        """The chance of a token at a position of the last batch."""
        logits = context.logits(index)
        candidates = self._every.with_logits(logits)
        total = self._log_of_sum(candidates, logits)
        likeliest: list[tuple[int, float]] = []
        if self._count:
            candidates.keep_likeliest(self._count)
            likeliest = [(one, logits[one] - total) for one in candidates.tokens()]
        return Chance(logits[token] - total, tuple(likeliest))

    def _log_of_sum(self, candidates: Candidates, logits: "memoryview[float]") -> float:
        """The logarithm of what all e**logit add up to, by the sampler that makes them probabilities."""
        sampler = C.llama_sampler_init_dist(0)
        C.llama_sampler_apply(sampler, candidates.reference)
        C.llama_sampler_free(sampler)
        drawn = candidates.selected  # any token that is not all too unlikely would do
        return logits[drawn] - math.log(candidates.probability(drawn))
