"""Entries in, outcomes out, several at a time. Knows a Backend, and neither files nor forms.

Each of N threads leads one reply to its end. What that brings is the backend's affair: the local engine decodes them
together in one batch; a server elsewhere gets N requests at once.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from oss_cli.backends.base import Backend
from oss_cli.batch.records import Outcome
from oss_cli.batch.requests import Entry, Problem, ProblemCode, Request
from oss_cli.conversation.events import StopReason, TokensSampled
from oss_cli.conversation.messages import Message, Role, system_message
from oss_cli.conversation.options import ReplyOptions
from oss_cli.errors import (
    BadUsage,
    DoesNotFit,
    EngineFailed,
    OssError,
    ReplyNotValid,
    RequestRefused,
    ServerBusy,
    ServerDenied,
    ServerFailed,
    ServerUnreachable,
)
from oss_cli.grammar.form import check_answer
from oss_cli.session.turn import Turn

_POLL_S = 0.2
"""How often a waiting caller is woken: to show how far it is, and on Windows so that Ctrl-C gets through."""
_STOP_WAIT_S = 0.5
_AHEAD = 4
"""With `is_ordered`, how many times N entries may be begun beyond the one whose outcome is waited for: a kill loses
what waits behind it."""
_FAILURES: dict[ProblemCode, type[OssError]] = {
    ProblemCode.ENGINE_FAILED: EngineFailed,
    ProblemCode.SERVER_FAILED: ServerFailed,
}
_MOST_FAILURES = 3
"""So many failures of the engine in a row, and it is the engine and not the requests."""
_LIMITS = {StopReason.MAX_TOKENS: "the tokens it may have ran out", StopReason.CONTEXT_FULL: "the context is full"}
_TOOLS_AND_FORM = "tools: they go with no form of the answer, because a call of a tool has another one"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a batch is run."""

    options: ReplyOptions
    """What decides where a request does not."""
    system: str = ""
    """Instructions for requests that have none."""
    parallel: int = 1
    is_ordered: bool = False
    """Whether outcomes come in the order of the entries, or each as soon as it is there."""
    most_tokens: int | None = None
    """Of a reply for which neither its request, nor the options, nor the model have a limit; None: the context's."""


