"""Texts as vectors, by models that are made for it: their file says how the tokens' vectors become one (pooling).

A chat model's vectors are left alone: it was never trained to put like beside like. One text at a time, whole in one
micro-batch, because llama.cpp pools what a micro-batch holds. Knows nothing of HTTP.
"""

import math
import threading
from collections.abc import Sequence

from oss_cli.engine.llama.api import LOG, C, Pointer
from oss_cli.engine.llama.model import LlamaModel
from oss_cli.errors import EngineFailed, PromptTooLong

_POOLINGS = ("1", "2", "3")  # llama.h, enum llama_pooling_type: mean, the first token's, the last one's
_SMALLEST_CONTEXT_TOKENS = 512
_MOST_CONTEXT_TOKENS = 8192
"""Longer texts would take gigabytes for one micro-batch."""
_MOST_TOKEN_BYTES = 64
"""A text with more bytes than that for each token it may have is not split into tokens to be told so."""


class LlamaEmbedder:
    """Makes vectors with a loaded model. From any thread; one text at a time."""

    def __init__(self, model: LlamaModel, *, threads: int) -> None:
        self._model = model
        self._threads = threads
        self._lock = threading.Lock()
        self._pointer: Pointer = None
        self._tokens = 0
        """How many the context holds; it grows with the texts."""
        self._is_closed = False

    @property
    def most_tokens(self) -> int:
        """The longest text."""
        return min(self._model.trained_tokens, _MOST_CONTEXT_TOKENS)

    def embed(self, text: str) -> tuple[list[float], int]:
        """The vector of a text, of length 1, and how many tokens the text has. Blocks.

        Raises:
            PromptTooLong: the text is longer than what the model reads.
            EngineFailed: llama.cpp could not do it, or the model was closed.
        """
        with self._lock:
            if self._is_closed:
                raise EngineFailed("the model is unloaded", cause="it was closed")
            tokens = self._tokenize(text)
            if len(tokens) > self._tokens:
                self._enlarge(len(tokens))
            return _to_length_one(self._evaluate(tokens)), len(tokens)

    def close(self) -> None:
        """Give the memory back; before the model's. Waits for the text that is being read."""
        with self._lock:
            self._is_closed = True
            self._free()

    def _tokenize(self, text: str) -> list[int]:
        """A text's tokens, with those that the model wants around it; no text of it becomes a control token."""
        data = text.encode("utf-8", "replace")
        if len(data) > self.most_tokens * _MOST_TOKEN_BYTES:
            raise self._too_long(len(data) // _MOST_TOKEN_BYTES)
        capacity = len(data) + 8
        buffer = (C.llama_token * capacity)()
        vocabulary = C.llama_model_get_vocab(self._model.pointer)
        count = C.llama_tokenize(vocabulary, data, len(data), buffer, capacity, True, False)
        if count < 0:
            raise EngineFailed("the text could not be split into tokens", cause=f"it has {len(data):,} bytes")
        if count > self.most_tokens:
            raise self._too_long(count)
        tokens: list[int] = list(buffer[:count])
        return tokens

    def _too_long(self, tokens: int) -> PromptTooLong:
        most = self.most_tokens
        return PromptTooLong(prompt_tokens=tokens, context_tokens=most, trained_tokens=most)

    def _enlarge(self, tokens: int) -> None:
        size = _SMALLEST_CONTEXT_TOKENS
        while size < tokens:
            size *= 2
        self._free()
        parameters = C.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = parameters.n_outputs_max = size
        parameters.n_threads = parameters.n_threads_batch = self._threads
        parameters.embeddings = True
        parameters.no_perf = True
        LOG.clear()
        self._pointer = C.llama_init_from_model(self._model.pointer, parameters) or None
        if self._pointer is None:
            raise EngineFailed(f"no context of {size:,} tokens could be made", cause=LOG.errors())
        self._tokens = size

    def _evaluate(self, tokens: list[int]) -> list[float]:
        if not tokens:
            raise EngineFailed("the text has no tokens")
        memory = C.llama_get_memory(self._pointer)
        if memory:
            C.llama_memory_clear(memory, False)
        array = (C.llama_token * len(tokens))(*tokens)
        LOG.clear()
        status = C.llama_decode(self._pointer, C.llama_batch_get_one(array, len(tokens)))
        vector = C.llama_get_embeddings_seq(self._pointer, 0) if status == 0 else None
        if not vector:
            raise EngineFailed("llama.cpp could not make a vector", cause=LOG.errors() or f"llama_decode: {status}")
        return list(vector[: C.llama_model_n_embd_out(self._model.pointer)])

    def _free(self) -> None:
        if self._pointer is not None:
            C.llama_free(self._pointer)
            self._pointer = None
            self._tokens = 0


def makes_vectors(model: LlamaModel) -> bool:
    """Whether a model is made for it: its file names a way to pool."""
    return model.metadata(f"{model.architecture}.pooling_type") in _POOLINGS


def _to_length_one(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length > 0 else list(vector)
