"""Evaluation: batches, the key/value cache of each sequence, saved states, aborting. Knows nothing of why."""

import ctypes
import os
import sys
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TypeAlias

from oss_cli.engine.llama.api import LOG, C, Pointer
from oss_cli.engine.llama.model import LlamaModel
from oss_cli.errors import EngineFailed
from oss_cli.plan import KvType

BATCH_TOKENS = 2048
"""Most tokens of one call."""
MICRO_BATCH_TOKENS = 512
"""Tokens that are computed together. Larger ones cost memory (1.6 GB at 2048 on gpt-oss) and bring nothing on a CPU."""
_FLASH_ATTENTION_AUTO = -1  # llama.h, enum llama_flash_attn_type
_FLASH_ATTENTION_ON = 1
_KV_TYPES = {KvType.F16: 1, KvType.Q8_0: 8}  # ggml.h, enum ggml_type
_EVERYTHING = 0
_PARTIAL_ONLY = 1  # llama.h, LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY: the sliding windows and recurrent states alone


SavedState: TypeAlias = "ctypes.Array[ctypes.c_uint8]"
"""Bytes that llama.cpp wrote, where it wrote them: gigabytes are not copied about."""


class Evaluation(Enum):
    """How a call of llama_decode ended."""

    DONE = auto()
    ABORTED = auto()
    NO_ROOM = auto()


@dataclass(frozen=True, slots=True)
class ContextSize:
    """How large a context is."""

    tokens: int
    """Tokens that all sequences can hold together."""
    sequences: int = 1
    outputs: int = 1
    """Most positions of one call whose logits are wanted. One more than this aborts the process (llama.cpp), and each
    costs vocabulary × 4 bytes × micro-batch: 1 instead of all saves 285 MiB on gpt-oss.
    """
    kv_type: KvType = KvType.F16
    batch_tokens: int = BATCH_TOKENS
    micro_batch_tokens: int = MICRO_BATCH_TOKENS


