"""A smaller model that guesses what another one says next: its own likeliest tokens. Knows nothing of samplers."""

from oss_cli.conversation.options import SamplingOptions
from oss_cli.engine.llama.context import ContextSize, Evaluation, LlamaContext
from oss_cli.engine.llama.model import LlamaModel, load_model
from oss_cli.engine.llama.sampling import SamplerChain
from oss_cli.engine.llama.sequence import Sequence
from oss_cli.errors import BadUsage
from oss_cli.plan import LoadPlan

_BEHIND_TOKENS = 64
"""So many tokens are read in the time that guessing takes; more are a prompt."""


class DraftModel:
    """A model in memory beside the one that it guesses for. Make it with `load_draft_model`; owned by the engine."""

    def __init__(self, model: LlamaModel, plan: LoadPlan) -> None:
        self._model = model
        self._plan = plan
        self._context: LlamaContext | None = None
        self._sequence: Sequence | None = None
        self._sampler = SamplerChain(SamplingOptions(temperature=0.0), seed=0, vocabulary_size=model.vocabulary.size)

    def is_behind(self, tokens: list[int]) -> bool:
        """Whether much is to be read before anything can be guessed."""
        return self._sequence is not None and len(tokens) - len(self._sequence.tokens) > _BEHIND_TOKENS

    def guess(self, tokens: list[int], most: int) -> list[int]:
        """What it would say next, at most so many tokens; none beyond its context, or when it is stopped."""
        context, sequence = self._context, self._sequence
        if context is None or sequence is None or len(tokens) + most > context.tokens:
            return []
        sequence.keep_prefix(tokens)
        guess: list[int] = []
        missing = tokens[len(sequence.tokens) :]
        while len(guess) < most:
            index = self._read(context, sequence, missing)
            if index is None:
                return []
            guess.append(context.sample(self._sampler.pointer, index))
            missing = guess[-1:]
        return guess

    def resize(self, tokens: int) -> None:
        """Make room for a text of that many tokens, or of as many as it was trained for; what it has read goes along.

        Raises:
            EngineFailed: there is no memory for it.
        """
        size = ContextSize(min(tokens, self._model.trained_tokens), kv_type=self._plan.kv_type)
        context = LlamaContext(self._model, size, threads=self._plan.threads)
        if self._sequence is None:
            self._sequence = Sequence(context, 0)
        else:
            self._sequence.move_to(context)
        if self._context is not None:
            self._context.close()
        self._context = context

    def abort(self) -> None:
        """End what it is evaluating. From any thread."""
        if self._context is not None:
            self._context.abort()

    def resume(self) -> None:
        """Take back `abort`."""
        if self._context is not None:
            self._context.resume()

    def close(self) -> None:
        """Give the memory back. May be called twice."""
        self._sampler.close()
        if self._context is not None:
            self._context.close()
        self._model.close()

    def _read(self, context: LlamaContext, sequence: Sequence, tokens: list[int]) -> int | None:
        """Evaluate more of the text; the index of its last token in the batch, None: it was stopped."""
        index = 0
        for start in range(0, len(tokens), self._plan.batch_tokens):
            part = tokens[start : start + self._plan.batch_tokens]
            for position, token in enumerate(part, len(sequence.tokens)):
                is_last = position == len(sequence.tokens) + len(part) - 1
                index = context.add(token, position=position, sequence=0, wants_logits=is_last)
            if context.evaluate() is not Evaluation.DONE:
                sequence.cut(len(sequence.tokens))
                return None
            sequence.tokens += part
        return index


def load_draft_model(plan: LoadPlan, target: LlamaModel) -> DraftModel:
    """A model that guesses for another one. Blocks.

    Raises:
        BadUsage: its tokens are not the other's.
        EngineFailed: llama.cpp refused the file.
    """
    model = load_model(plan)
    difference = _difference(model, target)
    if difference:
        model.close()
        raise BadUsage(
            f"{plan.path.name} cannot guess for {target.path.name}", cause=difference,
            hint="take a smaller model of the same family, or do without: -o speculation=off",
        )  # fmt: skip
    return DraftModel(model, plan)


def _difference(model: LlamaModel, target: LlamaModel) -> str:
    """What is different in the tokens of two models; empty: nothing. 0.5 s for 201,088 of them."""
    one, other = model.vocabulary, target.vocabulary
    if one.size != other.size:
        return f"it has {one.size:,} tokens, not {other.size:,}"
    if one.special_names() != other.special_names():
        return "its control tokens are others"
    for token, (piece, wanted) in enumerate(zip(one.pieces(), other.pieces(), strict=True)):
        if piece != wanted:
            return f"its token {token} is {piece!r}, not {wanted!r}"
    return ""
