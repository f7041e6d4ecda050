"""A sampler that changes nothing and keeps what those before it have left: for when the token that is drawn is refused.

llama.cpp tells what was drawn, not among what. To find that out afterwards, all tokens of the vocabulary would have to
go through the samplers once more: 2 ms for gpt-oss's 201,088, against 5 microseconds a token for this.
"""

import ctypes

from oss_cli.engine.llama.api import C, Pointer

_MOST_KEPT = 1024
"""Where the samplers leave more, hardly anything was dropped, and to copy it would cost more than it saves."""


class Leftovers:
    """What one chain had left when it drew last. It has to live as long as the chain."""

    def __init__(self) -> None:
        self._interface = C.llama_sampler_i()  # what it does not name is NULL, and llama.cpp passes over it
        self._interface.name = C.llama_sampler_i_name(lambda _sampler: b"leftovers")
        self._interface.apply = C.llama_sampler_i_apply(self._keep)
        self._entries: Pointer = None
        self.pointer: Pointer = C.llama_sampler_init(ctypes.byref(self._interface), None)
        """The sampler; the chain that it is added to frees it."""

    def take(self) -> "tuple[list[int], list[float]] | None":
        """The tokens and what the samplers have made of their logits; None: they had left too many."""
        if self._entries is None:
            return None
        return [entry.id for entry in self._entries], [entry.logit for entry in self._entries]

    def _keep(self, _sampler: Pointer, candidates: Pointer) -> None:
        left = candidates.contents
        self._entries = None
        if left.size <= _MOST_KEPT:
            self._entries = (C.llama_token_data * left.size)()
            ctypes.memmove(self._entries, left.data, ctypes.sizeof(self._entries))
