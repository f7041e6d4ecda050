"""Long pastes, folded: in the buffer each is one letter, on the screen a label, and when it is sent the whole text.

Being one letter, a paste is deleted by one Backspace, cut, brought back by undo and kept while other messages of the
history are looked at, and no words that somebody types can be taken for one.
"""

from bisect import bisect_right
from itertools import accumulate, count

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.utils import explode_text_fragments

_FIRST_LETTER = 0x100000  # plane 16: for private use, and no font or keyboard has it
_MOST_CHARACTERS = 1000
_MOST_LINES = 20


class Pastes:
    """The long pastes of one chat."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def fold(self, text: str, buffer_text: str) -> str:
        """What goes into the buffer for a paste: itself, or a letter that stands for it.

        Args:
            text: what was pasted, with plain line feeds.
            buffer_text: what is in the buffer; a letter in there is never taken for a paste's.
        """
        is_long = len(text) > _MOST_CHARACTERS or text.count("\n") > _MOST_LINES
        if not is_long and not any(letter in self._texts for letter in text):
            return text
        letters = (chr(_FIRST_LETTER + number) for number in count(len(self._texts)))
        letter = next(one for one in letters if one not in buffer_text and one not in self._texts)
        self._texts[letter] = text
        return letter

    def unfold(self, text: str) -> str:
        """The whole text."""
        return "".join(self._texts.get(letter, letter) for letter in text) if self._are_in(text) else text

    def texts_in(self, text: str) -> tuple[str, ...]:
        """The pastes that stand in it, whole, in order."""
        return tuple(self._texts[letter] for letter in text if letter in self._texts)

    def fold_again(self, text: str, folded: str) -> tuple[str, tuple[str, ...]]:
        """A text that had pastes in it, with those folded that are still whole; and the others, which were changed.

        Args:
            text: changed by an editor, which may have taken a line feed from its end.
            folded: what it was before, as it was in the buffer.
        """
        rest, done, changed = text + "\n", "", []
        for letter in folded:
            paste = self._texts.get(letter)
            if paste is None:
                continue
            before, found, after = rest.partition(paste)
            if found:
                done, rest = done + before + letter, after
            else:
                changed.append(paste)
        return done + rest.removesuffix("\n"), tuple(changed)

    def leave_out(self, text: str) -> str:
        """What stands around the pastes."""
        return "".join(letter for letter in text if letter not in self._texts) if self._are_in(text) else text

    def label(self, letter: str) -> str | None:
        """What is shown for a letter that stands for a paste."""
        text = self._texts.get(letter)
        if text is None:
            return None
        lines = text.removesuffix("\n").count("\n") + 1
        return f"[pasted: {lines:,} line{'s' * (lines != 1)}, {len(text):,} characters]"

    def begins(self, text: str) -> bool:
        """Whether a paste stands at the beginning."""
        return text.lstrip()[:1] in self._texts

    def _are_in(self, text: str) -> bool:
        return any(letter in text for letter in self._texts)


class PasteLabels(Processor):
    """Shows a label for each letter that stands for a paste."""

    def __init__(self, pastes: Pastes) -> None:
        self._pastes = pastes

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """The line as it is shown, and where each of its letters is."""
        fragments = explode_text_fragments(transformation_input.fragments)
        labels = [self._pastes.label(fragment[1]) for fragment in fragments]
        if not any(labels):
            return Transformation(transformation_input.fragments)
        shown: StyleAndTextTuples = [
            (f"{fragment[0]} class:paste", label) if label else fragment
            for fragment, label in zip(fragments, labels, strict=True)
        ]
        # begins[n]: where the n-th letter is shown; one more for the place after the last.
        begins = list(accumulate((len(fragment[1]) for fragment in shown), initial=0))

        def to_display(at: int) -> int:
            return begins[at] if at < len(begins) else begins[-1] + at - len(begins) + 1

        def to_source(at: int) -> int:
            return bisect_right(begins, at) - 1 if at < begins[-1] else len(begins) - 1 + at - begins[-1]

        return Transformation(shown, source_to_display=to_display, display_to_source=to_source)
