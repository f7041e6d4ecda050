"""A reasoning budget: how much is thought, what is forced then, and that an answer follows in any case."""

from pathlib import Path

import pytest

from oss_cli.conversation.events import StopReason
from oss_cli.conversation.messages import Tool, user_message
from oss_cli.conversation.options import BegunReply, ReplyOptions, SamplingOptions
from oss_cli.engine.llama.engine import LlamaEngine
from oss_cli.engine.llama.model import load_vocabulary
from oss_cli.prompts.template import TemplateFormat
from tests.backends.conftest import OpenBackend
from tests.backends.listening import Told, break_off, listen
from tests.backends.test_going_on import WEATHER, assert_the_same

BANANA = [user_message("Say the word banana.")]
DRAGON = [user_message("Tell a long story about a dragon.")]
"""The tiny model never stops to think about this one."""
THOUGHT, WANTED = "<|channel|>analysis<|message|>", "<|channel|>final<|message|>"
NEXT = f"<|end|><|start|>assistant{WANTED}"


def options(
    budget: int | None,
    *,
    max_tokens: int | None = 60,
    begun: BegunReply | None = None,
    tools: tuple[Tool, ...] = (),
) -> ReplyOptions:
    sampling = SamplingOptions(max_tokens=max_tokens)
    return ReplyOptions("2026-11-23", sampling, tools=tools, goes_on=True, begun=begun, reasoning_budget=budget)


class Spelling:
    """Tokens as text, control tokens by their names, and back."""

    def __init__(self, path: Path) -> None:
        self._vocabulary = load_vocabulary(path)

    def write(self, told: Told) -> str:
        return "".join(self._vocabulary.name(token) for token in told.tokens)

    def read(self, text: str) -> list[int]:
        return self._vocabulary.tokenize(text, parse_special=True)


@pytest.fixture
def spelling(tiny_gpt_oss: Path) -> Spelling:
    return Spelling(tiny_gpt_oss)


@pytest.mark.parametrize(
    ("budget", "written", "thought"),
    [
        (0, f"{WANTED}banana<|return|>", 0),
        (1, f"{THOUGHT}The{NEXT}banana<|return|>", 1),
        (5, f"{THOUGHT}The user wants the word{NEXT}banana<|return|>", 5),
        (100, f"{THOUGHT}The user wants the word banana.{NEXT}banana<|return|>", 11),
        (None, f"{THOUGHT}The user wants the word banana.{NEXT}banana<|return|>", 11),
    ],
)
def test_the_switch_to_the_answer_is_made_once_and_as_a_whole(
    open_backend: OpenBackend, spelling: Spelling, budget: int | None, written: str, thought: int
) -> None:
    told = listen(open_backend().reply(BANANA, options(budget)))
    assert spelling.write(told) == written
    assert told.answer == "banana"
    assert told.ended is not None
    usage = told.ended.usage
    assert (told.ended.reason, usage.reasoning_tokens) == (StopReason.END, thought)
    assert usage.reply_tokens == len(told.tokens)


@pytest.mark.parametrize("budget", range(12))
def test_a_model_that_never_stops_thinking_answers(open_backend: OpenBackend, spelling: Spelling, budget: int) -> None:
    told = listen(open_backend().reply(DRAGON, options(budget)))
    assert told.answer
    assert told.ended is not None and told.ended.usage.reasoning_tokens == budget
    assert spelling.write(told).count(WANTED) == 1


def test_without_a_budget_max_tokens_ends_a_reply_before_its_answer(open_backend: OpenBackend) -> None:
    for budget in (None, 20):
        told = listen(open_backend().reply(DRAGON, options(budget, max_tokens=20)))
        assert (told.answer, told.ended and told.ended.reason) == ("", StopReason.MAX_TOKENS)


@pytest.mark.parametrize("max_tokens", range(4, 12))
def test_forced_tokens_count_towards_max_tokens(open_backend: OpenBackend, spelling: Spelling, max_tokens: int) -> None:
    backend = open_backend()
    whole = listen(backend.reply(BANANA, options(1)))
    told = listen(backend.reply(BANANA, options(1, max_tokens=max_tokens)))
    assert told.tokens == whole.tokens[:max_tokens]
    assert told.ended is not None and told.ended.reason is StopReason.MAX_TOKENS
    again = options(1, begun=told.begun)
    assert_the_same(listen(backend.reply(BANANA, again), told), whole)


@pytest.mark.parametrize("budget", [0, 1, 4, 30])
def test_a_reply_that_goes_on_has_only_the_rest_of_its_budget(open_backend: OpenBackend, budget: int) -> None:
    backend = open_backend()
    whole = listen(backend.reply(DRAGON, options(budget)))
    for tokens in range(1, len(whole.tokens) - 1):
        told = break_off(backend, DRAGON, options(budget), tokens=tokens, is_late=True)
        listen(backend.reply(DRAGON, options(budget, max_tokens=60 - tokens, begun=told.begun)), told)
        assert_the_same(told, whole)


