"""How long to be patient with a server that is busy or cannot be reached. Knows no requests; waits nowhere itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to try again, and after how long."""

    tries: int
    """At most so many requests for one reply."""
    longest_wait_s: float
    """Whoever asks for a longer wait is not waited for."""
    first_wait_s: float = 0.5
    reconnects: int = 1
    """How often to try again where nobody answered at all."""

    def wait_s(self, tried: int, asked_s: float | None) -> float | None:
        """How long to wait after so many requests have failed; None: give up.

        asked_s: how long the server asks to be left alone; None: it does not say, and waits grow twofold.
        """
        if tried >= self.tries:
            return None
        if asked_s is not None:
            return asked_s if asked_s <= self.longest_wait_s else None
        return float(min(self.longest_wait_s, self.first_wait_s * 2 ** (tried - 1)))


PATIENCE = Patience(tries=4, longest_wait_s=30)
"""For somebody who waits: 3.5 seconds in all, unless the server asks for more; half a second where nobody is."""
BATCH_PATIENCE = Patience(tries=12, longest_wait_s=60, reconnects=11)
"""For a batch, which nobody watches: 7 minutes."""
