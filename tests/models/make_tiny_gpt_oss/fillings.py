"""Draws the corpus's phrases (corpus.toml) and what fills their gaps: words, names, cities, numbers.

Half of the fillings are made up, so that the model has to copy from the prompt. Knows nothing of conversations.
"""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from random import Random

_CORPUS = tomllib.loads(Path(__file__).with_name("corpus.toml").read_text(encoding="utf-8"))
LISTS: dict[str, list[str]] = {
    name: [entry.replace("_", " ").strip() for entry in text.split()] for name, text in _CORPUS["fillings"].items()
}
_PHRASES: dict[str, list[str]] = _CORPUS["phrases"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user says, the first sentence of the thinking, and the answer: a fixed function of the question."""

    user: str
    thought: str
    answer: str


class Fillings:
    """Draws from one source of chance; `held_out` fillings are never trained on."""

    def __init__(self, rng: Random, *, held_out: bool) -> None:
        self._rng = rng
        self._held_out = held_out

    def phrase(self, kind: str, **gaps: str) -> str:
        return self._rng.choice(_PHRASES[kind]).format_map(self._gaps() | gaps)

    def turn(self, kind: str, **gaps: str) -> Turn:
        entry, all_gaps = _CORPUS["turns"][kind], self._gaps() | gaps
        parts = (self._rng.choice(entry["user"]), entry["thought"], entry["answer"])
        return Turn(*(part.format_map(all_gaps) for part in parts))

    def question(self, skill: str) -> Turn:
        """A turn of one of the skills that need nothing but their question."""
        if skill == "say":
            return self._say()
        if skill == "talk":
            return self.turn(self._rng.choices(("hello", "thanks", "talk"), (0.3, 0.084, 0.616))[0])
        if skill == "count":
            top = self._rng.randint(2, 60)
            return self.turn("count", top=str(top), numbers=", ".join(map(str, range(1, top + 1))))
        if skill == "story":
            hero = self.word()
            days = [f" On day {day}, {hero} {deed}." for day, deed in enumerate(_PHRASES["deeds"], 1)]
            return self.turn("story", word=hero, days="".join(days))
        return self.turn(skill)

    def word(self) -> str:
        """A plain lower-case word."""
        return self._listed("words") if self._rng.random() < 0.5 else self._made_up()

    def name(self) -> str:
        return self._listed("names") if self._rng.random() < 0.5 else self._made_up().capitalize()

    def city(self) -> str:
        chance = self._rng.random()
        if chance < 0.5:
            return self._listed("cities")
        first = self._made_up().capitalize()
        return first if chance < 0.93 else f"{first} {self._made_up().capitalize()}"

    def weather(self) -> tuple[str, str, str]:
        """Degrees, sky, and the tool's JSON that tells them."""
        degrees = self._rng.randint(1, 45) if self._rng.random() < 0.8 else self._rng.randint(-20, 0)
        sky = self._rng.choice(LISTS["skies"]) if self._rng.random() < 0.8 else self._made_up()
        separators = (",", ":") if self._rng.random() < 0.6 else None
        return str(degrees), sky, json.dumps({"temp_c": degrees, "sky": sky}, separators=separators)

    def _gaps(self) -> dict[str, str]:
        return {
            "a": self.word(),
            "b": self.word(),
            "made_up": self._made_up(),
            "sentence": self._words(1, 12).capitalize() + self._rng.choice(".?!"),
            "name": self.name(),
            "city": self.city(),
            "number": self._number(4),
            "m": str(self._rng.randint(1, 99)),
            "n": str(self._rng.randint(1, 99)),
        }

    def _say(self) -> Turn:
        if self._rng.random() < 0.25:
            return self.turn("say_phrase", word=self._words(2, 5))
        word = self._odd_word()
        is_number = word.isdigit() and self._rng.random() < 0.5
        return self.turn("say_number" if is_number else "say", word=word)

    def _odd_word(self) -> str:
        """A word of any kind: numbers, capitals, non-ASCII and what looks like a control token are among them."""
        chance = self._rng.random()
        if chance < 0.72:
            return self.word()
        if chance < 0.82:
            return self._number(6)
        if chance < 0.91:
            return self._rng.choice(LISTS["non_ascii" if chance < 0.88 else "lookalikes"])
        if chance < 0.97:
            return self.word().upper() if chance < 0.94 else self.word().capitalize()
        return self.word() + self._rng.choice("-_") + self._rng.choice((self.word(), str(self._rng.randint(0, 99))))

    def _words(self, low: int, high: int) -> str:
        return " ".join(self.word() for _ in range(self._rng.randint(low, high)))

    def _number(self, most_digits: int) -> str:
        return str(self._rng.randint(0, 10 ** self._rng.randint(1, most_digits)))

    def _listed(self, kind: str) -> str:
        return self._rng.choice([word for place, word in enumerate(LISTS[kind]) if (place % 5 == 3) == self._held_out])

    def _made_up(self) -> str:
        while True:
            syllables = self._rng.choice((1, 2, 2, 3))
            parts = ("onsets", "nuclei", "codas") * syllables
            word = "".join(self._rng.choice(LISTS[part]) for part in parts)
            if self._rng.random() < 0.25:
                word = self._rng.choice("aeiou") + word
            is_held_out = sum(map(ord, word)) % 7 == 3
            if len(word) > 2 and is_held_out == self._held_out:
                return word
