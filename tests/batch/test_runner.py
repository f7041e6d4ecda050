"""Several replies at once: what comes of each, in which order, and what stops it all."""

import threading
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.backends.local import LocalBackend, LocalModel
from oss_cli.batch.records import Outcome
from oss_cli.batch.requests import Entry, Form, Problem, ProblemCode, Request
from oss_cli.batch.runner import BatchRunner, Manner
from oss_cli.conversation.events import Event, ReasoningDelta, StopReason, TextDelta, TurnEnded, Usage
from oss_cli.conversation.messages import Message, system_message, user_message
from oss_cli.conversation.options import ReasoningEffort, ReplyOptions, SamplingOptions
from oss_cli.engine.llama.engine import open_engine
from oss_cli.errors import EngineFailed, PromptTooLong
from oss_cli.plan import LoadPlan
from oss_cli.wiring import choose_format
from tests.fakes.backend import ScriptedBackend

OPTIONS = ReplyOptions("2026-11-24", SamplingOptions(temperature=0.0, max_tokens=70))
ENDED = TurnEnded(StopReason.END, Usage(reply_tokens=1))
ANSWER: list[Event | BaseException] = [TextDelta("x"), ENDED]
WORDS = ("banana", "apple", "window", "river", "tiger", "maple", "copper", "violet", "kettle", "lantern", "Zürich")


def entries_of(*prompts: str) -> list[Entry]:
    return [Entry(prompt, line, Form.SHORT, Request((user_message(prompt),))) for line, prompt in enumerate(prompts, 1)]


def answers(outcomes: Sequence[Outcome]) -> dict[str | int, str]:
    return {one.entry.id: one.reply.content if one.reply is not None else str(one.problem) for one in outcomes}


def run_tiny(path: Path, entries: list[Entry], parallel: int, *, is_ordered: bool = False) -> list[Outcome]:
    engine = open_engine(LoadPlan(path, 1, sequences=parallel))
    backend = LocalBackend(engine, choose_format(engine.model), LocalModel("m", SamplingOptions()))
    try:
        manner = Manner(OPTIONS, parallel=parallel, is_ordered=is_ordered)
        return list(BatchRunner(backend, entries, manner).run())
    finally:
        backend.close()


def test_several_at_once_say_what_each_says_alone(tiny_gpt_oss: Path) -> None:
    """On the tiny model, whose choices are clear: a model of 135M may waver by what happens to share its batch."""
    prompts = [*(f"Say the word {word}." for word in WORDS), "Count to 12.", "Answer in JSON: city Lisbon, number 42."]
    together = run_tiny(tiny_gpt_oss, entries_of(*prompts), parallel=5)
    apart = run_tiny(tiny_gpt_oss, entries_of(*prompts), parallel=1)
    assert answers(together) == answers(apart)
    by_id = {one.entry.id: one.reply.reasoning for one in apart if one.reply is not None}
    assert {one.entry.id: one.reply.reasoning for one in together if one.reply is not None} == by_id


@pytest.mark.parametrize(
    ("request_limit", "option_limit", "model_limit", "limit"),
    [(None, None, None, 8192), (9, 8, 7, 9), (None, 8, 7, 8), (None, None, 7, 7)],
)
def test_no_reply_runs_away(
    request_limit: int | None, option_limit: int | None, model_limit: int | None, limit: int
) -> None:
    backend = ScriptedBackend(ANSWER)
    backend.sampling = SamplingOptions(max_tokens=model_limit)
    request = Request((user_message("a"),), SamplingOptions(max_tokens=request_limit))
    manner = Manner(replace(OPTIONS, sampling=SamplingOptions(max_tokens=option_limit)), most_tokens=8192)
    list(BatchRunner(backend, [Entry("a", 1, Form.SHORT, request)], manner).run())
    assert backend.asked[0][1].sampling.max_tokens == limit


def test_with_is_ordered_outcomes_come_as_the_entries_stand(tiny_gpt_oss: Path) -> None:
    entries = entries_of("Count to 12.", "Hello!", *(f"Say the word {word}." for word in WORDS))
    outcomes = run_tiny(tiny_gpt_oss, entries, parallel=4, is_ordered=True)
    assert [one.entry for one in outcomes] == entries


def test_a_request_decides_before_the_batch_does() -> None:
    backend = ScriptedBackend(ANSWER, ANSWER)
    request = Request(
        (system_message("Mine."), user_message("x")), SamplingOptions(temperature=1.0), ReasoningEffort.HIGH
    )
    entries = [Entry(1, 1, Form.SHORT, request), *entries_of("y")]
    manner = Manner(ReplyOptions("2026-11-24", SamplingOptions(0.0, seed=7), ReasoningEffort.LOW), "Ours.")
    list(BatchRunner(backend, entries, manner).run())
    assert backend.asked == [
        (
            [system_message("Mine."), user_message("x")],
            ReplyOptions("2026-11-24", SamplingOptions(1.0, seed=7), ReasoningEffort.HIGH),
        ),
        (
            [system_message("Ours."), user_message("y")],
            ReplyOptions("2026-11-24", SamplingOptions(0.0, seed=7), ReasoningEffort.LOW),
        ),
    ]


