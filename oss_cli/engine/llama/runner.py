"""What an engine does once its model is loaded: a context that is large enough, and step after step in it.

Runs on the engine's thread, but for what says otherwise. Knows nothing of loading and of who waits.
"""

import contextlib

from oss_cli.engine.llama.context import ContextSize, LlamaContext
from oss_cli.engine.llama.draft_model import load_draft_model
from oss_cli.engine.llama.job import Job
from oss_cli.engine.llama.kept_states import KeptStates, StateKeeping
from oss_cli.engine.llama.model import LlamaModel
from oss_cli.engine.llama.scheduler import Scheduler
from oss_cli.engine.llama.speculation import Habits
from oss_cli.errors import EngineFailed
from oss_cli.plan import LoadPlan

_SMALLEST_CONTEXT_TOKENS = 512
"""4,096 take 50 ms more to set to zero on SmolLM2 (94 MB), a tenth of a short run."""
_REPLY_ROOM_TOKENS = 2048
"""A context that is sized by the prompt leaves this much for the reply; a longer reply makes it grow."""


class Runner:
    """The context of one engine and the scheduler in it."""

    def __init__(self, plan: LoadPlan, model: LlamaModel, states: StateKeeping | None) -> None:
        """Loads the smaller model that guesses, where the plan has one.

        Raises:
            EngineFailed: llama.cpp refused that one.
            BadUsage: it has another vocabulary.
        """
        self._plan = plan
        self._model = model
        self._drafter = load_draft_model(plan.draft, model) if plan.draft is not None and plan.guessed_tokens else None
        self._states = KeptStates(states) if states is not None else None
        self._context: LlamaContext | None = None
        self._scheduler: Scheduler | None = None
        self._may_grow = plan.context_tokens is None
        self._is_ending = False

    def prepare(self) -> None:
        """Make a context whose size is known beforehand: nobody waits for it yet. An error comes with the first job."""
        if self._plan.context_tokens is not None:
            with contextlib.suppress(EngineFailed, MemoryError):
                self._enlarge(self._plan.context_tokens)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return self._scheduler is None or self._scheduler.is_idle

    @property
    def runs_several(self) -> bool:
        """Whether more than one job is being evaluated. From any thread."""
        return self._scheduler is not None and self._scheduler.runs_several

    def run(self, jobs: list[Job]) -> None:
        """Take what has come in and do one step. Errors go to whoever waits for a job."""
        try:
            while jobs:
                self._scheduler_for(jobs[0]).submit(jobs[0])
                del jobs[0]
            if self._scheduler is not None and not self._scheduler.is_idle and not self._is_ending:
                self._step()
        except BaseException as error:  # raised again by whoever waits for a job
            if self._scheduler is not None:
                self._scheduler.fail_all(error)
            for job in jobs:
                job.events.put(error)

    def abort(self) -> None:
        """End the evaluation that is running, or the next one. From any thread."""
        if self._context is not None:
            self._context.abort()
        if self._drafter is not None:
            self._drafter.abort()

    def stop(self) -> None:
        """Begin no step any more, and end the one that runs. From any thread."""
        self._is_ending = True
        self.abort()

    def end(self) -> None:
        """End every job as cancelled, and keep on disk what may be gone on from."""
        if self._scheduler is not None:
            self._scheduler.cancel_all()
            self._scheduler.keep_states()

    def tell_trouble(self) -> None:
        """Tell why states were not kept, if some were not. On the thread that closes the engine."""
        if self._states is not None:
            self._states.tell_trouble()

    def free(self) -> None:
        """Give the memory back, but for the model's."""
        if self._context is not None:
            self._context.close()
        if self._drafter is not None:
            self._drafter.close()

    def _step(self) -> None:
        assert self._scheduler is not None and self._context is not None
        limit = self._plan.limit_tokens(self._model.trained_tokens)
        is_full = self._scheduler.longest_tokens > self._context.tokens
        if is_full and self._may_grow and self._context.tokens < limit:
            try:
                self._enlarge(min(self._context.tokens * 2, limit))
            except (EngineFailed, MemoryError):  # the replies end where the context does
                self._may_grow = False
                self._scheduler.limit_tokens = self._context.tokens
        self._scheduler.step()
        if not self._is_ending:
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
        context = LlamaContext(self._model, size, threads=plan.threads)
        if self._scheduler is None:
            habits = Habits(self._drafter, weighs=plan.weighs_guesses) if plan.guessed_tokens else None
            self._scheduler = Scheduler(
                context,
                plan.sequences,
                limit_tokens=plan.most_tokens(self._model.trained_tokens),
                states=self._states,
                habits=habits,
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
        return min(size, self._plan.limit_tokens(self._model.trained_tokens))
