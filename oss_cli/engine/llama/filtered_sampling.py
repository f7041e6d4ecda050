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
from typing import Any

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
_ID, _LOGIT, _FIELDS = 0, 1, 3  # of llama_token_data, four bytes each: id, logit, p


class FilteredSampling:
    """Chooses the tokens of one reply with its sampler chain."""

    def __init__(self, chain: SamplerChain, only: TokenFilter, *, vocabulary_size: int) -> None:
        self._chain = chain
        self._only = only
        self._every = EveryToken(vocabulary_size)

    def choose(self, context: LlamaContext, index: int) -> int | None:
        """The next token, at a position of the last batch; None: none is allowed."""
        if not self._chain.remembers:
            token = context.sample(self._chain.pointer, index)
            if self._only.allows(token):
                return token
            left = self._chain.leftovers.take() if self._chain.leftovers is not None else None
            if left is not None:
                return self._choose_among(*left, context.logits(index))
        chosen = self._choose_apart(context.logits(index))
        if chosen is not None:
            self._chain.accept([chosen])
        return chosen

    def _choose_apart(self, logits: "memoryview[float]") -> int | None:
        """Choose without `llama_sampler_sample`, which tells the samplers of a token before it could be refused."""
        candidates = self._every.with_logits(logits)
        self._chain.apply(candidates.reference)
        if self._only.allows(candidates.selected):
            return candidates.selected
        if self._chain.is_greedy:
            candidates.keep_likeliest(_LIKELIEST)
        if candidates.size < len(logits):
            return self._choose_among(candidates.tokens(), candidates.logits(), logits)
        return self._among_all(logits)

    def _choose_among(self, left: list[int], left_logits: list[float], logits: "memoryview[float]") -> int | None:
        """Choose where the samplers have left these; if none of them is allowed, among all tokens."""
        kept = [position for position, token in enumerate(left) if self._only.allows(token)]
        if kept:
            return self._draw([left[one] for one in kept], [left_logits[one] for one in kept])
        is_worth_it = self._chain.keeps and len(left) < _FEW
        chosen = self._among_likely(logits) if is_worth_it else None
        return self._among_all(logits) if chosen is None else chosen

    def _draw(self, tokens: Sequence[int], logits: Sequence[float]) -> int:
        """One of these, whose logits have been through the other samplers."""
        candidates = candidates_of(array("i", tokens), memoryview(array("f", logits)))
        self._chain.draw(candidates.reference)
        return candidates.selected

    def _among_likely(self, logits: "memoryview[float]") -> int | None:
        """As `_among_all`, where as many allowed ones as the samplers would keep of all stand high enough."""
        likely = self._every.with_logits(logits)
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
        candidates = candidates_of(array("i", tokens), memoryview(array("f", [logits[token] for token in tokens])))
        self._chain.apply(candidates.reference)
        return candidates.selected


class Candidates:
    """llama.cpp's array of tokens to choose from. The samplers sort and shorten it."""

    def __init__(self, entries: Pointer) -> None:
        """entries: an array of llama_token_data; see `candidates_of`."""
        self._entries = entries
        first = ctypes.cast(entries, C.llama_token_data_p)
        self._array = C.llama_token_data_array(first, len(entries), -1, False)
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

    def logits(self) -> list[float]:
        """What the samplers have made of the logits of `tokens`."""
        return [self._array.data[position].logit for position in range(self.size)]


def candidates_of(tokens: "array[int]", logits: "memoryview[float]") -> Candidates:
    """These tokens, each with its logit."""
    entries = (C.llama_token_data * len(tokens))()
    _fields(entries, "i")[_ID::_FIELDS] = memoryview(tokens)
    _fields(entries, "f")[_LOGIT::_FIELDS] = logits
    return Candidates(entries)


class EveryToken:
    """All tokens of a vocabulary as candidates, again and again in the same place: half the time of a new one."""

    def __init__(self, vocabulary_size: int) -> None:
        self._size = vocabulary_size
        self._unused: Pointer = None
        self._entries: Pointer = None

    def with_logits(self, logits: "memoryview[float]") -> Candidates:
        """All of them; those that were asked for before are no more. 1 ms for gpt-oss's 201,088."""
        if self._unused is None:
            kind = C.llama_token_data * self._size
            self._unused, self._entries = kind(), kind()
            _fields(self._unused, "i")[_ID::_FIELDS] = memoryview(array("i", range(self._size)))
        ctypes.memmove(self._entries, self._unused, ctypes.sizeof(self._unused))
        _fields(self._entries, "f")[_LOGIT::_FIELDS] = logits  # without a loop in Python
        return Candidates(self._entries)


def _fields(entries: Pointer, kind: str) -> "memoryview[Any]":
    """The fields of an array of llama_token_data in one row, all read as one type."""
    fields: memoryview[Any] = memoryview(entries).cast("B").cast(kind)  # type: ignore[call-overload]
    return fields
