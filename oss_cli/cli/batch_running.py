"""A batch while it runs: the model, the progress, the records as they come, and what stops it."""

import contextlib
import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oss_cli.cli.signals import leaving_when_told
from oss_cli.errors import ClosedPipe, OssError

if TYPE_CHECKING:
    from oss_cli.backends.base import Backend
    from oss_cli.batch.output import OutputFile
    from oss_cli.batch.records import Outcome
    from oss_cli.batch.requests import Entry
    from oss_cli.conversation.answer_form import AnswerForm
    from oss_cli.settings import Settings
    from oss_cli.terminal.batch import BatchSummary
    from oss_cli.terminal.console import Console, Stream
    from oss_cli.wiring import ModelChoice, ServerChoice


_MOST_TOKENS = 8192
"""Of a reply, unless something else decides. Some fifteen pages; nobody watches, and one that repeats itself would fill
the whole context, while the others wait for its place."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """All that is decided before the first request."""

    choice: "ModelChoice | ServerChoice"
    settings: "Settings"
    entries: "tuple[Entry, ...]"
    facts: dict[str, object]
    """What its records depend on."""
    parallel: int | None
    """How many replies at once; None: by memory and cores."""
    is_ordered: bool
    is_verbose: bool
    is_quiet: bool
    again: str
    """The command that goes on with it."""
    form: "AnswerForm | None" = None
    """What an answer must be like where its request does not say."""


@dataclass(slots=True)
class _Tally:
    """What has been done so far."""

    total: int
    earlier: int
    failed: int
    done: int = 0
    """Now, without the earlier ones."""
    tokens: int = 0
    begun: float = 0.0

    def summary(self) -> "BatchSummary":
        from oss_cli.terminal.batch import BatchSummary

        seconds = time.monotonic() - self.begun if self.begun else 0.0
        return BatchSummary(self.total, self.earlier, self.earlier + self.done, self.failed, self.tokens, seconds)

    def add(self, outcome: "Outcome") -> None:
        self.done += 1
        self.failed += outcome.problem is not None
        self.tokens += outcome.ended.usage.reply_tokens if outcome.ended is not None else 0


def run_batch(plan: BatchPlan, kept: "OutputFile | None", console: "Console") -> "BatchSummary":
    """Answer what has no record yet; what has come of all of it. kept: where the records go; None: to standard output.

    Raises:
        OssError: the model cannot be opened or fails, or the records cannot be written. Those that were made stay.
    """
    finished = kept.finished if kept is not None else {}
    left = [entry for entry in plan.entries if entry.key not in finished]
    tally = _Tally(len(plan.entries), len(finished), sum(finished.values()))
    if not left:
        return tally.summary()
    try:
        with leaving_when_told():
            _answer(plan, left, kept, console, tally)
    except (KeyboardInterrupt, SystemExit, OssError) as error:
        if not plan.is_quiet and not isinstance(error, ClosedPipe):
            from oss_cli.terminal.batch import show_stopped

            again = ""
            if kept is not None and kept.goes_on:
                again, tally.done = plan.again, kept.count_records() - tally.earlier
            show_stopped(tally.summary(), again, console.err)
        raise
    return tally.summary()


def _answer(plan: BatchPlan, left: "list[Entry]", kept: "OutputFile | None", console: "Console", tally: _Tally) -> None:
    from dataclasses import replace

    from oss_cli import wiring
    from oss_cli.batch.records import write_record
    from oss_cli.batch.runner import BatchRunner, Manner
    from oss_cli.terminal.batch import BatchStatus

    parallel = min(plan.parallel or wiring.suggest_parallel(plan.choice, plan.settings), len(left))
    options = replace(wiring.reply_options(plan.settings), answer_form=plan.form)
    if kept is not None:
        options = replace(options, date=kept.state.date)
    # A server has limits of its own, and some refuse a larger one than their context holds.
    most_tokens = _MOST_TOKENS if isinstance(plan.choice, wiring.ModelChoice) else None
    manner = Manner(options, plan.settings.system or "", parallel, plan.is_ordered, most_tokens)
    name = hashlib.sha256(json.dumps(plan.facts, sort_keys=True).encode()).hexdigest()
    write = kept.add if kept is not None else console.out.write
    with contextlib.closing(_open_backend(plan, parallel, console)) as backend:
        tally.begun = time.monotonic()
        runner = BatchRunner(backend, left, manner)
        with (
            BatchStatus(_progress_stream(plan, console, hides=kept is None), total=len(left)) as status,
            contextlib.closing(runner.run(lambda: status.show(tally.done, runner.sampled_tokens))) as outcomes,
        ):
            for outcome in outcomes:
                write(write_record(outcome, model=backend.name, batch=name, created=int(time.time())))
                tally.add(outcome)
                status.show(tally.done, runner.sampled_tokens)


def _open_backend(plan: BatchPlan, parallel: int, console: "Console") -> "Backend":
    from oss_cli import wiring
    from oss_cli.terminal.status import LoadStatus

    log = console.err.write if plan.is_verbose else None
    with LoadStatus(_progress_stream(plan, console, hides=False), plan.choice.name) as status:
        return wiring.open_backend(
            plan.choice, plan.settings, wiring.Loading(status.show, log), is_one_shot=False, sequences=parallel
        )


def _progress_stream(plan: BatchPlan, console: "Console", *, hides: bool) -> "Stream":
    """Where progress is shown. hides: whether records are written meanwhile, which a terminal would mix with it."""
    from dataclasses import replace

    is_in_the_way = hides and console.out.is_watched
    return replace(console.err, has_escapes=False) if plan.is_quiet or is_in_the_way else console.err
