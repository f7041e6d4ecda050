"""A model in this process: a prompt format and an engine, joined. Knows nothing of files and settings."""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oss_cli.backends.growing_reply import GrowingReply
from oss_cli.conversation.events import Event, PrefillProgress, StopReason, TokenChance, TokensSampled, TurnEnded, Usage
from oss_cli.conversation.messages import Message
from oss_cli.conversation.options import BegunReply, ReasoningEffort, ReplyOptions, SamplingOptions, fresh_seed
from oss_cli.engine.base import Ended, Engine, GenerationRequest, Prefilled, Sampled
from oss_cli.errors import BadUsage
from oss_cli.prompts.base import Prompt, PromptFormat, RenderOptions

if TYPE_CHECKING:
    from oss_cli.backends.answer_guard import AnswerGuard
    from oss_cli.backends.reply_guards import ReplyGuards

_JOINING_TOKENS = 2
"""Spaces and ends of lines may become one token with what comes after them."""


@dataclass(frozen=True, slots=True)
class LocalModel:
    """What is known of a model beside its engine."""

    name: str
    sampling: SamplingOptions
    """What decides where a request does not."""
    sha256: str = ""
    """Of its (first) file; empty where nobody knows it."""
    always_guesses: bool = False
    """Whether tokens are also guessed where a seed or temperature 0 promises the same reply again."""


class LocalBackend:
    """A Backend on an engine of its own."""

    def __init__(self, engine: Engine, prompt_format: PromptFormat, model: LocalModel) -> None:
        self._engine = engine
        self._format = prompt_format
        self._model = model
        self._guards: ReplyGuards | None = None
        self.name = model.name
        self.sha256 = model.sha256
        self.is_plain = prompt_format.is_plain
        self.sampling = model.sampling

    def reply(self, messages: Sequence[Message], options: ReplyOptions) -> Generator[Event, None, None]:
        """Events of one reply, ending in `TurnEnded`. Closing the generator early stops the model.

        A reply to go on with (`options.begun`) stands after the messages, not among them.

        Raises:
            BadUsage: there is nothing to answer, the format cannot express these messages, the reply to go on with is
                complete and all of it was told, or no answer can have the form that is asked for.
            PromptTooLong: the prompt leaves no room in the context.
            EngineFailed: the model could not be evaluated, or the backend was closed.
        """
        self._check_open()
        started = time.perf_counter()
        sampling = options.sampling.over(self._model.sampling)
        is_repeatable = sampling.seed is not None or sampling.temperature == 0
        if sampling.seed is None:
            sampling = replace(sampling, seed=fresh_seed() if options.drawn_seed is None else options.drawn_seed)
        options = self._with_known_tokens(options)
        prompt, opening = self._prompt(messages, options)
        guard = self._guard(prompt, options)
        reply = GrowingReply(
            self._format.reader(prompt), sampling.stop or (), reasoning_budget=options.reasoning_budget, guard=guard
        )
        untold = reply.go_on_from(options.begun, opening) if options.begun is not None else []
        if reply.is_complete:
            yield from untold
            usage = Usage(prompt_tokens=len(prompt.tokens) + len(opening), context_tokens=self._engine.most_tokens)
            yield TurnEnded(StopReason.END, usage, seed=sampling.seed or 0)
            return
        request = GenerationRequest(
            prompt=prompt.tokens + opening,
            sampling=sampling,
            on_token=reply.take_token,
            stable_tokens=prompt.stable_tokens if options.goes_on else None,
            forced=reply.forced_tokens(),
            only=guard,
            owner=options.conversation,
            recurring_tokens=self._recurring_tokens(messages, options, prompt),
            cancelled=options.cancelled,
            chances=options.chances,
            may_guess=self._model.always_guesses or not is_repeatable,
        )
        first_token_s = 0.0
        with closing(self._engine.generate(request)) as steps:
            for step in steps:
                if isinstance(step, Prefilled):
                    yield PrefillProgress(step.done_tokens, step.total_tokens)
                    continue
                first_token_s = first_token_s or time.perf_counter() - started
                if untold:
                    yield from untold
                    untold = []
                if isinstance(step, Ended):
                    yield from reply.close(step.reason)
                    usage = _usage(step, request, reply, first_token_s)
                    yield TurnEnded(reply.stop_reason(step.reason), usage, seed=sampling.seed or 0)
                    continue
                yield TokensSampled((step.token,), self._chances(step))
                yield from reply.next_events()

    @property
    def context_tokens(self) -> int:
        """The most tokens that a conversation, its next reply included, can hold.

        Raises:
            EngineFailed: the backend was closed.
        """
        return self._engine.most_tokens

    def count_tokens(self, messages: Sequence[Message], options: ReplyOptions) -> int:
        """How many tokens the prompt for a reply would take.

        Raises:
            BadUsage: there is nothing to answer, or the format cannot express these messages.
            EngineFailed: the backend was closed.
        """
        self._check_open()
        if options.begun is None:
            return self._format.count_prompt(*_asked(messages, options))
        prompt, opening = self._prompt(messages, self._with_known_tokens(options))
        return len(prompt.tokens) + len(opening)

    def count_text_tokens(self, text: str) -> int:
        """How many tokens a text takes by itself. From any thread, also while another closes the backend.

        Raises:
            EngineFailed: the backend was closed.
        """
        self._check_open()
        return self._format.count_tokens(text)

    def in_format(self, prompt_format: PromptFormat) -> "LocalBackend":
        """The same model in memory, written to in another format. To close one of the two closes both."""
        return LocalBackend(self._engine, prompt_format, self._model)

    def close(self) -> None:
        """Unload the model. May be called twice."""
        self._engine.close()

    def _check_open(self) -> None:
        """A format keeps what it has counted, so that it might still answer: here nothing does."""
        _ = self._engine.most_tokens

    def _with_known_tokens(self, options: ReplyOptions) -> ReplyOptions:
        """The options, without the tokens of a begun reply if this model lacks one of them: then its text counts.

        They come from a file that anyone may have written, and llama.cpp ends the process at a token it lacks.
        """
        begun = options.begun
        if begun is None or not begun.tokens:
            return options
        if min(begun.tokens) >= 0 and max(begun.tokens) < self._engine.vocabulary_tokens:
            return options
        return replace(options, begun=BegunReply(begun.message))

    def _guard(self, prompt: Prompt, options: ReplyOptions) -> "AnswerGuard | None":
        """What holds the answer and the calls to their form, if they have one."""
        if options.answer_form is None and options.call_form is None:
            return None
        if self._guards is None:
            # Grammars take 18 ms to import, of a start's 200: only for a reply that has a form.
            from oss_cli.backends.reply_guards import ReplyGuards

            self._guards = ReplyGuards(self._format, self._engine.tokens)
        return self._guards.guard(prompt, options)

    def _chances(self, step: Sampled) -> tuple[TokenChance, ...]:
        if step.chance is None:
            return ()
        piece = self._engine.tokens.piece
        likeliest = tuple((piece(token), logprob) for token, logprob in step.chance.likeliest)
        return (TokenChance(piece(step.token), step.chance.logprob, likeliest),)

    def _recurring_tokens(self, messages: Sequence[Message], options: ReplyOptions, prompt: Prompt) -> int | None:
        """How many tokens of the prompt come again; the last ones are left out: what follows may join them."""
        if not options.recurring.strip():
            return None
        last = replace(messages[-1], content=options.recurring)
        other = render_prompt(self._format, [*messages[:-1], last], options)
        pairs = zip(prompt.tokens, other.tokens, strict=False)
        shared = next((at for at, (one, two) in enumerate(pairs) if one != two), len(other.tokens))
        return max(0, min(shared, prompt.stable_tokens) - _JOINING_TOKENS) or None

    def _prompt(self, messages: Sequence[Message], options: ReplyOptions) -> tuple[Prompt, list[int]]:
        """The prompt for a reply, and the tokens of the reply that is gone on with."""
        prompt = render_prompt(self._format, messages, options)
        if options.begun is None:
            return prompt, []
        return prompt, list(options.begun.tokens) or self._format.open_reply(prompt, options.begun.message)


