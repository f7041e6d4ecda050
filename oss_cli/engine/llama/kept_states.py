"""States of the cache on disk, as the scheduler uses them: a prompt goes on from one, and what would be lost is kept.

A state is as good as the tokens it was made of, in the same model under the same llama.cpp: everything that could make
a difference is part of its key. What is not exactly what was written is never handed to llama.cpp. Runs on the engine's
thread; knows no messages.
"""

import hashlib
import json
from collections.abc import Callable
from ctypes import c_uint8, sizeof
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from oss_cli.engine.llama.api import C
from oss_cli.engine.llama.context import LlamaContext
from oss_cli.engine.llama.devices import build_version
from oss_cli.engine.llama.sequence import Checkpoint, Sequence, common_length
from oss_cli.engine.llama.sharing import Beginning
from oss_cli.states.file import VERSION, StateFacts, is_whole
from oss_cli.states.folder import NoRoom, StateFolder

WORTH_TOKENS = 128
"""What is shorter is evaluated again: 13 s of gpt-oss-20b on two cores, 0.1 s of small models."""
_LEAST_SHARE = 0.1
"""Of a state that must be of use: reading a token is 20 to 10,000 times as quick as evaluating one."""
_KEPT_WINDOWS = 8
"""The newest: on gpt-oss-20b each takes as much as 128 tokens."""


@dataclass(frozen=True, slots=True)
class StateKeeping:
    """Where an engine keeps states, and what of its key it cannot know."""

    folder: StateFolder
    model: str
    """What tells the model's file from all others."""
    say: Callable[[str], None]
    """Told why a state was not kept, on the thread that closes the engine."""


class KeptStates:
    """The states that the sequences of one engine can go on from."""

    def __init__(self, keeping: StateKeeping) -> None:
        self._keeping = keeping
        self._folder = keeping.folder
        self._trouble = ""

    def improve(self, beginning: Beginning, prompt: list[int]) -> Beginning:
        """The place to start a prompt from, after a longer beginning was brought from disk, if there is one.

        What the sequence loses by the prompt is kept first, if somebody may come back to it.
        """
        sequence = beginning.target
        if beginning.source is not sequence:
            return beginning
        if sequence.stable_tokens - beginning.length >= WORTH_TOKENS:
            self.keep(sequence)
        if len(prompt) - beginning.length < WORTH_TOKENS:
            return beginning
        found = self._longest(sequence, prompt, more_than=beginning.length + WORTH_TOKENS - 1)
        if found is None:
            return beginning
        path, facts = found
        if not self._bring(sequence, path, facts):
            self._folder.remove(path)
        length = sequence.reusable(prompt)
        return Beginning(sequence, sequence, length, max(length, beginning.longest))

    def keep(self, sequence: Sequence) -> None:
        """Put what a sequence holds on disk, if another prompt is expected to begin with it."""
        if not sequence.stable_tokens:
            return
        if sequence.owner:
            sequence.settle()
        else:  # one of a kind: of use is what others begin with
            sequence.cut(sequence.stable_tokens)
        if len(sequence.tokens) < WORTH_TOKENS:
            return
        stable = min(sequence.stable_tokens, len(sequence.tokens))
        facts = StateFacts(_key(self._keeping.model, sequence.context), sequence.owner, stable, sequence.tokens)
        windows = [(one.length, one.state) for one in sequence.checkpoints[-_KEPT_WINDOWS:]]

        def write(path: Path) -> "list[tuple[int, bytes]] | None":
            return windows if sequence.write(path) else None  # type: ignore[return-value]  # buffers, written as bytes

        size = sequence.count_bytes() + sum(sizeof(state) for _, state in windows) + 4 * len(sequence.tokens)
        try:
            self._folder.keep(facts, size, write)
        except NoRoom as reason:
            self._trouble = f"what the model has read is not kept for the next time: {reason}"

    def tell_trouble(self) -> None:
        """Say why the last state that is not kept is not; once."""
        trouble, self._trouble = self._trouble, ""
        if trouble:
            self._keeping.say(trouble)

    def _longest(self, sequence: Sequence, prompt: list[int], *, more_than: int) -> tuple[Path, StateFacts] | None:
        """The state of which most of a prompt can be taken."""
        best = None
        for kept, facts in self._folder.find(_key(self._keeping.model, sequence.context)):
            shared = common_length(facts.tokens, prompt, limit=len(prompt) - 1)
            usable = facts.usable(shared, forgets=sequence.wants_checkpoints())
            fits = len(facts.tokens) <= sequence.context.tokens
            if fits and usable > more_than and usable >= _LEAST_SHARE * len(facts.tokens):
                best, more_than = (kept.path, facts), usable
        return best

    def _bring(self, sequence: Sequence, path: Path, facts: StateFacts) -> bool:
        """Let a sequence hold a state. False: the file is not as it was written, or llama.cpp refuses it."""
        if not is_whole(path):
            return False
        try:
            checkpoints = _read_windows(path, facts)
        except OSError:
            return False
        if not sequence.read(path, facts.tokens, checkpoints):
            return False
        self._folder.touch(path)
        sequence.owner, sequence.stable_tokens = facts.owner, facts.stable_tokens
        return True


def _read_windows(path: Path, facts: StateFacts) -> list[Checkpoint]:
    checkpoints = []
    with path.open("rb") as file:
        for window in facts.windows:
            state = (c_uint8 * window.size)()
            file.seek(window.offset)
            if file.readinto(state) != window.size:
                raise OSError("the file has become shorter")
            checkpoints.append(Checkpoint(window.length, state))
    return checkpoints


def _key(model: str, context: LlamaContext) -> str:
    facts = {
        "version": VERSION,
        "model": model,
        "build": _build(),
        "kv_type": context.kv_type.value,
        "window": context.model.window,
        "rope": context.tokens > _short_rope_tokens(context),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=1)
def _build() -> str:
    version = C.llama_version()
    return f"{build_version()} {version.decode('utf-8', 'replace') if version else ''}"


def _short_rope_tokens(context: LlamaContext) -> int:
    """Up to what size of the context positions are told in one way, and in another beyond; 0: always in the same.

    Models with LongRoPE (Phi-4-mini) have two sets of factors, and llama.cpp chooses by the context's size
    (src/llama-model.cpp, get_rope_factors, 2026-10). YaRN and linear scaling do not depend on it.
    """
    model = context.model
    kind = model.metadata(f"{model.architecture}.rope.scaling.type")
    text = model.metadata(f"{model.architecture}.rope.scaling.original_context_length") or ""
    return int(text) if text.isdigit() and kind not in ("yarn", "linear") else 0
