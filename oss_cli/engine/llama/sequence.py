"""Which tokens a cache slot holds, and how far it may be cut back without lying. Knows nothing of sampling.

llama.cpp's `llama_memory_seq_rm` answers True even where sliding-window layers have long forgotten the positions that
a shorter text needs; going on from there gives other tokens than a fresh evaluation, silently. The rule here is
llama-server's (tools/server/server-context.cpp, 2026-10): a cut to p tokens is valid only if the first position still
held is at most p - window; else a checkpoint taken at or before p must be brought back; else all is evaluated anew.
"""

from dataclasses import dataclass
from pathlib import Path

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
        self.owner = ""
        """The conversation that it is used for; empty: none."""
        self.stable_tokens = 0
        """How many of its tokens another prompt is expected to begin with; 0: nobody expects any."""

    def shared_with(self, tokens: list[int]) -> int:
        """How many leading tokens a prompt and the cache have in common; at least one is left to evaluate."""
        return common_length(self.tokens, tokens, limit=len(tokens) - 1)

    def reusable(self, tokens: list[int]) -> int:
        """How many tokens of a prompt `keep_prefix` would leave."""
        shared = self.shared_with(tokens)
        if shared == len(self.tokens) or (shared > 0 and self._can_go_on_from(shared)):
            return shared
        return self._checkpoint_before(shared)

    def lendable(self, tokens: list[int]) -> int:
        """How many tokens of a prompt another sequence can take over from here, while this one goes on.

        Windows are taken from checkpoints alone: cells that several sequences share are not given up when their window
        has passed, and would fill llama.cpp's small cache for the windows.
        """
        shared = self.shared_with(tokens)
        return self._checkpoint_before(shared) if self.wants_checkpoints() else shared

    def take_over(self, source: "Sequence", length: int) -> int:
        """Hold what another sequence holds of its first tokens; how many tokens are here now: `length`, or none.

        length: what `lendable` gave. Beyond the windows nothing is copied: the cells belong to both from now on.
        """
        self.forget()
        self._context.share(source.number, self.number, length)
        self.tokens = source.tokens[:length]
        self.checkpoints = [checkpoint for checkpoint in source.checkpoints if checkpoint.length <= length]
        if self.wants_checkpoints() and not self._restore(self.checkpoints[-1]):
            self.forget()
        return len(self.tokens)

    def keep_prefix(self, tokens: list[int]) -> int:
        """Cut the cache back to what it shares with `tokens`; how many tokens are left.

        At least one token of `tokens` is left to evaluate: the logits after the last one are wanted.
        """
        shared = self.shared_with(tokens)
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

    def can_come_back_after(self, count: int) -> bool:
        """Whether so many more tokens could be evaluated and cut off again: none that is needed would be forgotten."""
        window = self._context.model.window
        if window == 0:
            return True
        first = self._context.first_position(self.number)
        return 0 <= first <= max(0, len(self.tokens) - window - count)

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
        self.stable_tokens = 0

    @property
    def context(self) -> LlamaContext:
        """What it is a slot of."""
        return self._context

    def settle(self) -> None:
        """Remove what an evaluation that failed may have left beyond the tokens."""
        self._context.remove(self.number, len(self.tokens))

    def count_bytes(self) -> int:
        """How many bytes `write` would write."""
        return self._context.count_bytes(self.number)

    def write(self, path: Path) -> bool:
        """Write what the cache holds to a file. False: it failed."""
        return self._context.write(self.number, path)

    def read(self, path: Path, tokens: list[int], checkpoints: list[Checkpoint]) -> bool:
        """Hold what `write` wrote when the cache held these tokens; where that fails, nothing."""
        self.forget()
        is_read = self._context.read(self.number, path)
        if not is_read or self._context.last_position(self.number) != len(tokens) - 1:
            self.forget()
            return False
        self.tokens, self.checkpoints = list(tokens), checkpoints
        return True

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

    def _checkpoint_before(self, length: int) -> int:
        """The length of the longest checkpoint that is not beyond a length; 0: there is none."""
        return max((one.length for one in self.checkpoints if one.length <= length), default=0)

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


def common_length(first: list[int], second: list[int], *, limit: int) -> int:
    """How many leading tokens two texts share, up to a limit. Slices are compared at C speed: texts are long."""
    low, high = 0, max(0, min(len(first), len(second), limit))
    if first[:high] == second[:high]:  # the usual case of a chat
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