def render_prompt(prompt_format: PromptFormat, messages: Sequence[Message], options: ReplyOptions) -> Prompt:
    """The exact prompt for a reply.

    Raises:
        BadUsage: there is nothing to answer, or the format cannot express these messages.
    """
    return prompt_format.render(*_asked(messages, options))


def _asked(messages: Sequence[Message], options: ReplyOptions) -> tuple[Sequence[Message], RenderOptions]:
    """What a format is asked for. Raises BadUsage where there is nothing to answer."""
    if not any(message.content.strip() or message.tool_calls for message in messages):
        raise BadUsage("the prompt is empty", hint='oss run "Why is the sky blue?"')
    effort = options.effort or ReasoningEffort.MEDIUM
    render_options = RenderOptions(date=options.date, effort=effort, tools=options.tools, form=options.answer_form)
    return messages, render_options


def _usage(ended: Ended, request: GenerationRequest, reply: GrowingReply, first_token_s: float) -> Usage:
    return Usage(
        prompt_tokens=len(request.prompt),
        reused_tokens=ended.reused_tokens,
        reply_tokens=ended.sampled_tokens,
        reasoning_tokens=reply.reasoning_tokens,
        context_tokens=ended.context_tokens,
        prefill_s=ended.prefill_s,
        decode_s=ended.decode_s,
        first_token_s=first_token_s,
        drafted_tokens=ended.drafted_tokens,
        accepted_tokens=ended.accepted_tokens,
    )
