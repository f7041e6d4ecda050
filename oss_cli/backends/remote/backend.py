"""A model on a server elsewhere, as a Backend: one request a reply, tried again only while nothing of it has come.

What does not travel: the date (the server's own template writes one), a cap on reasoning, and the tokens of a reply.
Tokens are not counted there but guessed here, by what the server said its prompts took (`TokenGuess`).
"""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from oss_cli.backends.remote.connection import Connection, Refused, is_done
from oss_cli.backends.remote.context_errors import find_overrun
from oss_cli.backends.remote.failures import broken, explain, is_unknown_model, next_wait, tell_wait
from oss_cli.backends.remote.models import ServedModel
from oss_cli.backends.remote.patience import PATIENCE, Patience
from oss_cli.backends.remote.reply_reader import ReplyReader
from oss_cli.backends.remote.request import DOUBLED, write_request
from oss_cli.backends.remote.token_guess import TokenGuess
from oss_cli.backends.remote.wire import error_in, parse
from oss_cli.conversation.events import Event, Notice, TextDelta, TokensSampled, TurnEnded
from oss_cli.conversation.messages import Message
from oss_cli.conversation.options import ReplyOptions, SamplingOptions, fresh_seed
from oss_cli.errors import EngineFailed, OssError, UnknownModel, quoted
from oss_cli.http import HttpTrouble

_BUDGET_NOTICE = "the server is not told of reasoning_budget: its reasoning has no limit but max_tokens"


_MARKUP = "<|channel|>"
_MARKUP_NOTICE = (
    "the server does not read gpt-oss's harmony format: its answers come with their markup; "
    "vLLM has --reasoning-parser openai_gptoss, SGLang --reasoning-parser gpt-oss"
)


