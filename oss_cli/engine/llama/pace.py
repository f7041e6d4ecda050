"""How many tokens to guess: what pays, by what steps cost here and how often guesses come true. Pure arithmetic.

A step that evaluates n tokens takes longer than one of a single token: hardly so on a GPU, twice as long for four of
them on two cores. It brings one token more than there were right guesses. Both are measured from the steps themselves.
"""

from collections import deque

_HOPED_SLOPE = 0.3
"""What each further token of a step is taken to cost, in steps of one token, before it is measured."""
_LEAST_GAIN = 1.05
"""Less than this promises nothing: figures are noisy."""
_MEMORY = 0.9
"""What is left of what was known of guesses, after another one: about the last ten count."""
_NEXT_TO_NOTHING = 0.01
_FIRST_PAUSE, _LONGEST_PAUSE = 64, 1024


class Chance:
    """How often the next token of a kind of guess is right."""

    def __init__(self, share: float) -> None:
        """share: before anything is known."""
        self._right, self._wrong = 4 * share, 4 * (1 - share)

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return (self._right + 0.1) / (self._right + self._wrong + 0.2)

    def note(self, right: int, guessed: int) -> None:
        """So many tokens of a guess were right, up to the first wrong one."""
        self._right = self._right * _MEMORY + right
        self._wrong = self._wrong * _MEMORY + (right < guessed)


class Usual:
    """What is usual of a few measurements, the lower middle one of the last: some are held up by other programs."""

    def __init__(self, *first: float) -> None:
        self._last = deque(first, maxlen=5)

    @property
    def value(self) -> float:
        """0: nothing was measured."""
        return sorted(self._last)[(len(self._last) - 1) // 2] if self._last else 0.0

    def note(self, value: float) -> None:
        """One more measurement."""
        self._last.append(value)


class Costs:
    """What steps of several tokens cost, in steps of one."""

    def __init__(self, slope: float = _HOPED_SLOPE) -> None:
        self._slope = slope
        self._measured: dict[int, Usual] = {}

    def of(self, tokens: int) -> float:
        """What a step of that many tokens costs; of a size that never came, by the nearest one that did."""
        if not self._measured:
            return self._hoped(tokens)
        known = self._measured.get(tokens)
        if known is not None:
            return known.value
        nearest = min(self._measured, key=lambda size: abs(size - tokens))
        return 1 + (self._measured[nearest].value - 1) / (nearest - 1) * (tokens - 1)

    def note(self, tokens: int, cost: float) -> None:
        """A step of several tokens took so long. One measurement alone does not outweigh what was hoped for."""
        self._measured.setdefault(tokens, Usual(self._hoped(tokens))).note(max(1.0, cost))

    def _hoped(self, tokens: int) -> float:
        return 1 + self._slope * (tokens - 1)


class Pace:
    """When to guess, and how much, for one way of guessing."""

    def __init__(self, slope: float = _HOPED_SLOPE, *, is_free: bool = False) -> None:
        """is_free: guess as much as can be, whether or not it pays."""
        self._is_free = is_free
        self._hoped = Costs(slope)
        self._costs = Costs(slope)
        self._idle_steps = 0
        self._pause = 0

    def length(self, share: float, most: int) -> tuple[int, float]:
        """How many tokens to guess, and how many times as fast that would be; 0 where it would not pay.

        share: how often such a token is right. What does not pay by what was measured is tried again after a while.
        """
        if self._is_free:
            return most, 1.0 + share * most
        length, gain = _best(share, most, self._costs)
        if length:
            self._pause = _FIRST_PAUSE
            return length, gain
        self._idle_steps += 1
        if self._idle_steps < self._pause:
            return 0, 1.0
        length, gain = _best(share, most, self._hoped)
        if length:
            self._idle_steps = 0
            self._pause = min(_LONGEST_PAUSE, 2 * max(self._pause, _FIRST_PAUSE // 2))
        return length, gain

    def note(self, tokens: int, cost: float) -> None:
        """A step of several tokens has cost so many steps of one."""
        self._costs.note(tokens, cost)


def _best(share: float, most: int, costs: Costs) -> tuple[int, float]:
    """The length that promises most tokens a second, and how many times as many; 0 where none promises enough."""
    best, best_gain = 0, _LEAST_GAIN
    expected = power = 1.0
    for length in range(1, most + 1):
        power *= share
        if power < _NEXT_TO_NOTHING:
            break
        expected += power
        gain = expected / costs.of(length + 1)
        if gain > best_gain:
            best, best_gain = length, gain
    return best, best_gain if best else 1.0
