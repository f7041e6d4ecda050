"""Reads replies that are plain text, with reasoning between tags such as <think> and </think>. Knows no template."""

import codecs

from oss_cli.conversation.events import ReasoningDelta, ReplyEvent, TextDelta
from oss_cli.prompts.base import Vocabulary

THINKING_TAGS: tuple[tuple[str, str], ...] = (("<think>", "</think>"), ("[THINK]", "[/THINK]"))
"""How reasoning models mark their thoughts: Qwen3, DeepSeek-R1, SmolLM3 and most others; Magistral."""


class TextReader:
    """A ReplyReader for text. Every piece is looked at once: the cost of a token does not grow with the reply."""

    def __init__(self, vocabulary: Vocabulary, *, tags: tuple[str, str] | None = None, thinks: bool = False) -> None:
        """tags: around reasoning at the start of the reply; thinks: the prompt has opened the reasoning already."""
        self.is_done = False
        self.reasoning_tokens = 0
        """How many of the tokens so far stood between the tags: one counts once it is known to be no part of a tag."""
        self._vocabulary = vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tags = tags
        # In some vocabularies (Magistral's) the tags are control tokens, which have no text of their own.
        self._pieces = {vocabulary.special(tag): tag.encode() for tag in tags or ()}
        self._read = self._reasoning if thinks and tags else self._opening if tags else self._answer
        self._held = ""
        """Text that may still turn out to be part of a tag."""
        self._skips_space = thinks
        """Whether white space is being skipped: after a tag it is layout, not text."""
        self._uncounted = 0
        """Tokens inside the reasoning that may be part of its closing tag, or are half a character."""

    def feed(self, token: int) -> list[ReplyEvent]:
        """Events that this token completes."""
        if self.is_done:
            return []
        if self._vocabulary.is_end(token):  # in some files the closing token is an ordinary one, with a text
            self.is_done = True
            return []
        self._uncounted += 1
        text = self._decoder.decode(self._pieces.get(token) or self._vocabulary.piece(token))
        return self._read(text) if text else []

    def switch_to_answer(self, *, splits_characters: bool = False) -> list[int]:
        """Inside the reasoning, the closing tag or what it lacks; elsewhere nothing."""
        is_split = bool(self._decoder.getstate()[0])
        if self._tags is None or self._read != self._reasoning or (is_split and not splits_characters):
            return []
        closing = self._tags[1]
        rest = closing.removeprefix(self._held) if self._held and not is_split else "\n" + closing
        return self._vocabulary.tokenize(rest + "\n\n", parse_special=True)

    def close(self, *, is_cut_off: bool = False) -> list[ReplyEvent]:
        """What was held back."""
        text = self._held + ("" if is_cut_off else self._decoder.decode(b"", final=True))
        self._held = ""
        if not text:
            return []
        return self._think(text, with_last_token=True) if self._read == self._reasoning else [TextDelta(text)]

    def _opening(self, text: str) -> list[ReplyEvent]:
        """Before it is known whether the reply begins with reasoning."""
        assert self._tags is not None
        self._held += text
        begun = self._held.lstrip()
        opening, _ = self._tags
        if opening.startswith(begun[: len(opening)]) and len(begun) < len(opening):
            return []
        text, self._held = self._held, ""
        if begun.startswith(opening):
            self._read, self._skips_space = self._reasoning, True
            self._uncounted = 1 if begun[len(opening) :].strip() else 0  # what else this token brings beside the tag
            return self._reasoning(begun[len(opening) :])
        self._read = self._answer
        return self._answer(text)

    def _reasoning(self, piece: str) -> list[ReplyEvent]:
        assert self._tags is not None
        piece = self._without_layout(piece)
        if not piece:
            self._count(self._uncounted)
            return []
        text = self._held + piece
        closing = self._tags[1]
        end = text.find(closing)
        if end < 0:
            kept = length_of_beginning(text, closing)
            text, self._held = text[: len(text) - kept], text[len(text) - kept :]
            return self._think(text, with_last_token=kept < len(piece))
        events = self._think(text[:end], with_last_token=end > len(self._held))
        self._held = ""
        self._read, self._skips_space = self._answer, True
        return events + self._answer(text[end + len(closing) :])

    def _think(self, text: str, *, with_last_token: bool) -> list[ReplyEvent]:
        """The event of a text that is reasoning. with_last_token: whether some of it came with the last token."""
        if not text:
            return []
        self._count(self._uncounted if with_last_token else self._uncounted - 1)
        return [ReasoningDelta(text)]

    def _count(self, tokens: int) -> None:
        self.reasoning_tokens += tokens
        self._uncounted -= tokens

    def _answer(self, text: str) -> list[ReplyEvent]:
        text = self._without_layout(text)
        return [TextDelta(text)] if text else []

    def _without_layout(self, text: str) -> str:
        if not self._skips_space:
            return text
        text = text.lstrip()
        self._skips_space = not text
        return text


def length_of_beginning(text: str, tag: str) -> int:
    """How many characters at the end of a text could be the beginning of a tag (and are not all of it)."""
    longest = min(len(text), len(tag) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(tag[:size])), 0)
