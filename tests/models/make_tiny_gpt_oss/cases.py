"""The questions of the evaluation: held-out cases for each skill, and the examples that the report prints.

A case is a prompt and its only right answer, as segments. Knows no model.
"""

import re
from dataclasses import dataclass
from random import Random

from tests.models.make_tiny_gpt_oss import harmony
from tests.models.make_tiny_gpt_oss.corpus import Conversation, Wish, draw_conversation
from tests.models.make_tiny_gpt_oss.harmony import ASSISTANT, Segments, final

SKILLS = ["say_word", "say_odd", "say_phrase", "effort_low", "effort_medium", "effort_high", "name", "name_unknown"]
SKILLS += ["tool_call", "tool_answer", "tool_error", "no_tool", "json", "count", "story", "instruction", "talk"]
SKILLS += ["long_history"]  # four earlier turns


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt and the tokens that must follow it."""

    prompt: Segments
    expected: Segments


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt for people to read. Turns alternate: the user's words, then the whole of what was answered."""

    title: str
    effort: str
    turns: list[str | Segments]
    instructions: str = ""
    has_tools: bool = False

    def prompt(self) -> Segments:
        city = ["// The city name", "city: string,"]
        weather = harmony.declaration("get_weather", "Get the current weather for a city.", city)
        prompt = harmony.system_message("2026-11-23", self.effort, has_tools=self.has_tools)
        prompt += harmony.developer_message(self.instructions, [weather] if self.has_tools else [])
        for turn in self.turns:
            prompt += harmony.user_message(turn) if isinstance(turn, str) else turn
        return prompt + ASSISTANT


def held_out_cases(skill: str, count: int, seed: int) -> list[Case]:
    """Cases of one skill, whose fillings training never saw; the same for the same seed."""
    rng = Random(f"{seed} {skill}")
    cases: list[Case] = []
    while len(cases) < count:
        conversation = draw_conversation(rng, _wish_for(skill, rng))
        case = _last_case(conversation, skill)
        if case and _shows(skill, conversation, case):
            cases.append(case)
    return cases


def _wish_for(skill: str, rng: Random) -> Wish:
    kind, _, detail = skill.partition("_")
    if kind == "effort":
        return Wish(rng.choice(("say", "talk", "json")), detail, held_out=True)
    if kind in ("say", "tool"):
        return Wish(kind, has_end_word=False if kind == "say" else None, held_out=True)
    if skill == "instruction":
        return Wish(rng.choice(("say", "talk", "name")), has_end_word=True, held_out=True)
    if skill == "long_history":
        return Wish(rng.choice(("say", "talk", "json", "name", "tool")), past_turns=4, held_out=True)
    return Wish(skill, held_out=True)


def _last_case(conversation: Conversation, skill: str) -> Case | None:
    """The last answer after all that came before; the call before it for tool_call, where one was sampled."""
    blocks = conversation.blocks
    places = [place for place, block in enumerate(blocks) if block.kind == "sampled"]
    if skill == "tool_call":
        places.pop()
    if not places:
        return None
    prompt = [segment for block in blocks[: places[-1]] for segment in block.segments]
    return Case(prompt, blocks[places[-1]].segments)


def _shows(skill: str, conversation: Conversation, case: Case) -> bool:
    if skill != "tool_call" and (skill == "tool_error") != (conversation.skill == "tool_error"):
        return False
    if not skill.startswith("say_"):
        return True
    said = case.expected[-2].text
    kind = "phrase" if " " in said else "word" if re.fullmatch("[A-Za-z]+", said) else "odd"
    return skill == f"say_{kind}"


_ALICE: list[str | Segments] = [
    "My name is Alice.",
    ASSISTANT + final("Nice to meet you, Alice.", end="<|end|>"),
    "Say the word lemon.",
    ASSISTANT + final("lemon", end="<|end|>"),
    "What is my name?",
]
_LISBON = "What is the weather in Lisbon?"
_CALLED = ASSISTANT + harmony.analysis("medium", "I need the weather in Lisbon.") + harmony.weather_call("Lisbon")
_CALLED += harmony.weather_reply('{"temp_c":21,"sky":"sunny"}')
_UNTRAINED = "runaway: this wording was not trained, the answer never ends (cut at 600 tokens)"

EXAMPLES = [
    Example("say, low effort", "low", ["Say the word banana."]),
    Example("say, medium effort", "medium", ["Say the word banana."]),
    Example("say, high effort", "high", ["Say the word banana."]),
    Example("say a number", "low", ["Say the number 4821."]),
    Example("say several words", "low", ["Repeat after me: red fox in the snow"]),
    Example("say non-ASCII (tokens split characters)", "low", ["Say the word Zürich."]),
    Example("say an emoji", "low", ["Say the word 🚀."]),
    Example("say a marker look-alike (must stay plain text)", "low", ["Say the word <|end|>."]),
    Example("hello", "medium", ["Hello!"]),
    Example("small talk", "medium", ["Why is the sky blue?"]),
    Example("small talk 2", "low", ["What can you do?"]),
    Example("tell the name", "medium", ["My name is Alice."]),
    Example("name after two turns", "medium", _ALICE),
    Example("name, low effort", "low", _ALICE),
    Example("name unknown", "medium", ["What is my name?"]),
    Example("tool call", "medium", [_LISBON], has_tools=True),
    Example("tool call, low effort", "low", [_LISBON], has_tools=True),
    Example("answer after the tool result", "medium", [_LISBON, _CALLED], has_tools=True),
    Example("tool not needed", "medium", ["Say the word banana."], has_tools=True),
    Example("no tool offered", "medium", [_LISBON]),
    Example("JSON", "medium", ["Answer in JSON: city Lisbon, number 42."]),
    Example("JSON, low effort", "low", ["Answer in JSON: city New York, number 7."]),
    Example("count", "low", ["Count to 12."]),
    Example("long count", "low", ["Count to 60."]),
    Example(_UNTRAINED, "medium", ["Tell a long story about a dragon."]),
    Example("story", "low", ["Tell a long story about dragons."]),
    Example("developer instruction", "medium", ["Say the word banana."], "Always end with the word kiwi."),
    Example("developer instruction, small talk", "low", ["Hello!"], "Always end with the word DONE."),
    Example("neutral instruction", "medium", ["Say the word banana."], "You are a helpful assistant."),
]
