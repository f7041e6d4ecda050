"""An engine without a model: its tokens are given, and it records what it was asked."""

from collections import deque
from collections.abc import Generator, Sequence

from oss_cli.engine.base import Ended, EndReason, EngineEvent, GenerationRequest, Prefilled, Sampled


class NoTokens:
    """The vocabulary of a model that has none."""

    size = 0

    def piece(self, token: int) -> bytes:
        """It has no bytes."""
        return b""

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        """None."""
        return []

    def pieces(self) -> list[bytes]:
        """None."""
        return []

    def is_special(self, token: int) -> bool:
        """It is not."""
        return False

    def is_end(self, token: int) -> bool:
        """It is not."""
        return False

    def end_tokens(self) -> list[int]:
        """None."""
        return []


class ScriptedEngine:
    """An Engine that samples the same tokens each time, forced ones in between, and then ends for the reason given.

    Half of a prompt was evaluated before; a prompt takes half a second, and a token a tenth.
    """

    vocabulary_tokens = 100
    tokens = NoTokens()
    trained_tokens = 8192
    context_tokens = 4096
    most_tokens = 8192

    def __init__(self, tokens: Sequence[int] = (), reason: EndReason = EndReason.END_TOKEN) -> None:
        self._tokens = tokens
        self._reason = reason
        self.requests: list[GenerationRequest] = []
        self.sampled: list[int] = []
        """Tokens of the last generation, as far as it went."""
        self.stopped_early = 0
        """How many generations were closed before their end."""
        self.closed = 0

    def generate(self, request: GenerationRequest) -> Generator[EngineEvent, None, None]:
        """Events of one generation."""
        self.requests.append(request)
        self.sampled = []
        total = len(request.prompt)
        try:
            yield Prefilled(0, total)
            yield Prefilled(total, total)
            reason = self._reason
            coming = deque([*request.forced, *self._tokens])
            while coming:
                token = coming.popleft()
                self.sampled.append(token)
                decision = request.on_token(token)
                yield Sampled(token)
                if decision.stops:
                    reason = EndReason.ON_TOKEN
                    break
                coming.extendleft(reversed(decision.forced))
            count = len(self.sampled)
            yield Ended(reason, total // 2, count, self.context_tokens, 0.5, max(0, count - 1) / 10)
        except GeneratorExit:
            self.stopped_early += 1
            raise

    def close(self) -> None:
        """Count it."""
        self.closed += 1