def test_what_does_not_fit_is_a_problem_and_the_rest_goes_on() -> None:
    too_long = PromptTooLong(prompt_tokens=5000, context_tokens=4096, trained_tokens=4096)
    backend = ScriptedBackend([too_long], [TextDelta("b"), ENDED])
    entries = [*entries_of("a", "b"), Entry(3, 3, Form.SHORT, Problem(ProblemCode.INVALID_JSON, "it is not JSON"))]
    outcomes = list(BatchRunner(backend, entries, Manner(OPTIONS)).run())
    assert [(one.entry.id, one.problem) for one in outcomes] == [
        (
            "a",
            Problem(
                ProblemCode.DOES_NOT_FIT,
                "the prompt is longer than the context: the prompt takes 5,000 tokens, the context holds 4,096",
            ),
        ),
        ("b", None),
        (3, Problem(ProblemCode.INVALID_JSON, "it is not JSON")),
    ]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (
            [ReasoningDelta("Hm"), TurnEnded(StopReason.MAX_TOKENS, Usage())],
            "the reply ended before an answer began: the tokens it may have ran out",
        ),
        ([TurnEnded(StopReason.CONTEXT_FULL, Usage())], "the reply ended before an answer began: the context is full"),
        (
            [ReasoningDelta("Hm"), TurnEnded(StopReason.END, Usage())],
            "the reply ended before an answer began: it was reasoning only",
        ),
    ],
)
def test_a_reply_without_an_answer_is_kept_with_its_problem(events: list[Event], message: str) -> None:
    (outcome,) = BatchRunner(ScriptedBackend(events), entries_of("a"), Manner(OPTIONS)).run()
    assert outcome.problem == Problem(ProblemCode.REPLY_CUT_OFF, message)
    assert outcome.ended is not None and outcome.reply is not None


@pytest.mark.parametrize(
    "events",
    [[TurnEnded(StopReason.END, Usage())], [ReasoningDelta("Hm"), TurnEnded(StopReason.STOP_STRING, Usage())]],
)
def test_an_answer_may_be_empty(events: list[Event]) -> None:
    (outcome,) = BatchRunner(ScriptedBackend(events), entries_of("a"), Manner(OPTIONS)).run()
    assert (outcome.problem, outcome.reply is not None and outcome.reply.content) == (None, "")


def test_one_failure_of_the_engine_is_the_requests() -> None:
    failure = EngineFailed("llama.cpp could not evaluate the tokens", cause="llama_decode: -3")
    backend = ScriptedBackend([failure], [failure], ANSWER, [failure], ANSWER)
    outcomes = list(BatchRunner(backend, entries_of(*"abcde"), Manner(OPTIONS)).run())
    told = "llama.cpp could not evaluate the tokens: llama_decode: -3"
    failed = Problem(ProblemCode.ENGINE_FAILED, told)
    assert [(one.entry.id, one.problem) for one in outcomes] == [
        ("a", failed), ("b", failed), ("c", None), ("d", failed), ("e", None),
    ]  # fmt: skip


def test_three_failures_of_the_engine_in_a_row_end_the_batch_and_are_nobodys() -> None:
    backend = ScriptedBackend(ANSWER, *[[EngineFailed("it is gone", cause="no memory")]] * 5)
    outcomes = []
    with pytest.raises(EngineFailed) as caught:
        for outcome in BatchRunner(backend, entries_of(*"abcdef"), Manner(OPTIONS)).run():
            outcomes.append(outcome.entry.id)
    assert (outcomes, caught.value.message, caught.value.cause) == (
        ["a"],
        "the model fails at one request after another",
        "it is gone: no memory",
    )


class GatedBackend(ScriptedBackend):
    """A ScriptedBackend whose first reply waits, and which counts how many replies are being made."""

    def __init__(self, count: int) -> None:
        super().__init__(*[ANSWER] * count)
        self.gate = threading.Event()
        self.begun: list[str] = []

    def reply(self, messages: Sequence[Message], options: ReplyOptions) -> Generator[Event, None, None]:
        """Events of the next reply, those of "first" once the gate is open."""
        self.begun.append(messages[0].content)
        if messages[0].content == "first":
            self.gate.wait(30)
        yield from super().reply(messages, options)


def test_in_order_no_more_is_begun_than_can_be_held_back() -> None:
    backend = GatedBackend(100)
    entries = entries_of("first", *(str(number) for number in range(99)))
    waits = 0

    def wait() -> None:
        nonlocal waits
        waits += 1
        if waits == 2:  # all that may be done has been done by now
            assert len(backend.begun) == 8
            backend.gate.set()

    outcomes = list(BatchRunner(backend, entries, Manner(OPTIONS, parallel=2, is_ordered=True)).run(wait))
    assert [one.entry for one in outcomes] == entries


def test_stopping_early_gives_up_the_replies_that_are_being_made(tiny_gpt_oss: Path) -> None:
    engine = open_engine(LoadPlan(tiny_gpt_oss, 1, sequences=3))
    backend = LocalBackend(engine, choose_format(engine.model), LocalModel("m", SamplingOptions()))
    endless = ReplyOptions("2026-11-24", SamplingOptions(temperature=0.0), ReasoningEffort.LOW)
    entries = entries_of("Say the word banana.", *["Tell a long story about a dragon."] * 5)
    runner = BatchRunner(backend, entries, Manner(endless, parallel=3))
    outcomes = runner.run()
    assert answers([next(outcomes)]) == {"Say the word banana.": "banana"}
    outcomes.close()
    backend.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batch-") and thread.is_alive()]


def test_a_bug_on_a_thread_is_raised_on_the_callers() -> None:
    backend = ScriptedBackend([KeyError("lost")])
    with pytest.raises(KeyError):
        list(BatchRunner(backend, entries_of("a", "b"), Manner(OPTIONS)).run())