class BatchRunner:
    """A batch on its way. Iterate over it once; stop early and the replies that are being made are given up."""

    def __init__(self, backend: Backend, entries: Sequence[Entry], manner: Manner) -> None:
        self._backend = backend
        self._manner = manner
        self._left = list(enumerate(entries))[::-1]
        self._lock = threading.Lock()
        self._room = threading.Semaphore(manner.parallel * _AHEAD)
        self._outcomes: SimpleQueue[tuple[int, Outcome | BaseException]] = SimpleQueue()
        self._stopped = False
        self._sampled = [0] * manner.parallel

    @property
    def sampled_tokens(self) -> int:
        """How many tokens of replies there are so far, those of unfinished ones included."""
        return sum(self._sampled)

    def run(self, on_wait: Callable[[], None] = lambda: None) -> Generator[Outcome, None, None]:
        """The outcome of each entry. on_wait: called several times a second while none has come.

        Raises:
            OssError: the backend fails, whatever it is asked.
        """
        total = len(self._left)
        threads = [
            threading.Thread(target=self._work, args=(number,), name=f"batch-{number}", daemon=True)
            for number in range(min(self._manner.parallel, total))
        ]
        for thread in threads:
            thread.start()
        try:
            outcomes = self._as_they_come(total, on_wait)
            for outcome in _in_order(outcomes) if self._manner.is_ordered else (one for _, one in outcomes):
                self._room.release()
                yield outcome
        finally:
            self._stopped = True
            for _ in threads:
                self._room.release()
            for thread in threads:  # one that waits for a long prompt ends when its backend is closed
                thread.join(_STOP_WAIT_S / len(threads))

    def _as_they_come(self, total: int, on_wait: Callable[[], None]) -> Iterator[tuple[int, Outcome]]:
        """Each outcome with its place. Failures of the engine are told when something else has gone well after them:
        else nobody knows whether it was the request.
        """
        failed: list[tuple[int, Outcome]] = []
        for _ in range(total):
            place, outcome = self._next(on_wait)
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome.problem is not None and outcome.problem.code in _FAILURES:
                failed.append((place, outcome))
                if len(failed) == _MOST_FAILURES:
                    kind = _FAILURES[outcome.problem.code]
                    raise kind("the model fails at one request after another", cause=outcome.problem.message)
                continue
            yield from failed
            failed = []
            yield place, outcome
        yield from failed

    def _next(self, on_wait: Callable[[], None]) -> "tuple[int, Outcome | BaseException]":
        while True:
            try:
                return self._outcomes.get(timeout=_POLL_S)
            except Empty:
                on_wait()

    # ---- on the threads

    def _work(self, number: int) -> None:
        while self._room.acquire() and not self._stopped:
            taken = self._take()
            if taken is None:
                break
            place, entry = taken
            try:
                self._outcomes.put((place, self._answer(entry, number)))
            except BaseException as error:  # raised again on the caller's thread
                self._outcomes.put((place, error))
        self._room.release()

    def _take(self) -> tuple[int, Entry] | None:
        with self._lock:
            return self._left.pop() if self._left else None

    def _answer(self, entry: Entry, number: int) -> Outcome:
        request = entry.request
        if isinstance(request, Problem):
            return Outcome(entry, problem=request)
        options = self._options(request)
        if options.tools and options.answer_form is not None:
            return Outcome(entry, problem=Problem(ProblemCode.INVALID_REQUEST, _TOOLS_AND_FORM))
        turn = Turn(self._backend, self._messages(request), options)
        try:
            with closing(iter(turn)) as events:
                for event in events:
                    if self._stopped:
                        break
                    if isinstance(event, TokensSampled):
                        self._sampled[number] += len(event.tokens) or 1  # a server does not tell which, or how many
        except (BadUsage, DoesNotFit, EngineFailed, RequestRefused) as error:
            return Outcome(entry, problem=Problem(_code_of(error), _sentence(error)))
        except (ServerUnreachable, ServerDenied, ServerBusy):
            raise  # so it would be with all others: what has no record yet waits for another day
        except ServerFailed as error:
            said = turn.reply if turn.has_said else None
            return Outcome(entry, said, problem=Problem(ProblemCode.SERVER_FAILED, _sentence(error)))
        return Outcome(entry, turn.reply, turn.ended, _cut_off(turn) or _not_valid(turn, options))

    def _messages(self, request: Request) -> Sequence[Message]:
        is_instructed = any(message.role in (Role.SYSTEM, Role.DEVELOPER) for message in request.messages)
        if is_instructed or not self._manner.system:
            return request.messages
        return (system_message(self._manner.system), *request.messages)

    def _options(self, request: Request) -> ReplyOptions:
        options = self._manner.options
        sampling = request.sampling.over(options.sampling)
        if sampling.max_tokens is None:
            sampling = replace(sampling, max_tokens=self._backend.sampling.max_tokens or self._manner.most_tokens)
        return replace(
            options,
            sampling=sampling,
            effort=request.effort or options.effort,
            tools=request.tools,
            answer_form=request.form or options.answer_form,
        )


def _in_order(outcomes: Iterator[tuple[int, Outcome]]) -> Iterator[Outcome]:
    """The outcomes by their places; one that is early waits."""
    early: dict[int, Outcome] = {}
    following = 0
    for place, outcome in outcomes:
        early[place] = outcome
        while following in early:
            yield early.pop(following)
            following += 1


def _code_of(error: OssError) -> ProblemCode:
    if isinstance(error, EngineFailed):
        return ProblemCode.ENGINE_FAILED
    return ProblemCode.DOES_NOT_FIT if isinstance(error, DoesNotFit) else ProblemCode.INVALID_REQUEST


def _sentence(error: OssError) -> str:
    """What failed and why, in one line."""
    return ": ".join(part for part in (error.message, " ".join(error.cause.splitlines())) if part)


def _not_valid(turn: Turn, options: ReplyOptions) -> Problem | None:
    """What is wrong with an answer that should have a form."""
    form, ended = options.answer_form, turn.ended
    if form is None or ended is None:
        return None
    if ended.reason in _LIMITS:
        message = f"the answer was cut off before it was whole: {_LIMITS[ended.reason]}"
        return Problem(ProblemCode.REPLY_CUT_OFF, message)
    try:
        check_answer(form, turn.reply.content)
    except ReplyNotValid as error:
        return Problem(ProblemCode.REPLY_NOT_VALID, _sentence(error))
    return None


def _cut_off(turn: Turn) -> Problem | None:
    """What there is to say of a reply that ended before an answer began."""
    reply, ended = turn.reply, turn.ended
    if ended is None or turn.has_answer or reply.tool_calls:
        return None
    if ended.reason not in _LIMITS and (ended.reason is StopReason.STOP_STRING or not reply.reasoning):
        return None  # an empty answer is one
    cause = _LIMITS.get(ended.reason, "it was reasoning only")
    return Problem(ProblemCode.REPLY_CUT_OFF, f"the reply ended before an answer began: {cause}")
