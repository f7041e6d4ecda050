"""Which tokens a cache slot holds, and how far it may be cut back without lying. Knows nothing of sampling.

llama.cpp's `llama_memory_seq_rm` answers True even where sliding-window layers have long forgotten the positions that
a shorter text needs; going on from there gives other tokens than a fresh evaluation, silently. The rule here is
llama-server's (tools/server/server-context.cpp, 2026-10): a cut to p tokens is valid only if the first position still
held is at most p - window; else a checkpoint taken at or before p must be brought back; else all is evaluated anew.
"""

from dataclasses import dataclass

from oss_cli.engine.llama.context import LlamaContext, SavedState

_MOST_CHECKPOINTS = 32  # a turn each
_CHECKPOINT_BUDGET_BYTES = 256 << 20  # 3.15 MB each on gpt-oss-20b, 335 MB on Gemma 3 12B: the newest always stays


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The windows as they were when the cache held exactly this many tokens."""

    length: int
    state: SavedState


class Sequence:
    """One conversation's slot in the key/value cache."""

    def __init__(self, context: LlamaContext, number: int) -> None:
        self._context = context
        self.number = number
        self.tokens: list[int] = []
        """What the cache holds: token i at position i."""
        self.checkpoints: list[Checkpoint] = []

    def keep_prefix(self, tokens: list[int]) -> int:
        """Cut the cache back to what it shares with `tokens`; how many tokens are left.

        At least one token of `tokens` is left to evaluate: the logits after the last one are wanted.
        """
        shared = _common_length(self.tokens, tokens, limit=len(tokens) - 1)
        if shared < len(self.tokens):
            self.cut(shared)
        return len(self.tokens)

    def cut(self, length: int) -> None:
        """Cut the cache back to at most `length` tokens: to fewer, or to none, where it cannot go on from there.

        Also makes the cache true again after an evaluation that failed half-way.
        """
        self.checkpoints = [checkpoint for checkpoint in self.checkpoints if checkpoint.length <= length]
        if length > 0 and self._can_go_on_from(length) and self._context.remove(self.number, length):
            del self.tokens[length:]
            return
        if self.checkpoints and self._restore(self.checkpoints[-1]):
            return
        self.forget()

    def move_to(self, context: LlamaContext) -> None:
        """Take what the cache holds along to another context of the same model; where that fails, begin anew."""
        state = self._context.save(self.number) if self.tokens else None
        self._context = context
        if self.tokens and not (state is not None and context.restore(self.number, state)):
            self.forget()

    def forget(self) -> None:
        """Empty the cache slot."""
        self._context.remove(self.number, 0)
        self.tokens.clear()
        self.checkpoints.clear()

    def wants_checkpoints(self) -> bool:
        """Whether this model's cache forgets, so that checkpoints are of use."""
        return self._context.model.window > 0

    def add_checkpoint(self) -> None:
        """Remember the windows as they are now."""
        if any(checkpoint.length == len(self.tokens) for checkpoint in self.checkpoints):
            return
        state = self._context.save_window(self.number)
        if state is None:
            return
        self.checkpoints.append(Checkpoint(len(self.tokens), state))
        while len(self.checkpoints) > 1 and self._over_budget():
            del self.checkpoints[0]

    def _can_go_on_from(self, length: int) -> bool:
        window = self._context.model.window
        if window == 0:
            return True
        first = self._context.first_position(self.number)
        return 0 <= first <= max(0, length - window)

    def _restore(self, checkpoint: Checkpoint) -> bool:
        if not self._context.restore_window(self.number, checkpoint.state):
            return False
        if not self._context.remove(self.number, checkpoint.length):
            return False
        del self.tokens[checkpoint.length :]
        return True

    def _over_budget(self) -> bool:
        size = sum(len(checkpoint.state) for checkpoint in self.checkpoints)
        return len(self.checkpoints) > _MOST_CHECKPOINTS or size > _CHECKPOINT_BUDGET_BYTES


def _common_length(first: list[int], second: list[int], *, limit: int) -> int:
    end = min(len(first), len(second), limit)
    if first[:end] == second[:end]:  # the usual case of a chat, at C speed
        return end
    return next(index for index in range(end) if first[index] != second[index])
