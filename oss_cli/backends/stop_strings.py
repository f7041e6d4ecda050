"""Ends an answer before the first of some strings, though it comes in pieces. Knows nothing of tokens."""

from oss_cli.prompts.text_reader import length_of_beginning


class StopStrings:
    """Watches an answer as it grows; text that may be the beginning of a stop string is held back.

    Of several stop strings, the one that is complete first counts: so the pieces make no difference.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.has_stopped = False

    def feed(self, text: str) -> str:
        """What of the answer may be shown now; after a stop string nothing more comes."""
        if self.has_stopped or not self._stops:
            return "" if self.has_stopped else text
        text = self._held + text
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.has_stopped, self._held = True, ""
            _, start = min(found)
            return text[:start]
        kept = max(length_of_beginning(text, stop) for stop in self._stops)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def close(self) -> str:
        """What was held back and turned out to be no stop string."""
        held, self._held = self._held, ""
        return held