class LlamaContext:
    """A llama_context with its batch. Not for two threads at once, but for `abort`."""

    def __init__(self, model: LlamaModel, size: ContextSize, *, threads: int) -> None:
        self.model = model
        self.outputs = size.outputs
        self.kv_type = size.kv_type
        self.micro_batch_tokens = size.micro_batch_tokens
        self._abort_flag = ctypes.create_string_buffer(2)  # "" goes on, "1" aborts: see _abort_callback
        LOG.clear()
        pointer = C.llama_init_from_model(model.pointer, self._parameters(size, threads))
        if not pointer:
            raise EngineFailed(f"no context of {size.tokens:,} tokens could be made", cause=LOG.errors())
        self.pointer = pointer
        self._memory = C.llama_get_memory(pointer)
        self._batch = C.llama_batch_init(size.batch_tokens, 0, 1)
        self._used = 0
        self.tokens = min(C.llama_n_ctx(pointer), size.tokens) // size.sequences
        """Tokens that one sequence may hold; llama.cpp rounds up, and of a unified cache it tells the whole."""

    def _parameters(self, size: ContextSize, threads: int) -> Pointer:
        parameters = C.llama_context_default_params()
        parameters.n_ctx = size.tokens
        parameters.n_batch = size.batch_tokens
        parameters.n_ubatch = size.micro_batch_tokens
        parameters.n_seq_max = size.sequences
        parameters.kv_unified = size.sequences > 1
        parameters.n_outputs_max = size.outputs
        parameters.n_threads = threads
        parameters.n_threads_batch = threads
        parameters.type_k = parameters.type_v = _KV_TYPES[size.kv_type]
        # A quantised cache of values works with flash attention alone; llama.cpp refuses it otherwise.
        is_plain = size.kv_type is KvType.F16
        parameters.flash_attn_type = _FLASH_ATTENTION_AUTO if is_plain else _FLASH_ATTENTION_ON
        parameters.swa_full = False  # True doubles gpt-oss's cache; `sequence` keeps to the rules that False brings
        parameters.no_perf = True
        parameters.abort_callback = _abort_callback()
        parameters.abort_callback_data = ctypes.cast(self._abort_flag, ctypes.c_void_p)
        return parameters

    def add(self, token: int, *, position: int, sequence: int, wants_logits: bool) -> int:
        """Put a token into the next batch; the index under which its logits can be sampled."""
        index = self._used
        batch = self._batch
        batch.token[index] = token
        batch.pos[index] = position
        batch.n_seq_id[index] = 1
        batch.seq_id[index][0] = sequence
        batch.logits[index] = wants_logits
        self._used = index + 1
        return index

    def evaluate(self) -> Evaluation:
        """Evaluate the batch and empty it. Blocks; `abort` from another thread ends it.

        ABORTED and NO_ROOM may leave some of its positions in the cache: cut them off.

        Raises:
            EngineFailed: llama.cpp could not compute it.
        """
        self._batch.n_tokens = self._used
        self._used = 0
        status = C.llama_decode(self.pointer, self._batch)
        if status == 0:
            return Evaluation.DONE
        if status == 1:
            return Evaluation.NO_ROOM
        if status == 2:
            return Evaluation.ABORTED
        raise EngineFailed("llama.cpp could not evaluate the tokens", cause=LOG.errors() or f"llama_decode: {status}")

    def sample(self, sampler: Pointer, index: int) -> int:
        """The token that a sampler chain chooses at a position of the last batch."""
        token: int = C.llama_sampler_sample(sampler, self.pointer, index)
        return token

    def logits(self, index: int) -> "memoryview[float]":
        """What a position of the last batch says of every token; until the next batch."""
        first = C.llama_get_logits_ith(self.pointer, index)
        whole = (ctypes.c_float * self.model.vocabulary.size).from_address(ctypes.addressof(first.contents))
        return memoryview(whole).cast("B").cast("f")

    def abort(self) -> None:
        """End the evaluation that is running, or the next one. On GPUs it ends at its next batch. From any thread."""
        self._abort_flag.value = b"1"

    def resume(self) -> None:
        """Take back `abort`."""
        self._abort_flag.value = b""

    def first_position(self, sequence: int) -> int:
        """The earliest position that is still there in full (sliding windows forget); -1: the sequence is empty."""
        position: int = C.llama_memory_seq_pos_min(self._memory, sequence)
        return position

    def last_position(self, sequence: int) -> int:
        """The latest position that is there; -1: the sequence is empty."""
        position: int = C.llama_memory_seq_pos_max(self._memory, sequence)
        return position

    def remove(self, sequence: int, start: int) -> bool:
        """Forget the positions from `start` on. False: this kind of cache cannot do that (nothing was removed).

        True does not say that the rest is usable: see `sequence`.
        """
        return bool(C.llama_memory_seq_rm(self._memory, sequence, start, -1))

    def share(self, source: int, target: int, length: int) -> None:
        """Let an empty sequence hold the first `length` positions of another as well. Their cells stand there once."""
        C.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def save(self, sequence: int) -> "SavedState | None":
        """All that the cache holds of a sequence; another context of the same model can `restore` it."""
        return self._save(sequence, _EVERYTHING)

    def restore(self, sequence: int, state: "SavedState") -> bool:
        """Bring back what `save` gave. False: it could not be read, and the sequence's cache is undefined."""
        return self._restore(sequence, state, _EVERYTHING)

    def save_window(self, sequence: int) -> "SavedState | None":
        """What a later cut-back needs beside the positions that are never forgotten: windows and recurrent states."""
        return self._save(sequence, _PARTIAL_ONLY)

    def restore_window(self, sequence: int, state: "SavedState") -> bool:
        """Bring back what `save_window` gave. False: it could not be read, and the sequence's cache is undefined."""
        return self._restore(sequence, state, _PARTIAL_ONLY)

    def count_bytes(self, sequence: int) -> int:
        """How many bytes `write` would write."""
        size: int = C.llama_state_seq_get_size_ext(self.pointer, sequence, _EVERYTHING)
        return size

    def write(self, sequence: int, path: Path) -> bool:
        """Write all that the cache holds of a sequence to a file, piece by piece. False: it failed."""
        return bool(C.llama_state_seq_save_file(self.pointer, _file_name(path), sequence, None, 0))

    def read(self, sequence: int, path: Path) -> bool:
        """Bring back what `write` wrote; what follows it in the file is not looked at. False: the cache is undefined.

        Only for bytes that are known to be `write`'s: on others llama.cpp may end the process.
        """
        count = ctypes.c_size_t(0)
        none = (C.llama_token * 1)()
        name = _file_name(path)
        return bool(C.llama_state_seq_load_file(self.pointer, name, sequence, none, 0, ctypes.byref(count)))

    def close(self) -> None:
        """Give the memory back. May be called twice."""
        if self.pointer is not None:
            C.llama_batch_free(self._batch)
            C.llama_free(self.pointer)
            self.pointer = None

    def _save(self, sequence: int, flags: int) -> "SavedState | None":
        size = C.llama_state_seq_get_size_ext(self.pointer, sequence, flags)
        buffer = (ctypes.c_uint8 * size)()
        written = C.llama_state_seq_get_data_ext(self.pointer, buffer, size, sequence, flags)
        return buffer if written == size else None

    def _restore(self, sequence: int, state: "SavedState", flags: int) -> bool:
        read = C.llama_state_seq_set_data_ext(self.pointer, state, len(state), sequence, flags)
        return bool(read == len(state))


def _file_name(path: Path) -> bytes:
    """llama.cpp opens files by UTF-8 names on Windows, by the bytes of the file system elsewhere."""
    return str(path).encode() if sys.platform == "win32" else os.fsencode(path)


def _abort_callback() -> Pointer:
    """A native `bool callback(void *flag)` that is true once the flag is "1": the C library's strlen.

    llama.cpp calls it after every node of the graph (about 900 a token on SmolLM2). A Python function would take the
    interpreter's lock each time and slow decoding by a tenth; strlen costs nothing measurable.
    """
    library = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
    return ctypes.cast(library.strlen, C.ggml_abort_callback)
