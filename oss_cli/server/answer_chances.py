"""Which chances belong to the content of an answer, in OpenAI's form. Knows nothing of requests.

A reply has more tokens than its content: markup and reasoning. Those of the content are found by their bytes.
"""

from collections.abc import Iterable, Sequence

from oss_cli.conversation.events import TokenChance


class AnswerChances:
    """Takes the chances of all tokens as they come, and gives those of each piece of content."""

    def __init__(self) -> None:
        self._pending: list[TokenChance] = []

    def add(self, chances: Iterable[TokenChance]) -> None:
        """Tokens that have come."""
        self._pending += chances

    def skip(self) -> None:
        """What has come was no content."""
        self._pending.clear()

    def of(self, text: str) -> Sequence[TokenChance]:
        """The chances of the tokens that make a piece of content."""
        data = text.encode("utf-8", "surrogatepass")
        while self._pending and not self._begins(data):
            del self._pending[0]
        length, count = 0, 0
        while count < len(self._pending) and length < len(data):
            length += len(self._pending[count].piece)
            count += 1
        taken, self._pending = self._pending[:count], self._pending[count:]
        return taken

    def _begins(self, data: bytes) -> bool:
        """Whether the content begins with the first token that is pending."""
        whole = b"".join(one.piece for one in self._pending)
        return bool(self._pending[0].piece) and (whole.startswith(data) or data.startswith(whole))


def chance_to_json(chance: TokenChance) -> dict[str, object]:
    """A token of a chat's answer."""
    likeliest = [_token_to_json(piece, logprob) for piece, logprob in chance.likeliest]
    return {**_token_to_json(chance.piece, chance.logprob), "top_logprobs": likeliest}


def _token_to_json(piece: bytes, logprob: float) -> dict[str, object]:
    return {"token": piece.decode("utf-8", "replace"), "bytes": list(piece), "logprob": logprob}
