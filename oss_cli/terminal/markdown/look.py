"""What marks and colours a terminal can show, and text made fit for it. Knows nothing of Markdown's structure."""

from dataclasses import dataclass

from oss_cli.terminal.console import Stream, fit_to_encoding
from oss_cli.terminal.sanitize import visible

BOLD, DIM, ITALIC, UNDERLINE, STRUCK = "1", "2", "3", "4", "9"


@dataclass(frozen=True, slots=True)
class Look:
    """How a reply looks on one terminal.

    Without colours (`NO_COLOR`) weights stay: in an answer they say what its marks said, and they are no colours.
    """

    has_colour: bool
    encoding: str = "utf-8"

    @property
    def bullet(self) -> str:
        """What an item of a list begins with."""
        return self.text("•")

    @property
    def bar(self) -> str:
        """What a line of a quotation begins with."""
        return self.text("│")

    @property
    def rule(self) -> str:
        """What lines are drawn with."""
        return self.text("─")

    def colour(self, code: str) -> str:
        """The code of a colour, where there are colours."""
        return code if self.has_colour else ""

    def text(self, text: str) -> str:
        """The text in characters that the terminal has and that cannot drive it; tabs are blanks."""
        return fit_to_encoding(visible(text), self.encoding).expandtabs(4)


def look_of(stream: Stream) -> Look:
    """What a stream's terminal can show."""
    return Look(has_colour=stream.has_colour, encoding=stream.encoding)
