"""Spans of styled text, wrapped into lines and cut into the rows of a terminal. Knows nothing of Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from oss_cli.terminal.cells import JOINER, cell_count, cell_range, fewest_and_most_cells, is_wide

_NEVER_FIRST = set("、。，．！？：；）」』】〕〉》…・ー”’%")
"""What no line of an East Asian text begins with."""


class Span(NamedTuple):
    """Text in one style, without control characters but the line feeds that end its lines.

    A tuple, because thousands are made for each frame: a frozen dataclass takes five times as long.
    """

    text: str
    style: str = ""
    """The parameters of an SGR sequence, as in "1;36"."""
    is_mark: bool = False
    """Whether it was put there by us: a bullet, the bar of a quotation."""


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line that may be longer than the terminal is wide: then it flows on, and can be copied in one piece."""

    spans: Spans = ()
    is_bound: bool = False
    """Whether it says nothing without the line below it, as in a row of a table whose cells are wrapped."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the terminal."""

    spans: Spans = ()
    is_bound: bool = False
    flows_on: bool = False
    """Whether the next row is the same line, without a line feed between."""

    @property
    def text(self) -> str:
        """What it says."""
        return "".join(span.text for span in self.spans)

    @property
    def content(self) -> str:
        """What it says, without blanks and our own marks."""
        return "".join("".join(span.text.split()) for span in self.spans if not span.is_mark)

    def without(self, content_characters: int) -> "Row":
        """The row without the first so many characters of its content."""
        kept: list[Span] = []
        left = content_characters
        for span in self.spans:
            if span.is_mark or not left:
                kept.append(span)
                continue
            at = 0
            while at < len(span.text) and left:
                left -= not span.text[at].isspace()
                at += 1
            kept.append(Span(span.text[at:].lstrip(), span.style))
        return replace(self, spans=tuple(span for span in kept if span.text))


def over(style: str, more: str) -> str:
    """One style laid over another."""
    return f"{style};{more}" if style and more else style or more


def styled(spans: Iterable[Span], style: str) -> Spans:
    """The spans with a style over their own."""
    return tuple(Span(text, over(own, style), is_mark) for text, own, is_mark in spans)


def marked(spans: Iterable[Span]) -> Spans:
    """The spans as marks of ours."""
    return tuple(Span(text, style, is_mark=True) for text, style, _ in spans)


def split_lines(spans: Iterable[Span]) -> list[Spans]:
    """The spans, split where a line ends."""
    lines: list[list[Span]] = [[]]
    for span in spans:
        first, *others = span.text.split("\n")
        lines[-1].append(span._replace(text=first) if others else span)
        lines.extend([span._replace(text=text)] for text in others)
    return [tuple(span for span in line if span.text) for line in lines]


@lru_cache(maxsize=512)  # what is finished in a list or a table is wrapped again with each frame
def wrap(spans: Spans, width: int, *, breaks_words: bool = False) -> tuple[Spans, ...]:
    """Lines of at most so many cells; a word that is longer stays whole, unless words may be broken."""
    wrapped: list[Spans] = []
    for line in split_lines(spans):
        text = "".join(span.text for span in line)
        for part in _slice(line, _fill(text, width)):
            if breaks_words and cell_count("".join(span.text for span in part)) > width:
                wrapped.extend(_cut_hard(part, width))
            else:
                wrapped.append(part)
    return tuple(wrapped)


def cut_into_rows(line: Line, width: int) -> list[Row]:
    """The rows that a line takes.

    Where terminals disagree about the cells of a long line, it is ended at each edge: no row may ever be wrapped by the
    terminal that we have not counted.
    """
    spans = without_trailing_blanks(line.spans)
    fewest, most = fewest_and_most_cells("".join(span.text for span in spans))
    if most <= width:
        return [Row(spans, line.is_bound)]
    rows = _cut_hard(spans, width)
    flows = fewest == most
    last = len(rows) - 1
    return [Row(row, line.is_bound, flows_on=flows and number < last) for number, row in enumerate(rows)]


def without_trailing_blanks(spans: Spans) -> Spans:
    """The spans up to their last letter."""
    kept = list(spans)
    while kept:
        text = kept[-1].text.rstrip()
        if text:
            kept[-1] = kept[-1]._replace(text=text)
            break
        kept.pop()
    return tuple(kept)


def _fill(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Where the lines of a text begin and end, with as many words as go on each."""
    begun = end = 0
    cells = 0
    for start, stop, word_cells in _words(text):
        between = start - end
        if end > begun and cells + between + word_cells > width:
            yield begun, end
            begun, cells, between = start, 0, 0
        cells += between + word_cells
        end = stop
    yield begun, end


def _words(text: str) -> Iterator[tuple[int, int, int]]:
    """Where each word begins and ends, and its cells; ideographs are words."""
    at = 0
    for word in text.split(" "):
        if word.isascii():
            if word:
                yield at, at + len(word), len(word)
        else:
            begun = 0
            for cut in range(1, len(word) + 1):
                if cut == len(word) or _may_break(word[cut - 1], word[cut]):
                    yield at + begun, at + cut, cell_count(word[begun:cut])
                    begun = cut
        at += len(word) + 1


def _may_break(before: str, after: str) -> bool:
    if not (is_wide(before) or is_wide(after)) or after in _NEVER_FIRST:
        return False
    return before != JOINER and cell_range(after)[0] > 0


def _slice(spans: Spans, places: Iterable[tuple[int, int]]) -> Iterator[Spans]:
    """The parts of the spans between two places of their text, one after another."""
    number, before = 0, 0
    for begin, end in places:
        part: list[Span] = []
        while number < len(spans):
            span = spans[number]
            text = span.text[max(0, begin - before) : end - before]
            if text:
                part.append(span if len(text) == len(span.text) else span._replace(text=text))
            if before + len(span.text) > end:
                break
            before += len(span.text)
            number += 1
        yield _join(part)


def _cut_hard(spans: Spans, width: int) -> list[Spans]:
    """The spans, cut wherever the width is full."""
    places: list[tuple[int, int]] = []
    begun = cells = 0
    text = "".join(span.text for span in spans)
    for at, character in enumerate(text):
        fewest, most = cell_range(character)
        if cells + most > width and fewest and at > begun:
            places.append((begun, at))
            begun, cells = at, 0
        cells += most
    return list(_slice(spans, [*places, (begun, len(text))]))


def _join(spans: Sequence[Span]) -> Spans:
    """The same, with as few spans as can be."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1][1:] == span[1:]:
            joined[-1] = span._replace(text=joined[-1].text + span.text)
        else:
            joined.append(span)
    return tuple(joined)
