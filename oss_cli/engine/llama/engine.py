"""The engine: llama.cpp on a thread of its own, so that Ctrl-C reaches Python at once, and iterators of its events.

Owns the model, the context and the scheduler. Knows nothing of messages; takes and returns token ids.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

from oss_cli.engine.base import Ended, EngineEvent, GenerationRequest
from oss_cli.engine.llama.context import ContextSize, LlamaContext
from oss_cli.engine.llama.draft_model import DraftModel, load_draft_model
from oss_cli.engine.llama.embedding import LlamaEmbedder, makes_vectors
from oss_cli.engine.llama.job import Job
from oss_cli.engine.llama.kept_states import KeptStates, StateKeeping
from oss_cli.engine.llama.lifetime import unloaded
from oss_cli.engine.llama.model import LlamaModel, load_model
from oss_cli.engine.llama.scheduler import Scheduler
from oss_cli.engine.llama.speculation import Habits
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.errors import BadUsage, ContextTooLong, EngineFailed, PromptTooLong
from oss_cli.plan import LoadPlan

_T = TypeVar("_T")

_SMALLEST_CONTEXT_TOKENS = 4096
_REPLY_ROOM_TOKENS = 2048
"""A context that is sized by the prompt leaves this much for the reply; a longer reply makes it grow."""
_POLL_S = 0.1
"""Waiting threads wake this often: on Windows a wait without a limit cannot be interrupted by Ctrl-C."""
_CANCEL_WAIT_S = 0.4
"""How long a caller that cancels waits for the engine to stop; then the engine stops on its own time."""


class LlamaEngine:
    """A loaded model that answers requests, from any thread, several at a time. Make it with `open_engine`."""

    def __init__(self, plan: LoadPlan, states: StateKeeping | None = None) -> None:
        self._plan = plan
        self._states = KeptStates(states) if states is not None else None
        self._inbox: SimpleQueue[Job | None] = SimpleQueue()
        self._model: LlamaModel | None = None
        self._context: LlamaContext | None = None
        self._drafter: DraftModel | None = None
        self._scheduler: Scheduler | None = None
        self._may_grow = plan.context_tokens is None
        self._load_cancelled = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._loaded: Future[None] = Future()
        self._embedder: LlamaEmbedder | None = None

    @property
    def model(self) -> LlamaModel:
        """The loaded model; its vocabulary may be used from any thread, and raises EngineFailed once it is closed."""
        assert self._model is not None, "the engine is open"
        return self._model

    @property
    def vocabulary_tokens(self) -> int:
        """How many tokens the model knows: their ids are 0 to one less."""
        return self.model.vocabulary.size

    @property
    def tokens(self) -> LlamaVocabulary:
        """The model's vocabulary."""
        return self.model.vocabulary

    @property
    def trained_tokens(self) -> int:
        """The longest context the model was trained for."""
        return self.model.trained_tokens

    @property
    def most_tokens(self) -> int:
        """The most tokens, prompt and reply together, that its context holds or may grow to.

        Raises:
            EngineFailed: the engine was closed.
        """
        if self._closing:
            raise unloaded()
        return self._most_tokens

    @property
    def _most_tokens(self) -> int:
        return self._plan.context_tokens or self._limit_tokens

    @property
    def _limit_tokens(self) -> int:
        """The most that a context grows to."""
        return min(self._plan.context_limit_tokens or self.trained_tokens, self.trained_tokens)

    def start(self, on_progress: Callable[[float], None] | None) -> None:
        """Begin to load the model, on the engine's thread; `begin_engine` calls it."""
        self._thread = threading.Thread(target=self._work, args=(on_progress,), name="llama.cpp", daemon=True)
        self._thread.start()

    def wait_loaded(self) -> None:
        """Wait until the model is loaded. Ctrl-C stops the load within half a second.

        Raises:
            EngineFailed: llama.cpp refused the file.
            ContextTooLong: the plan's context is larger than the model's.
        """
        try:
            _wait_for(self._loaded)
        except KeyboardInterrupt:
            self.stop_loading()
            raise

    def stop_loading(self) -> None:
        """Give up a load that nobody waits for any more; a model that is loaded already is given back."""
        self._load_cancelled = self._closing = True
        self._inbox.put(None)  # for a load that was just through
        if self._thread is not None:
            self._thread.join(_CANCEL_WAIT_S)  # a load that hangs in the operating system ends with the process

    def generate(self, request: GenerationRequest) -> Generator[EngineEvent, None, None]:
        """Events of one generation, ending in `Ended`. Closing the generator early stops the engine.

        Raises:
            BadUsage: the prompt is empty.
            PromptTooLong: the prompt leaves no room in the context.
            EngineFailed: the model could not be evaluated.
        """
        if self._closing or self._thread is None:
            raise unloaded()
        if not request.prompt:
            raise BadUsage("the prompt is empty", cause="it has no tokens", hint='oss run "Why is the sky blue?"')
        self._check_length(request)
        return self._events(request)

    def embedder(self) -> LlamaEmbedder | None:
        """What makes vectors with this model, until it is closed; None: it is not made for that. Make one."""
        if not makes_vectors(self.model):
            return None
        self._embedder = LlamaEmbedder(self.model, threads=self._plan.threads)
        return self._embedder

    def close(self) -> None:
        """Stop what runs, keep on disk what may be gone on from, and give the memory back. May be called twice; blocks
        until the engine's thread has ended. Ctrl-C ends the waiting, and with the process the keeping.
        """
        if self._thread is None:
            return
        self._closing = True
        self._abort()
        self._inbox.put(None)
        while self._thread.is_alive():
            self._thread.join(_POLL_S)
        self._thread = None
        if self._states is not None:
            self._states.tell_trouble()

    def _events(self, request: GenerationRequest) -> Generator[EngineEvent, None, None]:
        job = Job(request)
        self._inbox.put(job)
        ended = False
        try:
            while not ended:
                event = self._next(job)
                if isinstance(event, BaseException):
                    ended = True
                    raise event
                ended = isinstance(event, Ended)
                yield event
        finally:
            if not ended:
                self._cancel(job)

    def _cancel(self, job: Job) -> None:
        self._stop(job)
        deadline = time.monotonic() + _CANCEL_WAIT_S
        while (left := deadline - time.monotonic()) > 0:
            try:
                if isinstance(job.events.get(timeout=left), (Ended, BaseException)):
                    return
            except Empty:
                return

    def _stop(self, job: Job) -> None:
        """End a job at the next step. The step that runs is given up only if no other job loses by that."""
        job.cancelled = True
        if self._scheduler is None or not self._scheduler.runs_several:
            self._abort()

    def _abort(self) -> None:
        if self._context is not None:
            self._context.abort()
        if self._drafter is not None:
            self._drafter.abort()

    def _next(self, job: Job) -> EngineEvent | BaseException:
        signal = job.request.cancelled
        while True:
            if signal is not None and signal.is_set() and not job.cancelled:
                self._stop(job)
            try:
                return job.events.get(timeout=_POLL_S)
            except Empty:
                if self._thread is None or not self._thread.is_alive():
                    return EngineFailed("the model was unloaded while it answered")

    def _check_length(self, request: GenerationRequest) -> None:
        limit = self._most_tokens
        if len(request.prompt) >= limit:
            raise PromptTooLong(
                prompt_tokens=len(request.prompt), context_tokens=limit, trained_tokens=self.trained_tokens
            )

    # ---- on the engine's thread

    def _work(self, on_progress: Callable[[float], None] | None) -> None:
        try:
            self._load(on_progress)
        except BaseException as error:  # raised again by `wait_loaded`, on the caller's thread
            self._loaded.set_exception(error)
            return
        self._loaded.set_result(None)
        try:
            while self._serve():
                pass
            if self._scheduler is not None:
                self._scheduler.keep_states()
        finally:
            self._free()

    def _load(self, on_progress: Callable[[float], None] | None) -> None:
        def report(share: float) -> bool:
            if on_progress is not None:
                on_progress(share)
            return not self._load_cancelled

        plan = self._plan
        self._model = load_model(plan, on_progress=report)
        trained = self._model.trained_tokens
        if plan.context_tokens is not None and plan.context_tokens > trained:
            self._model.close()
            raise ContextTooLong(context_tokens=plan.context_tokens, trained_tokens=trained)
        if plan.draft is not None and plan.guessed_tokens:
            try:
                self._drafter = load_draft_model(plan.draft, self._model)
            except BaseException:
                self._model.close()
                raise

    def _serve(self) -> bool:
        """Take what has come in and do one step; False: the engine is to close."""
        jobs = self._take_jobs()
        if self._closing:
            if self._scheduler is not None:
                self._scheduler.cancel_all()
            return False
        try:
            while jobs:
                self._scheduler_for(jobs[0]).submit(jobs[0])
                del jobs[0]
            if self._scheduler is not None and not self._scheduler.is_idle and not self._closing:
                self._step()
        except BaseException as error:  # raised again by whoever waits for a job
            if self._scheduler is not None:
                self._scheduler.fail_all(error)
            for job in jobs:
                job.events.put(error)
        return True

    def _take_jobs(self) -> list[Job]:
        """All that have come in, so that those that begin alike are seen together; waits only when there is nothing
        else to do.
        """
        jobs: list[Job] = []
        is_idle = self._scheduler is None or self._scheduler.is_idle
        with contextlib.suppress(Empty):
            while not self._closing:
                job = self._inbox.get(block=is_idle and not jobs)
                if job is not None:
                    jobs.append(job)
        return jobs

    def _step(self) -> None:
        assert self._scheduler is not None and self._context is not None
        is_full = self._scheduler.longest_tokens > self._context.tokens
        if is_full and self._may_grow and self._context.tokens < self._limit_tokens:
            try:
                self._enlarge(min(self._context.tokens * 2, self._limit_tokens))
            except (EngineFailed, MemoryError):  # the replies end where the context does
                self._may_grow = False
                self._scheduler.limit_tokens = self._context.tokens
        self._scheduler.step()
        if not self._closing:
            self._context.resume()
            if self._drafter is not None:
                self._drafter.resume()

    def _scheduler_for(self, job: Job) -> Scheduler:
        """The scheduler, with a context that is large enough for this job."""
        needed = self._needed_tokens(job)
        if self._context is None or self._context.tokens < needed:
            self._enlarge(needed)
        assert self._scheduler is not None
        return self._scheduler

    def _enlarge(self, tokens: int) -> None:
        """Make a context of that many tokens a sequence; what an earlier one held goes along."""
        plan = self._plan
        size = ContextSize(
            tokens * plan.sequences, plan.sequences, outputs=plan.sequences + plan.guessed_tokens, kv_type=plan.kv_type,
            batch_tokens=max(plan.batch_tokens, plan.micro_batch_tokens), micro_batch_tokens=plan.micro_batch_tokens,
        )  # fmt: skip
        context = LlamaContext(self.model, size, threads=plan.threads)
        if self._scheduler is None:
            habits = Habits(self._drafter, weighs=plan.weighs_guesses) if plan.guessed_tokens else None
            self._scheduler = Scheduler(
                context, plan.sequences, limit_tokens=self._most_tokens, states=self._states, habits=habits
            )
        else:
            try:
                self._scheduler.move_to(context)
            except BaseException:
                context.close()
                raise
        if self._context is not None:
            self._context.close()
        self._context = context
        if self._drafter is not None:
            self._drafter.resize(tokens)

    def _needed_tokens(self, job: Job) -> int:
        if self._plan.context_tokens is not None:
            return self._plan.context_tokens
        room = job.request.sampling.max_tokens
        wanted = len(job.request.prompt) + min(_REPLY_ROOM_TOKENS, room or _REPLY_ROOM_TOKENS)
        size = _SMALLEST_CONTEXT_TOKENS
        while size < wanted:
            size *= 2
        return min(size, self._limit_tokens)

    def _free(self) -> None:
        if self._embedder is not None:
            self._embedder.close()
        if self._context is not None:
            self._context.close()
        if self._drafter is not None:
            self._drafter.close()
        if self._model is not None:
            self._model.close()


def open_engine(
    plan: LoadPlan, on_progress: Callable[[float], None] | None = None, states: StateKeeping | None = None
) -> LlamaEngine:
    """A loaded model, ready for requests. Blocks while it loads; Ctrl-C stops it within half a second.

    on_progress: gets the share loaded, 0 to 1, on the engine's thread. states: where it keeps what it has evaluated
    when it is closed, and finds it again; None: nowhere.

    Raises:
        EngineFailed: llama.cpp refused the file.
        ContextTooLong: the plan's context is larger than the model's.
    """
    engine = begin_engine(plan, on_progress, states)
    engine.wait_loaded()
    return engine


def begin_engine(
    plan: LoadPlan, on_progress: Callable[[float], None] | None = None, states: StateKeeping | None = None
) -> LlamaEngine:
    """As `open_engine`, without waiting: `wait_loaded` has to be called before anything else."""
    engine = LlamaEngine(plan, states)
    engine.start(on_progress)
    return engine


def _wait_for(future: "Future[_T]") -> _T:
    while True:
        try:
            return future.result(timeout=_POLL_S)
        except TimeoutError:
            if future.done():
                return future.result()
