"""Sampling among the tokens that a filter lets through. Knows nothing of why.

The model chooses freely first, and that one token is tested: as long as it is what the filter wants, this costs next to
nothing. If it is refused, it is drawn again among what the samplers had left, without what is refused: probabilities
stay those of the samplers, shared out among the allowed. Only if they had left nothing that is allowed, they are given
all allowed tokens of the vocabulary, or the likeliest of these where they would keep no others. No refused token
reaches a sampler's memory.
"""

import ctypes
from array import array
from collections.abc import Sequence

from oss_cli.engine.base import TokenFilter
from oss_cli.engine.llama.api import C, Pointer
from oss_cli.engine.llama.context import LlamaContext
from oss_cli.engine.llama.sampling import SamplerChain

_LIKELIEST = 128
"""Where no sampler drops tokens and the likeliest is wanted, so many are tried; llama.cpp sorts no more as quickly."""
_LIKELY = 1024
"""So many are tried before the whole vocabulary is looked at: of what a string may hold, hundreds are among them."""
_FEW = 64
"""Where so many were refused, hardly any token is allowed: then the vocabulary is looked through in no time."""
_FIELDS = 3  # of llama_token_data, four bytes each: id, logit, p


class FilteredSampling:
    """Chooses the tokens of one reply with its sampler chain."""

    def __init__(self, chain: SamplerChain, only: TokenFilter, *, vocabulary_size: int) -> None:
        self._chain = chain
        self._only = only
        self._every = array("i", range(vocabulary_size))

    def choose(self, context: LlamaContext, index: int) -> int | None:
        """The next token, at a position of the last batch; None: none is allowed."""
        if not self._chain.remembers:
            token = context.sample(self._chain.pointer, index)
            if self._only.allows(token):
                return token
        chosen = self._choose_apart(context.logits(index))
        if chosen is not None:
            self._chain.accept([chosen])
        return chosen

    def _choose_apart(self, logits: "memoryview[float]") -> int | None:
        """Choose without `llama_sampler_sample`, which tells the samplers of a token before it could be refused."""
        candidates = Candidates(self._every, logits)
        self._chain.apply(candidates.reference)
        if self._only.allows(candidates.selected):
            return candidates.selected
        if self._chain.is_greedy:
            candidates.keep_likeliest(_LIKELIEST)
        if candidates.size < len(logits):
            left = candidates.tokens()
            kept = [position for position, token in enumerate(left) if self._only.allows(token)]
            if kept:
                return self._draw([left[one] for one in kept], candidates.logits(kept))
        is_worth_it = self._chain.keeps and candidates.size < _FEW
        chosen = self._among_likely(logits) if is_worth_it else None
        return self._among_all(logits) if chosen is None else chosen

    def _draw(self, tokens: Sequence[int], logits: Sequence[float]) -> int:
        """One of these, whose logits have been through the other samplers."""
        candidates = Candidates(array("i", tokens), memoryview(array("f", logits)))
        self._chain.draw(candidates.reference)
        return candidates.selected

    def _among_likely(self, logits: "memoryview[float]") -> int | None:
        """As `_among_all`, where as many allowed ones as the samplers would keep of all stand high enough."""
        likely = Candidates(self._every, logits)
        likely.keep_likeliest(_LIKELY)
        biased = [token for token in self._chain.biased if self._only.allows(token)]  # may rise or fall: all of them
        allowed = []
        for token in likely.tokens():
            if token not in self._chain.biased and self._only.allows(token):
                allowed.append(token)
                if len(allowed) == self._chain.keeps:
                    return self._apply([*allowed, *biased], logits)
        return None

    def _among_all(self, logits: "memoryview[float]") -> int | None:
        allowed = self._only.allowed_tokens()
        if not allowed:
            return None
        return self._apply(allowed, logits)

    def _apply(self, tokens: Sequence[int], logits: "memoryview[float]") -> int:
        candidates = Candidates(array("i", tokens), memoryview(array("f", [logits[token] for token in tokens])))
        self._chain.apply(candidates.reference)
        return candidates.selected


class Candidates:
    """llama.cpp's array of tokens to choose from. The samplers sort and shorten it."""

    def __init__(self, tokens: "array[int]", logits: "memoryview[float]") -> None:
        self._data = (C.llama_token_data * len(tokens))()
        whole = memoryview(self._data).cast("B")
        whole.cast("i")[0::_FIELDS] = memoryview(tokens)  # without a loop in Python: 1 ms for 201,088 of them
        whole.cast("f")[1::_FIELDS] = logits
        self._array = C.llama_token_data_array(ctypes.cast(self._data, C.llama_token_data_p), len(tokens), -1, False)
        self.reference: Pointer = ctypes.byref(self._array)

    @property
    def size(self) -> int:
        """How many the samplers have left."""
        size: int = self._array.size
        return size

    @property
    def selected(self) -> int:
        """The token that was chosen."""
        token: int = self._array.data[self._array.selected].id
        return token

    def probability(self, position: int) -> float:
        """That of the candidate at a position, once a sampler that draws has been there."""
        probability: float = self._array.data[position].p
        return probability

    def keep_likeliest(self, count: int) -> None:
        """Drop all others."""
        sampler = C.llama_sampler_init_top_k(count)
        C.llama_sampler_apply(sampler, self.reference)
        C.llama_sampler_free(sampler)

    def tokens(self) -> list[int]:
        """Those that are left."""
        return [self._array.data[position].id for position in range(self.size)]

    def logits(self, positions: Sequence[int]) -> list[float]:
        """What the samplers have made of the logits at some positions."""
        return [self._array.data[position].logit for position in positions]
