"""The engine: llama.cpp on a thread of its own, so that Ctrl-C reaches Python at once, and iterators of its events.

Owns the model, the context and the scheduler. Knows nothing of messages; takes and returns token ids.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from oss_cli.engine.base import Ended, EngineEvent, GenerationRequest
from oss_cli.engine.llama.job import Job
from oss_cli.engine.llama.lifetime import unloaded
from oss_cli.engine.llama.model import LlamaModel, load_model
from oss_cli.errors import BadUsage, ContextTooLong, EngineFailed, PromptTooLong
from oss_cli.plan import LoadPlan

if TYPE_CHECKING:
    from oss_cli.engine.llama.embedding import LlamaEmbedder
    from oss_cli.engine.llama.kept_states import StateKeeping
    from oss_cli.engine.llama.runner import Runner
    from oss_cli.engine.llama.vocabulary import LlamaVocabulary

_T = TypeVar("_T")

_POLL_S = 0.1
"""Waiting threads wake this often: on Windows a wait without a limit cannot be interrupted by Ctrl-C."""
_THREAD = "llama.cpp"
_FREEING_THREAD = "llama.cpp, freeing"
_CANCEL_WAIT_S = 0.4
"""How long a caller that cancels waits for the engine to stop; then the engine stops on its own time."""


class LlamaEngine:
    """A loaded model that answers requests, from any thread, several at a time. Make it with `open_engine`."""

    def __init__(self, plan: LoadPlan, states: "StateKeeping | None" = None) -> None:
        self._plan = plan
        self._states = states
        self._inbox: SimpleQueue[Job | None] = SimpleQueue()
        self._model: LlamaModel | None = None
        self._runner: Runner | None = None
        self._load_cancelled = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._loaded: Future[None] = Future()
        self._has_ended = threading.Event()
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
    def tokens(self) -> "LlamaVocabulary":
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
        return self._plan.most_tokens(self.trained_tokens)

    def start(self, on_progress: Callable[[float], None] | None) -> None:
        """Begin to load the model, on the engine's thread; `begin_engine` calls it."""
        self._thread = threading.Thread(target=self._work, args=(on_progress,), name=_THREAD, daemon=True)
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

    def embedder(self) -> "LlamaEmbedder | None":
        """What makes vectors with this model, until it is closed; None: it is not made for that. Make one."""
        from oss_cli.engine.llama.embedding import LlamaEmbedder, makes_vectors  # for servers alone

        if not makes_vectors(self.model):
            return None
        self._embedder = LlamaEmbedder(self.model, threads=self._plan.threads)
        return self._embedder

    def close(self) -> None:
        """Stop what runs, keep on disk what may be gone on from, and give the memory back. May be called twice; blocks
        until all is kept, but not for the memory: `wait_freed`. Ctrl-C ends the waiting, and with the process the
        keeping.
        """
        if self._thread is None:
            return
        self._closing = True
        if self._runner is not None:
            self._runner.stop()
        self._inbox.put(None)
        while self._thread.is_alive() and not self._has_ended.wait(_POLL_S):
            pass
        self._thread = None
        if self._runner is not None:
            self._runner.tell_trouble()

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
        if self._runner is not None and not self._runner.runs_several:
            self._runner.abort()

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
            runner = self._runner = self._load(on_progress)
        except BaseException as error:  # raised again by `wait_loaded`, on the caller's thread
            if self._model is not None:
                self._model.close()
            self._loaded.set_exception(error)
            return
        self._loaded.set_result(None)
        try:
            if not self._closing:
                runner.prepare()
            while not self._closing:
                runner.run(self._take_jobs(runner.is_idle))
            runner.end()
        finally:
            self._end(runner)

    def _load(self, on_progress: Callable[[float], None] | None) -> "Runner":
        def report(share: float) -> bool:
            if on_progress is not None:
                on_progress(share)
            return not self._load_cancelled

        plan = self._plan
        self._model = load_model(plan, on_progress=report)
        trained = self._model.trained_tokens
        if plan.context_tokens is not None and plan.context_tokens > trained:
            raise ContextTooLong(context_tokens=plan.context_tokens, trained_tokens=trained)
        from oss_cli.engine.llama.runner import Runner  # 10 ms, which `begin_engine` takes while the model is loaded

        return Runner(plan, self._model, self._states)

    def _take_jobs(self, is_idle: bool) -> list[Job]:
        """All that have come in, so that those that begin alike are seen together; waits only when there is nothing
        else to do.
        """
        jobs: list[Job] = []
        with contextlib.suppress(Empty):
            while not self._closing:
                job = self._inbox.get(block=is_idle and not jobs)
                if job is not None:
                    jobs.append(job)
        return jobs

    def _end(self, runner: "Runner") -> None:
        if self._embedder is not None:
            self._embedder.close()
        self.model.retire()
        threading.current_thread().name = _FREEING_THREAD
        self._has_ended.set()
        runner.free()  # a process that ends does not wait for this: 20 ms even of a small model
        self.model.close()


def open_engine(
    plan: LoadPlan, on_progress: Callable[[float], None] | None = None, states: "StateKeeping | None" = None
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
    plan: LoadPlan, on_progress: Callable[[float], None] | None = None, states: "StateKeeping | None" = None
) -> LlamaEngine:
    """As `open_engine`, without waiting: `wait_loaded` has to be called before anything else."""
    engine = LlamaEngine(plan, states)
    engine.start(on_progress)
    try:
        import oss_cli.engine.llama.runner  # noqa: F401 - what comes after the load, which takes longer
    except BaseException:
        engine.stop_loading()
        raise
    return engine


def wait_freed() -> None:
    """Wait until the engines that were closed have given their memory back: before one looks how much there is."""
    for thread in threading.enumerate():
        while thread.name == _FREEING_THREAD and thread.is_alive():
            thread.join(_POLL_S)


def _wait_for(future: "Future[_T]") -> _T:
    while True:
        try:
            return future.result(timeout=_POLL_S)
        except TimeoutError:
            if future.done():
                return future.result()