class RemoteBackend:
    """A Backend on a server. Many replies may be made at the same time, each on a thread of its own."""

    sha256 = ""
    is_plain = False
    sampling = SamplingOptions()

    def __init__(
        self,
        connection: Connection,
        model: ServedModel,
        context_tokens: int,
        *,
        patience: Patience = PATIENCE,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """connection: the backend's own from now on. context_tokens: how many a conversation can hold there."""
        self.name = model.name
        self._kind = model.kind
        self._connection = connection
        self._context_tokens = context_tokens
        self._patience = patience
        self._clock = clock
        self._guess = TokenGuess()
        self._refused_fields: set[str] = set()
        """Of the doubled ones: this server does not take them."""
        self._has_told_budget = False
        self._closed = threading.Event()
        self._quiet_until = 0.0
        """When a busy server may be asked again, by whichever thread."""

    def reply(self, messages: Sequence[Message], options: ReplyOptions) -> Generator[Event, None, None]:
        """Events of one reply, ending in `TurnEnded`. Closing the generator early hangs up, and the server stops.

        Raises:
            BadUsage: there is nothing to answer, or the server cannot do what the options ask for.
            UnknownModel: the server has it no more.
            DoesNotFit: the prompt leaves no room in the server's context.
            ReplyBroken: it broke off after some of it was told.
            ServerFailed: the server cannot be reached, or refuses.
            EngineFailed: the backend was closed.
        """
        self._check_open()
        if options.sampling.seed is None:
            seed = fresh_seed() if options.drawn_seed is None else options.drawn_seed
            options = replace(options, sampling=replace(options.sampling, seed=seed))
        body = write_request(self.name, messages, options, self._kind)
        for field in self._refused_fields:
            body.pop(field, None)
        if options.reasoning_budget is not None and not self._has_told_budget:
            self._has_told_budget = True
            yield Notice(_BUDGET_NOTICE)
        reader = self._reader(options)
        tried = 0
        while True:
            self._wait_quietly()
            tried += 1
            try:
                yield from self._attempt(body, reader)
                break
            except (HttpTrouble, Refused) as failure:
                if reader.has_begun:
                    raise broken(_reason(failure), self._connection.server) from failure
                if isinstance(failure, Refused) and self._leave_out(failure, body):
                    tried -= 1
                    continue
                wait_s = next_wait(failure, tried, self._patience)
                if wait_s is None or self._closed.is_set():
                    raise self._explained(failure) from failure
                yield Notice(tell_wait(failure, wait_s))
                self._quiet_until = max(self._quiet_until, self._clock() + wait_s)
                reader = self._reader(options)
        usage = reader.usage()
        self._guess.learn(messages, options, usage.prompt_tokens)
        yield TurnEnded(reader.reason, usage, seed=options.sampling.seed or 0)

    @property
    def context_tokens(self) -> int:
        """The most tokens that a conversation, its next reply included, can hold there, as far as that is known.

        Raises:
            EngineFailed: the backend was closed.
        """
        self._check_open()
        return self._context_tokens

    def count_tokens(self, messages: Sequence[Message], options: ReplyOptions) -> int:
        """About how many tokens the prompt for a reply would take.

        Raises:
            EngineFailed: the backend was closed.
        """
        self._check_open()
        return self._guess.prompt(messages, options)

    def count_text_tokens(self, text: str) -> int:
        """About how many tokens a text takes by itself. From any thread.

        Raises:
            EngineFailed: the backend was closed.
        """
        self._check_open()
        return self._guess.text(text)

    def close(self) -> None:
        """Hang up on all replies that are being made. May be called twice."""
        self._closed.set()
        self._connection.close()

    def _attempt(self, body: "dict[str, Any]", reader: ReplyReader) -> Generator[Event, None, None]:
        """One request, and the events of its reply."""
        is_over = has_begun = False
        with closing(self._connection.stream(body)) as pieces:
            for text in pieces:
                if is_done(text):
                    is_over = True
                    continue
                piece = parse(text)
                if not isinstance(piece, dict):
                    raise HttpTrouble("a piece of the stream is not JSON")
                error = error_in(piece)
                if error is not None:
                    raise Refused(error)
                events = reader.feed(piece)
                if events:
                    if not has_begun and isinstance(events[0], TextDelta) and events[0].text.startswith(_MARKUP):
                        yield Notice(_MARKUP_NOTICE)
                    has_begun = True
                    yield TokensSampled(())  # a turn's clock runs by it; which tokens they are nobody tells
                    yield from events
        if not (is_over or reader.finish):
            raise HttpTrouble("the connection broke before the reply was complete")
        if not (reader.has_begun or reader.finish):
            raise HttpTrouble("the stream ended without a reply")
        yield from reader.close()

    def _reader(self, options: ReplyOptions) -> ReplyReader:
        return ReplyReader(self._clock, max_tokens=options.sampling.max_tokens, context_tokens=self._context_tokens)

    def _leave_out(self, failure: Refused, body: "dict[str, Any]") -> bool:
        """Take a field out of a request that a server does not know, if nothing that was asked for is lost; whether
        there was one.

        Only where it says which: what else it refuses is for the user to decide.
        """
        if failure.refusal.status not in (400, 422):
            return False
        said = f"{failure.refusal.message} {failure.refusal.fields.get('param') or ''}"
        # The longer name first: it holds the shorter one where a field of the other is named in full.
        for field in sorted(DOUBLED, key=len, reverse=True):
            others = DOUBLED[field]
            if field in body and field in said and (not others or any(other in body for other in others)):
                del body[field]
                self._refused_fields.add(field)
                return True
        return False

    def _explained(self, failure: HttpTrouble | Refused) -> OssError:
        if self._closed.is_set():
            return EngineFailed("the model was closed")
        if isinstance(failure, Refused):
            overrun = find_overrun(failure.refusal)
            if overrun is not None and overrun.context_tokens:
                self._context_tokens = overrun.context_tokens
            if is_unknown_model(failure):
                server = self._connection.server
                return UnknownModel(self.name, hint=f"oss models --server {quoted(server.called)}")
        return explain(failure, self._connection.server)

    def _wait_quietly(self) -> None:
        while (left_s := self._quiet_until - self._clock()) > 0:
            if self._closed.wait(min(left_s, 0.2)):
                raise EngineFailed("the model was closed")

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise EngineFailed("the model was closed")


def _reason(failure: HttpTrouble | Refused) -> str:
    if isinstance(failure, HttpTrouble):
        return failure.reason
    return failure.refusal.message or f"HTTP {failure.refusal.status}"
