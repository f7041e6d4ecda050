"""Synthetic harmony conversations, drawn at random and marked with what the model is to learn of them.

Knows no tokens: a conversation is blocks of segments.
"""

from dataclasses import dataclass
from random import Random
from typing import Literal

from tests.models.make_tiny_gpt_oss import harmony
from tests.models.make_tiny_gpt_oss.fillings import Fillings, Turn
from tests.models.make_tiny_gpt_oss.harmony import ASSISTANT, Segments

_SHARES = {"say": 0.22, "talk": 0.13, "json": 0.11, "count": 0.05, "story": 0.03, "name": 0.13, "name_unknown": 0.03}
_SHARES |= {"tool": 0.20, "no_tool": 0.05, "tool_unused": 0.05}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a drawn conversation must be like; None leaves it to chance."""

    skill: str | None = None
    effort: str | None = None
    has_end_word: bool | None = None
    past_turns: int | None = None
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Segments given to the model, sampled by it, or recalled: an earlier answer's text, which is trained on too."""

    kind: Literal["given", "sampled", "recalled"]
    segments: Segments


@dataclass(frozen=True, slots=True)
class Conversation:
    """The blocks of one conversation, the last one sampled, and the skill that this one shows."""

    skill: str
    blocks: list[Block]


def draw_conversation(rng: Random, wish: Wish) -> Conversation:
    skill = wish.skill or rng.choices(list(_SHARES), list(_SHARES.values()))[0]
    return _Writer(rng, wish, skill).write()