@pytest.mark.parametrize(
    ("written", "rest"),
    [
        ("", WANTED),
        ("<|channel|>", "final<|message|>"),
        ("<|channel|>fi", "nal<|message|>"),
        ("<|channel|>final", "<|message|>"),
        ("<|channel|>analysis", f"<|message|>{NEXT}"),
        (THOUGHT, NEXT),
        (f"{THOUGHT}The user", NEXT),
        (f"{THOUGHT}The user<|end|>", f"<|start|>assistant{WANTED}"),
        (f"{THOUGHT}The user<|end|><|start|>", f"assistant{WANTED}"),
        (f"{THOUGHT}The user<|end|><|start|>assistant", WANTED),
        (f"{THOUGHT}The user<|end|><|start|>assistant<|channel|>", "final<|message|>"),
    ],
)
def test_a_budget_that_is_used_up_leads_from_anywhere_to_the_answer(
    open_backend: OpenBackend, spelling: Spelling, written: str, rest: str
) -> None:
    begun = Told(tokens=spelling.read(written))
    told = listen(open_backend().reply(BANANA, options(0, begun=begun.begun)))
    assert spelling.write(told).startswith(rest)
    assert told.answer
    assert told.reasoning in written


@pytest.mark.parametrize(
    "written",
    [
        "<|channel|>commentary to=functions",
        "<|channel|>commentary to=functions.get_weather",
        '<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city',
    ],
)
def test_a_call_that_is_being_written_is_not_broken(
    open_backend: OpenBackend, spelling: Spelling, written: str
) -> None:
    messages = [user_message("What is the weather in Lisbon?")]
    thought = f"{THOUGHT}I need the weather in Lisbon.<|end|><|start|>assistant"
    begun = Told(tokens=spelling.read(thought + written))
    told = listen(open_backend().reply(messages, options(1, begun=begun.begun, tools=(WEATHER,))))
    assert [(ended.call.name, ended.call.arguments) for ended in told.calls] == [("get_weather", '{"city":"Lisbon"}')]


def test_a_character_of_the_reasoning_is_not_split(open_backend: OpenBackend) -> None:
    backend = open_backend()
    messages = [user_message("Say the word 🚀.")]
    free = listen(backend.reply(messages, options(None)))
    assert "🚀" in free.reasoning
    for budget in range(1, 14):
        told = listen(backend.reply(messages, options(budget)))
        assert "\ufffd" not in told.reasoning
        assert free.reasoning.startswith(told.reasoning)
        assert told.ended is not None and free.ended is not None
        thought, most = told.ended.usage.reasoning_tokens, free.ended.usage.reasoning_tokens
        assert min(budget, most) <= thought <= budget + 3


def test_forced_tokens_are_known_to_the_repeat_penalty_and_to_the_cache(open_backend: OpenBackend) -> None:
    sampling = SamplingOptions(max_tokens=40, repeat_penalty=2.0)
    asked = ReplyOptions("2026-11-23", sampling, goes_on=True, reasoning_budget=3)
    backend = open_backend()
    whole = listen(backend.reply(DRAGON, asked))
    at = len(whole.tokens) - 20
    begun = BegunReply(Told(tokens=whole.tokens[:at]).begun.message, tuple(whole.tokens[:at]))
    rest = SamplingOptions(max_tokens=20, repeat_penalty=2.0)
    cold = listen(open_backend().reply(DRAGON, ReplyOptions("2026-11-23", rest, begun=begun)))
    assert cold.tokens == whole.tokens[at:]


THINKING = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}{# </think> #}"
)


def thinking(engine: LlamaEngine) -> TemplateFormat:
    return TemplateFormat(engine.model.vocabulary, THINKING)


@pytest.mark.parametrize("budget", [0, 1, 6])
def test_a_model_with_thinking_tags_has_its_reasoning_closed(
    open_backend: OpenBackend, smollm2: Path, budget: int
) -> None:
    backend = open_backend(smollm2, write=thinking)
    messages = [user_message("Name a colour.")]
    told = listen(backend.reply(messages, options(budget, max_tokens=30)))
    closing = Spelling(smollm2).read("\n</think>\n\n")
    assert told.tokens[budget : budget + len(closing)] == closing
    thought = "".join(Spelling(smollm2).write(Told(told.tokens[:budget])))
    assert (told.reasoning.strip(), told.answer != "") == (thought.strip(), True)


def test_a_model_without_reasoning_is_left_alone(open_backend: OpenBackend, smollm2: Path) -> None:
    backend = open_backend(smollm2)
    messages = [user_message("Name a colour.")]
    free, bound = (listen(backend.reply(messages, options(budget, max_tokens=12))) for budget in (None, 0))
    assert_the_same(bound, free)
    assert bound.ended is not None and bound.ended.usage.reasoning_tokens == 0
