"""A header while it streams: the text after each of its control tokens. Decides when it is too long for one."""

import codecs

from oss_cli.prompts.harmony.header import Section

_LONGEST_BYTES = 200  # no header is that long: a text without any control token is the answer itself


class HeaderDraft:
    """What has come of a header.

    role: who speaks, if that is known before the header begins.
    is_gap: `<|start|>` has not come; this may be nothing but text between two messages.
    """

    def __init__(self, role: str | None, *, is_gap: bool = False) -> None:
        self.role = role
        self.is_gap = is_gap
        self.is_blank = True
        """Whether nothing has come but white space."""
        self.tokens = 0
        """How many tokens of text have come."""
        self._bytes = 0
        self._may_be_answer = role is not None
        self._sections: list[tuple[str, list[str]]] = [("role", [])]
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, data: bytes) -> None:
        """More text of the section that is open."""
        self.tokens += 1
        text = self._decoder.decode(data)
        self._sections[-1][1].append(text)
        self._bytes += len(data)
        self.is_blank = self.is_blank and not text.strip()

    def open_section(self, kind: str) -> None:
        """A control token of the header has come."""
        self._sections[-1][1].append(self._decoder.decode(b"", final=True))
        self._sections.append((kind, []))
        self.is_gap = self.is_blank = self._may_be_answer = False

    @property
    def is_role_alone(self) -> bool:
        """Whether no control token has come inside the header."""
        return len(self._sections) == 1

    def is_answer(self) -> bool:
        """Whether this can be no header any more. Says so once: the answer is up to the caller."""
        is_answer = self._may_be_answer and self._bytes > _LONGEST_BYTES and not self.is_blank
        self._may_be_answer = self._may_be_answer and not is_answer
        return is_answer

    @property
    def half_character(self) -> bytes:
        """The last bytes, when they are the beginning of a character that has not come in full."""
        return self._decoder.getstate()[0]

    def sections(self, *, goes_on: bool = False) -> list[Section]:
        """The header as it is now. Half a character at its end becomes U+FFFD, unless the text goes on."""
        sections = [Section(kind, "".join(parts)) for kind, parts in self._sections]
        if self.half_character and not goes_on:
            sections[-1] = Section(sections[-1].kind, sections[-1].text + "\N{REPLACEMENT CHARACTER}")
        return sections
