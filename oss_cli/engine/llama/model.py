"""A model file in memory, or its vocabulary alone. Knows nothing of contexts and conversations."""

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

from oss_cli.conversation.option_text import set_option
from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.llama.api import LOG, C, Pointer
from oss_cli.engine.llama.devices import keep_experts_on_cpu
from oss_cli.engine.llama.lifetime import Lifetime
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.errors import BadUsage, EngineFailed
from oss_cli.plan import LoadPlan

_SAMPLING_KEYS = {
    "temperature": "temp",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repeat_penalty": "penalty_repeat",
}
_LOAD_MODES = {(True, False): -1, (False, False): 0, (False, True): 2, (True, True): 3}
"""By mmap and mlock. llama.h, enum llama_load_mode; -1 (AUTO) memory-maps unless a device says that it cannot."""


class LoadCancelled(Exception):
    """The load was stopped by its own progress callback; no error of the user's."""


class LlamaModel:
    """A loaded GGUF. Owns llama.cpp's model: `close` it after every context on it."""

    def __init__(self, pointer: Pointer, path: Path) -> None:
        self.pointer = pointer
        self.path = path
        self._lifetime = Lifetime()
        self.vocabulary = LlamaVocabulary(C.llama_model_get_vocab(pointer), self._lifetime)
        self.trained_tokens: int = C.llama_model_n_ctx_train(pointer)
        self.architecture = self.metadata("general.architecture") or ""
        self.window = self._window()

    def metadata(self, key: str) -> str | None:
        """A value of the file's header as text; None when it is not there. Arrays cannot be read like this.

        Raises:
            EngineFailed: the model was closed.
        """
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            with self._lifetime:
                length = C.llama_model_meta_val_str(self.pointer, key.encode(), buffer, size)
            if length < 0:
                return None
            if length < size:
                return buffer.value.decode("utf-8", "replace")
            size = length + 1

    @property
    def chat_template(self) -> str | None:
        """The Jinja template that came with the model.

        Raises:
            EngineFailed: the model was closed.
        """
        with self._lifetime:
            template = C.llama_model_chat_template(self.pointer, None)
        return template.decode("utf-8", "replace") if template else None

    def recommended_sampling(self) -> SamplingOptions:
        """What the file's makers recommend; mostly nothing.

        Source: llama.h, llama_model_meta_key; gguf keys general.sampling.* (2025-11).
        """
        options = SamplingOptions()
        for name, key in _SAMPLING_KEYS.items():
            text = self.metadata(f"general.sampling.{key}")
            if text is None:
                continue
            try:
                options = set_option(options, name, text)
            except BadUsage:  # a file's nonsense is no reason not to run it
                continue
        return options

    def retire(self) -> None:
        """Let nobody tokenise with it any more, and wait for those who do."""
        self._lifetime.close()

    def close(self) -> None:
        """Give the memory back, once nobody tokenises with it any more. May be called twice."""
        if self.pointer is None:
            return
        if self._lifetime.close():  # else the memory is lost, which is better than a crash
            C.llama_model_free(self.pointer)
        self.pointer = None

    def _window(self) -> int:
        """How many of the last positions a cut-back must find in the cache; 0: a cache may be cut anywhere.

        Sliding-window layers keep about that many positions; a recurrent state is that of its last position only.
        """
        window: int = C.llama_model_n_swa(self.pointer)
        if window == 0 and (C.llama_model_is_recurrent(self.pointer) or C.llama_model_is_hybrid(self.pointer)):
            return 1
        return window


def load_model(plan: LoadPlan, on_progress: Callable[[float], bool] | None = None) -> LlamaModel:
    """Load a GGUF as planned (of a split one, the first part). Blocks.

    on_progress: gets the share done, 0 to 1, on this thread; False from it stops the load.

    Raises:
        LoadCancelled: on_progress said so.
        EngineFailed: llama.cpp refused the file.
    """
    path = plan.path
    parameters = C.llama_model_default_params()
    parameters.load_mode = _LOAD_MODES[plan.mmap, plan.mlock]
    parameters.n_gpu_layers = plan.gpu_layers if C.llama_supports_gpu_offload() else 0
    parameters.use_extra_bufts = plan.repack
    overrides = keep_experts_on_cpu(plan.cpu_moe_layers)  # has to live until the model is loaded
    parameters.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p) if overrides is not None else None
    cancelled = False
    failure: BaseException | None = None

    def report(share: float, _data: object) -> bool:
        nonlocal cancelled, failure
        try:
            cancelled = on_progress is not None and not on_progress(share)
        except BaseException as error:  # an exception cannot pass through C: it is raised below
            failure = error
        return not cancelled and failure is None

    callback = C.llama_progress_callback(report)
    parameters.progress_callback = callback
    model = _load(path, parameters)
    if failure is not None:
        if model is not None:
            model.close()
        raise failure
    if model is None and cancelled:
        raise LoadCancelled
    if model is None:
        raise _refused(path)
    return model


def load_vocabulary(path: Path) -> LlamaVocabulary:
    """The vocabulary of a GGUF, weights unread. Its memory is kept until the process ends.

    Raises:
        EngineFailed: llama.cpp refused the file.
    """
    return load_header(path).vocabulary


def load_header(path: Path) -> LlamaModel:
    """A model without its weights: vocabulary, template and metadata, enough to render a prompt.

    Raises:
        EngineFailed: llama.cpp refused the file.
    """
    parameters = C.llama_model_default_params()
    parameters.vocab_only = True
    model = _load(path, parameters)
    if model is None:
        raise _refused(path)
    return model


def _load(path: Path, parameters: Pointer) -> LlamaModel | None:
    LOG.clear()
    # llama.cpp opens files by UTF-8 names on Windows, by the bytes of the file system elsewhere.
    name = str(path).encode() if sys.platform == "win32" else os.fsencode(path)
    pointer = C.llama_model_load_from_file(name, parameters)
    return LlamaModel(pointer, path) if pointer else None


def _refused(path: Path) -> EngineFailed:
    return EngineFailed(f"llama.cpp could not load {path}", cause=LOG.errors())
