"""Guessing the next tokens of a reply, so that one step evaluates several. Knows nothing of contexts and samplers.

A guess never changes what is sampled: the scheduler samples at each guessed position with the reply's own sampler, in
order, and goes on only while that gives the guessed token. So the random numbers are those of a reply without guesses.

Guesses come from the text (`lookup`) or from a smaller model (`draft_model`), whichever promises more. What the text
would have told is compared with what came even while no guess is made: it costs nothing, and says when guessing pays.
"""

from typing import Protocol

from oss_cli.engine.llama.lookup import PromptLookup, what_followed
from oss_cli.engine.llama.pace import Chance, Pace, Usual

MOST_GUESSED = 16
"""Most tokens that are guessed for one step. Each needs a row of logits."""
_TEXT_SHARES = (0.8, 0.6, 0.3)
"""How often the token after a match is right, by its rank, before anything is known."""
_MODEL_SHARE = 0.7
_MODEL_SLOPE = 0.5
"""As the text's, and the small model's own work besides."""


class Drafter(Protocol):
    """A model that goes on with a text quickly."""

    def guess(self, tokens: list[int], most: int) -> list[int]:
        """What it would say next, at most so many tokens; may be fewer, or none."""

    def is_behind(self, tokens: list[int]) -> bool:
        """Whether it has much to read before it can guess: the time of that says nothing of guessing."""


class Habits:
    """What was learned of guessing with one model on this machine; it outlives replies."""

    def __init__(self, drafter: Drafter | None = None, *, weighs: bool = True) -> None:
        """weighs: guess only where it pays; else wherever anything can be guessed."""
        self.drafter = drafter
        self.text_chances = tuple(Chance(share) for share in _TEXT_SHARES)
        self.model_chance = Chance(_MODEL_SHARE)
        self.text_pace = Pace(is_free=not weighs)
        self.model_pace = Pace(_MODEL_SLOPE, is_free=not weighs)
        self.step_s = Usual()
        """What a step of one token takes."""


class Speculation:
    """The guesses of one reply."""

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._lookup = PromptLookup()
        self._shadow: tuple[int, int, int] | None = None
        self._rank: int | None = None
        self._is_timed = True
        self.drafted_tokens = 0
        self.accepted_tokens = 0

    def guess(self, tokens: list[int], most: int) -> list[int]:
        """What may come after these tokens, at most so many; nothing where guessing would not pay.

        tokens: those of the last call, and more.
        """
        habits = self._habits
        self._check_shadow(tokens)
        self._rank, self._is_timed = None, True
        if not habits.step_s.value:  # nothing to compare with
            return []
        match = self._lookup.find(tokens)
        length, gain = 0, 1.0
        if match is not None:
            length, gain = habits.text_pace.length(habits.text_chances[match.rank].share, most)
        if habits.drafter is not None:
            model_length, model_gain = habits.model_pace.length(habits.model_chance.share, most)
            if model_length and model_gain > gain:
                self._is_timed = not habits.drafter.is_behind(tokens)
                return habits.drafter.guess(tokens, model_length)
        if match is None:
            return []
        if not length:
            if self._shadow is None:
                self._shadow = match.rank, match.place, len(tokens)
            return []
        self._shadow = None
        self._rank = match.rank
        return what_followed(tokens, match.place, length)

    def note_right(self, right: int, guessed: int) -> None:
        """So many tokens of the last guess were right; `guessed` is 0 where there was none."""
        if not guessed:
            return
        chance = self._habits.model_chance if self._rank is None else self._habits.text_chances[self._rank]
        chance.note(right, guessed)
        self.drafted_tokens += guessed
        self.accepted_tokens += right

    def note_step(self, seconds: float, guessed: int) -> None:
        """The step that evaluated the last guess, or one token without any, took so long, the guessing included."""
        habits = self._habits
        if not self._is_timed:
            return
        if not guessed:
            habits.step_s.note(seconds)
        else:
            pace = habits.model_pace if self._rank is None else habits.text_pace
            pace.note(1 + guessed, seconds / habits.step_s.value)

    def _check_shadow(self, tokens: list[int]) -> None:
        """Whether what would have been guessed a while ago has come true."""
        if self._shadow is None:
            return
        rank, place, start = self._shadow
        came = len(tokens) - start
        right = 0
        while right < min(came, MOST_GUESSED) and tokens[place + right] == tokens[start + right]:
            right += 1
        if right < min(came, MOST_GUESSED):
            self._habits.text_chances[rank].note(right, right + 1)
        elif came >= MOST_GUESSED:
            self._habits.text_chances[rank].note(right, right)
        else:
            return
        self._shadow = None
