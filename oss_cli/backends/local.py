"""A model in this process: a prompt format and an engine, joined. Knows nothing of files and settings."""

import os
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from oss_cli.backends.stop_strings import StopStrings
from oss_cli.conversation.events import Event, PrefillProgress, StopReason, TextDelta, ToolCallEnded, TurnEnded, Usage
from oss_cli.conversation.messages import Message
from oss_cli.conversation.options import ReasoningEffort, ReplyOptions, SamplingOptions
from oss_cli.engine.base import Ended, EndReason, Engine, GenerationRequest, Prefilled
from oss_cli.errors import BadUsage
from oss_cli.prompts.base import Prompt, PromptFormat, RenderOptions, ReplyReader

_STOP_REASONS = {
    EndReason.END_TOKEN: StopReason.END,
    EndReason.ON_TOKEN: StopReason.END,
    EndReason.MAX_TOKENS: StopReason.MAX_TOKENS,
    EndReason.CONTEXT_FULL: StopReason.CONTEXT_FULL,
    EndReason.CANCELLED: StopReason.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class LocalModel:
    """What is known of a model beside its engine."""

    name: str
    sampling: SamplingOptions
    """What decides where a request does not."""
    sha256: str = ""
    """Of its (first) file; empty where nobody knows it."""


class LocalBackend:
    """A Backend on an engine of its own."""

    def __init__(self, engine: Engine, prompt_format: PromptFormat, model: LocalModel) -> None:
        self._engine = engine
        self._format = prompt_format
        self._model = model
        self.name = model.name
        self.sha256 = model.sha256
        self.is_plain = prompt_format.is_plain
        """Whether the model knows no conversations and only goes on with a text."""

    def reply(self, messages: Sequence[Message], options: ReplyOptions) -> Generator[Event, None, None]:
        """Events of one reply, ending in `TurnEnded`. Closing the generator early stops the model.

        Raises:
            BadUsage: there is nothing to answer, or the format cannot express these messages.
            PromptTooLong: the prompt leaves no room in the context.
            EngineFailed: the model could not be evaluated.
        """
        started = time.perf_counter()
        prompt = render_prompt(self._format, messages, options)
        sampling = options.sampling.over(self._model.sampling)
        if sampling.seed is None:
            sampling = replace(sampling, seed=_fresh_seed())
        reply = _Reply(self._format.reader(prompt), sampling.stop or ())
        request = GenerationRequest(
            prompt=prompt.tokens,
            sampling=sampling,
            on_token=reply.take_token,
            stable_tokens=prompt.stable_tokens if options.goes_on else None,
        )
        first_token_s = 0.0
        with closing(self._engine.generate(request)) as steps:
            for step in steps:
                if isinstance(step, Prefilled):
                    yield PrefillProgress(step.done_tokens, step.total_tokens)
                    continue
                first_token_s = first_token_s or time.perf_counter() - started
                if isinstance(step, Ended):
                    reply.close()
                yield from reply.events_so_far()
                if isinstance(step, Ended):
                    usage = _usage(step, prompt, first_token_s)
                    yield TurnEnded(reply.stop_reason(step.reason), usage, seed=sampling.seed or 0)

    @property
    def context_tokens(self) -> int:
        """The most tokens that a conversation, its next reply included, can hold."""
        return self._engine.most_tokens

    def count_tokens(self, messages: Sequence[Message], options: ReplyOptions) -> int:
        """How many tokens the prompt for a reply would take.

        Raises:
            BadUsage: there is nothing to answer, or the format cannot express these messages.
        """
        return len(render_prompt(self._format, messages, options).tokens)

    def count_text_tokens(self, text: str) -> int:
        """How many tokens a text takes by itself."""
        return self._format.count_tokens(text)

    def close(self) -> None:
        """Unload the model. May be called twice."""
        self._engine.close()


class _Reply:
    """A reply as it grows: fed on the engine's thread, emptied on the caller's."""

    def __init__(self, reader: ReplyReader, stops: tuple[str, ...]) -> None:
        self._reader = reader
        self._stops = StopStrings(stops)
        self._events: deque[Event] = deque()  # its append and popleft are safe between threads
        self._has_call = False

    def take_token(self, token: int) -> bool:
        """Read one token; whether to go on."""
        self._take(self._reader.feed(token))
        return not (self._reader.is_done or self._stops.has_stopped)

    def close(self) -> None:
        self._take(self._reader.close())
        self._release_held()

    def events_so_far(self) -> Iterator[Event]:
        while self._events:
            yield self._events.popleft()

    def stop_reason(self, reason: EndReason) -> StopReason:
        if self._stops.has_stopped:
            return StopReason.STOP_STRING
        if self._has_call and reason in (EndReason.END_TOKEN, EndReason.ON_TOKEN):
            return StopReason.TOOL_CALL
        return _STOP_REASONS[reason]

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, TextDelta):
                text = self._stops.feed(event.text)
                if text:
                    self._events.append(TextDelta(text))
                continue
            self._release_held()  # before a tool call, not after it
            self._has_call = self._has_call or isinstance(event, ToolCallEnded)
            self._events.append(event)

    def _release_held(self) -> None:
        rest = self._stops.close()
        if rest:
            self._events.append(TextDelta(rest))


def render_prompt(prompt_format: PromptFormat, messages: Sequence[Message], options: ReplyOptions) -> Prompt:
    """The exact prompt for a reply.

    Raises:
        BadUsage: there is nothing to answer, or the format cannot express these messages.
    """
    if not any(message.content.strip() or message.tool_calls for message in messages):
        raise BadUsage("the prompt is empty", hint='oss run "Why is the sky blue?"')
    render_options = RenderOptions(
        date=options.date, effort=options.effort or ReasoningEffort.MEDIUM, tools=options.tools
    )
    return prompt_format.render(messages, render_options)


def _usage(ended: Ended, prompt: Prompt, first_token_s: float) -> Usage:
    return Usage(
        prompt_tokens=len(prompt.tokens),
        reused_tokens=ended.reused_tokens,
        reply_tokens=ended.sampled_tokens,
        context_tokens=ended.context_tokens,
        prefill_s=ended.prefill_s,
        decode_s=ended.decode_s,
        first_token_s=first_token_s,
    )


def _fresh_seed() -> int:
    """Any seed but 2**32 - 1, which is llama.cpp's word for one of its own choice that it does not tell."""
    return int.from_bytes(os.urandom(4), "little") % (2**32 - 1)
