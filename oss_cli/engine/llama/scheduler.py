"""The decode loop: what every running job has still to evaluate goes into common batches, and each job samples.

A job is a growing list of tokens (its prompt, then what was sampled or forced); a sequence is what the cache holds of
it. One step evaluates the difference, a new prompt's and a reply's next token alike, so a cache that was cut back for
whatever reason only has more to evaluate. What several prompts begin with is evaluated once (`sharing`). Runs on the
engine's thread; knows nothing of messages.
"""

import time
from collections import deque
from dataclasses import dataclass

from oss_cli.engine.base import Chance, Decision, Ended, EndReason, Prefilled, Sampled
from oss_cli.engine.llama.chances import Chances
from oss_cli.engine.llama.context import Evaluation, LlamaContext
from oss_cli.engine.llama.filtered_sampling import FilteredSampling
from oss_cli.engine.llama.job import Job
from oss_cli.engine.llama.kept_states import KeptStates
from oss_cli.engine.llama.sampling import SamplerChain
from oss_cli.engine.llama.sequence import Sequence, common_length
from oss_cli.engine.llama.sharing import WORTH_TOKENS, find_beginning
from oss_cli.engine.llama.speculation import Habits, Speculation


@dataclass(frozen=True, slots=True)
class _Part:
    """What one job has in a batch."""

    job: Job
    count: int
    """How many of its own tokens."""
    index: int
    """Of the last of them in the batch; guessed ones follow."""
    guess: list[int]

    @property
    def is_next_token(self) -> bool:
        """Whether it is the last token of a reply that goes on, and perhaps guesses, rather than a prompt."""
        return self.count == 1 and self.job.sampled_tokens > 0


