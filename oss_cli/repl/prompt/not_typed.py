"""What stands at the prompt in the open though nobody typed it there: pastes of earlier messages, text of another chat.

In such text `@path` means no file, and a `/` at its beginning no command. Long pastes that are folded are not its
business: they are one letter, and nobody can mistake what is in them. Knows no keys.
"""

from oss_cli.attachments import without_mentions_of


class NotTyped:
    """Such parts of the message at the prompt, and of those sent before."""

    def __init__(self) -> None:
        self.here: tuple[str, ...] = ()
        """Of the message at the prompt."""
        self._known: dict[str, tuple[str, ...]] = {}

    def begin(self, parts: tuple[str, ...]) -> None:
        """Another message is at the prompt."""
        self.here = parts

    def add(self, part: str) -> None:
        """Something of this message comes from elsewhere."""
        self.here += (part,)

    def know(self, message: str, parts: tuple[str, ...]) -> None:
        """Parts of a message that was sent, for the time when the history brings it back."""
        if parts:
            self._known[message] = parts

    def look_at(self, text: str) -> None:
        """Notice when the text at the prompt is a message that was sent before."""
        self.here += tuple(part for part in self._known.get(text, ()) if part not in self.here)

    def by_hand(self, text: str) -> str:
        """The text without the mentions that came with a part of it."""
        return without_mentions_of(text, self.here) if self.here else text

    def begins(self, text: str) -> bool:
        """Whether the text begins with a word that a part begins with."""
        first = text.split(maxsplit=1)[:1]
        return bool(first) and any(part.split(maxsplit=1)[:1] == first for part in self.here)