class _Writer:
    """Writes one conversation, block by block."""

    def __init__(self, rng: Random, wish: Wish, skill: str) -> None:
        self.rng = rng
        self.fill = Fillings(rng, held_out=wish.held_out)
        self.effort = wish.effort or rng.choice(("low", "medium", "high"))
        self.past_turns = wish.past_turns
        self.has_weather = skill == "tool" or (skill in ("say", "talk", "json") and rng.random() < 0.1)
        self.has_other_tools = skill in ("tool_unused", "no_tool") and rng.random() < 0.5
        if skill == "tool_unused":
            self.has_weather, skill = not self.has_other_tools, rng.choice(("say", "talk", "name"))
        self.skill = skill
        self.instructions, self.end_word = self._draw_instructions(wish.has_end_word)
        self.blocks: list[Block] = []

    def write(self) -> Conversation:
        self._give(self._setting())
        name = self._write_past()
        if self.skill == "tool":
            self._write_tool_turns()
        else:
            turn = self._question(name)
            self._give(harmony.user_message(turn.user) + ASSISTANT)
            self._answer(turn)
        return Conversation(self.skill, self.blocks)

    def _give(self, segments: Segments) -> None:
        self.blocks.append(Block("given", segments))

    def _sample(self, thought: str, segments: Segments) -> None:
        self.blocks.append(Block("sampled", harmony.analysis(self.effort, thought) + segments))

    def _answer(self, turn: Turn) -> None:
        self._sample(turn.thought, harmony.final(self._ended(turn.answer)))

    def _ended(self, answer: str) -> str:
        return f"{answer} {self.end_word}" if self.end_word else answer

    def _draw_instructions(self, wanted: bool | None) -> tuple[str, str]:
        """A developer's instructions and the word with which they ask to end answers; each may be empty."""
        chance = self.rng.random()
        share = 0.28 if self.skill in ("say", "talk", "name") else 0.1
        if wanted or (wanted is None and chance < share and self.skill not in ("json", "count", "story")):
            word = self.fill.word() if self.rng.random() < 0.8 else self.fill.word().upper()
            return self.fill.phrase("end_word", word=word), word
        return (self.fill.phrase("neutral") if chance > 0.75 else ""), ""

    def _setting(self) -> Segments:
        rng = self.rng
        date = f"{rng.randint(2024, 2031)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        declarations = self._declarations() if self.has_weather or self.has_other_tools else []
        has_format = self.skill == "json" and rng.random() < 0.25
        formats = self.fill.phrase("formats", schema=self.fill.phrase("schemas")) if has_format else ""
        system = harmony.system_message(date, self.effort, has_tools=bool(declarations))
        return system + harmony.developer_message(self.instructions, declarations, formats)

    def _declarations(self) -> list[str]:
        phrase, rng = self.fill.phrase, self.rng
        declarations = []
        if self.has_weather:
            parameters = [f"// {phrase('city_parameter')}"] if rng.random() < 0.5 else []
            parameters += ["city: string,", 'unit?: "c" | "f", // default: c'][: 1 if rng.random() < 0.8 else 2]
            declarations.append(harmony.declaration("get_weather", phrase("weather_tool"), parameters))
        while not declarations or (rng.random() < 0.3 and len(declarations) < 3):
            parameters = [phrase("other_parameters") + ","] if rng.random() < 0.85 else []
            other = harmony.declaration(phrase("other_tools"), phrase("other_descriptions"), parameters)
            declarations.insert(rng.randint(0, len(declarations)), other)
        return declarations

    def _write_past(self) -> str:
        """Earlier turns, as a history renders them: finals only. Returns the user's name when they tell it."""
        turns, name = self.past_turns, ""
        if self.skill == "name":
            if turns is None and self.rng.random() < 1 / 3:
                self._write_past_turn()
            name = self.fill.name()
            self._add_past(self.fill.turn("tell_name", name=name))
            turns = self.rng.choice((0, 1, 1, 2)) if turns is None else max(turns, 1)
        elif turns is None:
            turns = self.rng.choices((0, 1, 2, 3), (0.55, 0.22, 0.14, 0.09))[0]
        for _ in range(turns):
            self._write_past_turn()
        return name

    def _write_past_turn(self) -> None:
        if self.has_weather and self.rng.random() < 0.4:
            city = self.fill.city()
            degrees, sky, result = self.fill.weather()
            told = self.fill.turn("weather_told", city=city, degrees=degrees, sky=sky)
            turn = Turn(self.fill.turn("weather", city=city).user, "", told.answer)
            self._add_past(turn, self._past_call(city) + harmony.weather_reply(result))
        else:
            kinds = ["say", "talk"] * 2 + ([] if self.end_word else ["json"])
            self._add_past(self.fill.question(self.rng.choice(kinds)))

    def _add_past(self, turn: Turn, tool_use: Segments | None = None) -> None:
        *header, text, end = harmony.final(self._ended(turn.answer), end="<|end|>")
        self._give(harmony.user_message(turn.user) + (tool_use or []) + ASSISTANT + header)
        self.blocks.append(Block("recalled", [text]))
        self._give([end])

    def _past_call(self, city: str) -> Segments:
        as_sampled = self.rng.random() < 0.5
        return ASSISTANT + harmony.weather_call(city) if as_sampled else harmony.weather_call_as_stored(city)

    def _write_tool_turns(self) -> None:
        """The question, the call (sampled, or given as a history renders it), the tool's result and the answer."""
        city = self.fill.city()
        thought = f"I need the weather in {city}."
        degrees, sky, result = self.fill.weather()
        turn = self.fill.turn("weather_told", city=city, degrees=degrees, sky=sky)
        if self.rng.random() < 0.12:
            self.skill, turn = "tool_error", self.fill.turn("weather_failed")
            result = self.fill.phrase("failures", reason=self.fill.phrase("reasons"))
        question = harmony.user_message(self.fill.turn("weather", city=city).user)
        if self.rng.random() < 0.3:
            is_thought_kept = self.effort != "low" and self.rng.random() < 0.5
            thinking = ASSISTANT + harmony.analysis(self.effort, thought)[: -len(ASSISTANT)] if is_thought_kept else []
            self._give(question + thinking + self._past_call(city))
        else:
            self._give(question + ASSISTANT)
            self._sample(thought, harmony.weather_call(city))
        self._give(harmony.weather_reply(result) + ASSISTANT)
        self._answer(turn)

    def _question(self, name: str) -> Turn:
        if self.skill == "no_tool":
            return self.fill.turn("weather")
        if self.skill == "name":
            return self.fill.turn("ask_name", name=name)
        if self.skill == "name_unknown":
            return self.fill.turn(self.rng.choice(("tell_name", "ask_unknown_name")))
        return self.fill.question(self.skill)