class Scheduler:
    """All running jobs over the sequences of one context."""

    def __init__(
        self,
        context: LlamaContext,
        sequences: int,
        *,
        limit_tokens: int,
        states: KeptStates | None = None,
        habits: Habits | None = None,
    ) -> None:
        """states: where what was evaluated is kept. habits: how replies are guessed; the context then has outputs for
        that. None: neither.
        """
        self._context = context
        self._states = states
        self._habits = habits
        self.limit_tokens = limit_tokens
        """Where a job ends in any case: what a sequence of this context, or of a larger one to come, can hold."""
        self._free = [Sequence(context, number) for number in range(sequences)]
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._running and not self._waiting

    @property
    def runs_several(self) -> bool:
        """Whether more than one job is being evaluated. From any thread."""
        return len(self._running) > 1

    @property
    def longest_tokens(self) -> int:
        """Tokens of the longest running job."""
        return max((len(job.tokens) for job in self._running), default=0)

    def move_to(self, context: LlamaContext) -> None:
        """Go on in another context of the same model, with what the caches hold."""
        running = [_sequence_of(job) for job in self._running]
        for sequence in [*running, *self._free]:  # those that are needed first: there may not be room for all
            sequence.move_to(context)
        self._context = context

    def keep_states(self) -> None:
        """Put on disk what idle sequences hold, as far as it may be gone on from."""
        if self._states is not None:
            for sequence in self._free:
                self._states.keep(sequence)

    def submit(self, job: Job) -> None:
        """Take a job; it starts when a sequence is free."""
        self._waiting.append(job)

    def cancel_all(self) -> None:
        """End every job as cancelled."""
        for job in [*self._running, *self._waiting]:
            job.cancelled = True
        self._drop_cancelled()

    def fail_all(self, error: BaseException) -> None:
        """End every job with an error."""
        for job in [*self._running, *self._waiting]:
            self._release(job)
            job.events.put(error)
        self._running.clear()
        self._waiting.clear()

    def step(self) -> None:
        """One batch: start what can start, evaluate, sample."""
        started = time.perf_counter()
        self._drop_cancelled()
        for job in [one for one in self._running if len(one.tokens) > self._context.tokens]:
            self._end(job, EndReason.CONTEXT_FULL)  # a larger context was to come, and did not
        self._start_waiting()
        planned = self._fill_batch()
        if not planned:
            return
        status = self._context.evaluate()
        if status is not Evaluation.DONE:
            self._recover(status, [part.job for part in planned])
            return
        for part in planned:
            sequence = _sequence_of(part.job)
            sequence.tokens += part.job.tokens[len(sequence.tokens) : len(sequence.tokens) + part.count]
            sequence.tokens += part.guess
        times = planned[0].job.speculation if len(planned) == 1 and planned[0].is_next_token else None
        for part in planned:
            self._advance(part)
        if times is not None:
            times.note_step(time.perf_counter() - started, len(planned[0].guess))

    def _start_waiting(self) -> None:
        for job in list(self._waiting):
            if not self._free:
                return
            if self._has_to_wait(job):
                continue
            self._waiting.remove(job)
            try:
                self._start(job)
            except BaseException as error:  # out of memory, say: its caller is told, the others go on
                self._release(job)
                job.events.put(error)

    def _has_to_wait(self, job: Job) -> bool:
        """Whether a running job is about to evaluate what this one begins with: it will stop there for a moment."""
        if job.leader is not None:
            leader, length = job.leader
            if leader.sequence is not None and len(leader.sequence.tokens) < length:
                return True
            job.leader = None
        prompt = job.request.prompt
        here = find_beginning(prompt, self._free, map(_sequence_of, self._running)).length
        for other in self._running:
            length = common_length(other.request.prompt, prompt, limit=len(prompt) - 1)
            if length - here >= WORTH_TOKENS and len(_sequence_of(other).tokens) < length:
                other.share_points.add(length)
                job.leader = other, length
                return True
        return False

    def _start(self, job: Job) -> None:
        job.started = time.perf_counter()
        prompt = job.request.prompt
        beginning = find_beginning(prompt, self._free, map(_sequence_of, self._running))
        if self._states is not None:
            beginning = self._states.improve(beginning, prompt)
        self._free.remove(beginning.target)
        job.sequence = beginning.target
        job.reused_tokens = beginning.take(prompt)
        job.sequence.owner = job.request.owner
        job.sequence.stable_tokens = job.request.stable_tokens or job.request.recurring_tokens or 0
        if beginning.longest - job.reused_tokens >= WORTH_TOKENS:  # it has come twice, and will come again
            job.share_points.add(beginning.longest)
        options = job.request.sampling
        size = self._context.model.vocabulary.size
        job.sampler = SamplerChain(
            options, seed=options.seed or 0, vocabulary_size=size, keeps_leftovers=job.request.only is not None
        )
        if job.sampler.remembers:
            job.sampler.accept(prompt)
        if job.request.only is not None:
            job.filtered = FilteredSampling(job.sampler, job.request.only, vocabulary_size=size)
        if job.request.chances is not None:
            job.chances = Chances(job.request.chances, vocabulary_size=size)
        if self._habits is not None and job.request.may_guess:
            job.speculation = Speculation(self._habits)
        self._running.append(job)
        job.events.put(Prefilled(job.reused_tokens, len(prompt)))

    def _fill_batch(self) -> list[_Part]:
        """Put what the jobs lack into the batch, and guesses of what comes then.

        A micro-batch a step: so often can a prompt's progress be shown and an evaluation on a GPU be stopped.
        """
        planned = []
        room = self._context.micro_batch_tokens
        for job in sorted(self._running, key=_missing_tokens):  # replies that go on (1 token each) before new prompts
            sequence = _sequence_of(job)
            start = len(sequence.tokens)
            count = min(room, self._next_boundary(job) - start)
            if count <= 0:
                continue
            room -= count
            is_last = start + count == len(job.tokens)
            for position in range(start, start + count):
                wants_logits = is_last and position == start + count - 1
                index = self._context.add(
                    job.tokens[position], position=position, sequence=sequence.number, wants_logits=wants_logits
                )
            guess = self._guess(job, room, count) if is_last and start >= len(job.request.prompt) else []
            for position, token in enumerate(guess, start + count):
                self._context.add(token, position=position, sequence=sequence.number, wants_logits=True)
            planned.append(_Part(job, count, index, guess))
        return planned

    def _guess(self, job: Job, room: int, count: int) -> list[int]:
        """Tokens that may come next; none where several replies go on: then a step brings several tokens anyway.

        room: how many the batch can still take. count: how many tokens of the reply are in it.
        """
        if job.speculation is None or len(self._running) > 1 or not job.sampled_tokens:
            return []
        limit = job.request.sampling.max_tokens
        left = room if limit is None else limit - job.sampled_tokens - 1
        most = min(room, left, self._context.outputs - 1, self._context.tokens - len(job.tokens))
        if most < 1 or not _sequence_of(job).can_come_back_after(count + most):
            return []
        return job.speculation.guess(job.tokens, most)

    def _next_boundary(self, job: Job) -> int:
        """Up to where a job's tokens may be evaluated in one go: the place of a checkpoint, or the end."""
        sequence = _sequence_of(job)
        points = set(job.share_points)
        if job.request.stable_tokens is not None and sequence.wants_checkpoints():
            points.add(job.request.stable_tokens)
        return min((point for point in points if point > len(sequence.tokens)), default=len(job.tokens))

    def _advance(self, part: _Part) -> None:
        job = part.job
        sequence = _sequence_of(job)
        if len(sequence.tokens) <= len(job.request.prompt):
            is_point = len(sequence.tokens) in {job.request.stable_tokens, *job.share_points}
            if is_point and sequence.wants_checkpoints():
                sequence.add_checkpoint()
            job.events.put(Prefilled(len(sequence.tokens), len(job.request.prompt)))
        if len(sequence.tokens) - len(part.guess) == len(job.tokens):
            self._extend(part)

    def _extend(self, part: _Part) -> None:
        """Add what comes next to a reply: forced tokens, else sampled ones and what they bring."""
        job = part.job
        assert job.sampler is not None
        try:
            reason = self._sample_along(part)
            while job.forced and reason is None:
                reason = self._force(job)
        except BaseException as error:  # a bug in a reader: raised again on the caller's thread
            self._release(job)
            self._running.remove(job)
            job.events.put(error)
            return
        if reason is not None:
            self._end(job, reason)

    def _sample_along(self, part: _Part) -> EndReason | None:
        """Sample a token, and another for each right guess; cut off the wrong ones. Why the reply ends, if it does.

        A forced token that comes instead of a sampled one makes a guess right or wrong as well.
        """
        job, guess = part.job, part.guess
        sequence = _sequence_of(job)
        evaluated = len(sequence.tokens) - len(guess)
        right, reason = 0, None
        while reason is None:
            reason = self._force(job) if job.forced else self._choose(job, part.index + right)
            if right == len(guess) or reason is EndReason.NO_TOKEN or job.tokens[-1] != guess[right]:
                break
            right += 1
        if job.speculation is not None:
            job.speculation.note_right(right, len(guess))
        if right < len(guess):
            sequence.cut(evaluated + right)
        return reason

    def _force(self, job: Job) -> EndReason | None:
        assert job.sampler is not None
        token = job.forced.popleft()
        job.sampler.accept([token])  # a sampled one it knows already
        return self._add(job, token)

    def _choose(self, job: Job, index: int) -> EndReason | None:
        chosen = self._sample(job, index)
        if chosen is None:
            return EndReason.NO_TOKEN
        chance = job.chances.read(self._context, index, chosen) if job.chances is not None else None
        return self._add(job, chosen, chance)

    def _sample(self, job: Job, index: int) -> int | None:
        assert job.sampler is not None
        if job.filtered is not None:
            return job.filtered.choose(self._context, index)
        return self._context.sample(job.sampler.pointer, index)

    def _add(self, job: Job, token: int, chance: Chance | None = None) -> EndReason | None:
        job.last_sampled = time.perf_counter()
        job.first_sampled = job.first_sampled or job.last_sampled
        job.tokens.append(token)
        decision = job.request.on_token(token)
        job.events.put(Sampled(token, chance))
        if decision.forced:
            job.forced.extend(decision.forced)
        return self._end_reason(job, token, decision)

    def _end_reason(self, job: Job, token: int, decision: Decision) -> EndReason | None:
        limit = job.request.sampling.max_tokens
        if self._context.model.vocabulary.is_end(token):
            return EndReason.END_TOKEN
        if decision.stops:
            return EndReason.ON_TOKEN
        if limit is not None and job.sampled_tokens >= limit:
            return EndReason.MAX_TOKENS
        if len(job.tokens) > self.limit_tokens:
            return EndReason.CONTEXT_FULL
        return None

    def _drop_cancelled(self) -> None:
        for job in [one for one in self._running if one.cancelled]:
            self._end(job, EndReason.CANCELLED)
        for job in [one for one in self._waiting if one.cancelled]:
            self._waiting.remove(job)
            job.events.put(self._ended(job, EndReason.CANCELLED))

    def _recover(self, status: Evaluation, jobs: list[Job]) -> None:
        """Make the caches true again after a batch that was not evaluated."""
        for job in jobs:
            sequence = _sequence_of(job)
            sequence.cut(len(sequence.tokens))
        if status is Evaluation.ABORTED:
            return
        idle = [sequence for sequence in self._free if sequence.tokens]
        for sequence in idle:
            sequence.forget()
        if not idle:  # nothing to give up but the longest reply
            self._end(max(self._running, key=lambda job: len(job.tokens)), EndReason.CONTEXT_FULL)

    def _end(self, job: Job, reason: EndReason) -> None:
        self._running.remove(job)
        self._release(job)
        job.events.put(self._ended(job, reason))

    def _ended(self, job: Job, reason: EndReason) -> Ended:
        return Ended(
            reason=reason,
            reused_tokens=job.reused_tokens,
            sampled_tokens=job.sampled_tokens,
            context_tokens=self._context.tokens,
            prefill_s=job.first_sampled - job.started if job.first_sampled else 0.0,
            decode_s=job.last_sampled - job.first_sampled,
            drafted_tokens=job.speculation.drafted_tokens if job.speculation is not None else 0,
            accepted_tokens=job.speculation.accepted_tokens if job.speculation is not None else 0,
        )

    def _release(self, job: Job) -> None:
        if job.sampler is not None:
            job.sampler.close()
        if job.sequence is not None:
            self._free.append(job.sequence)
            job.sequence = None


def _sequence_of(job: Job) -> Sequence:
    assert job.sequence is not None, "a running job has a sequence"
    return job.sequence


def _missing_tokens(job: Job) -> int:
    return len(job.tokens) - len(_sequence_of(job).tokens)
