"""A Markdown reply that comes in pieces: on the screen stands in the end what stands there if it comes at once."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.terminal.console import Stream
from oss_cli.terminal.markdown.writer import MarkdownWriter
from tests.terminal.screens import OURS, WrappingTerminal, shown_on
from tests.terminal.streams import Clock

SIZES = [(80, 24), (40, 12), (200, 60)]


class Reply:
    """A reply on a terminal in memory, and what was written to it."""

    def __init__(self, columns: int, lines: int) -> None:
        self.size = columns, lines
        self.file = io.StringIO(newline="")
        stream = Stream(self.file, is_watched=True, has_escapes=True, has_colour=True)
        self.clock = Clock()
        self.writer = MarkdownWriter(stream, self.clock, lambda: self.size)

    def write(self, source: str, piece: int) -> None:
        for at in range(0, len(source), piece):
            self.writer.write(source[at : at + piece])
            self.clock.now += 1

    @property
    def written(self) -> str:
        return self.file.getvalue()

    @property
    def shown(self) -> str:
        return shown_on(*self.size, self.written)


def stream(source: str, columns: int, lines: int, piece: int) -> Reply:
    """A whole reply, drawn after every piece."""
    reply = Reply(columns, lines)
    reply.write(source, piece)
    reply.writer.finish()
    return reply


WORDS = "the quick brown fox jumps over a lazy dog and **nobody** minds `that` at *all*, 中文 too"


def words(count: int, seed: int = 0) -> str:
    known = WORDS.split()
    return " ".join(known[(seed + number * 7) % len(known)] for number in range(count))


CODE = "\n".join(f"def f{n}(x):\n    return x + {n}  # {'long ' * (n % 30)}\n" for n in range(60))
TABLE = "| name | number | what |\n|:-----|-----:|:--:|\n" + "".join(
    f"| n{n} | {n * n} | {words(n % 25, n)} |\n" for n in range(45)
)
REPLIES = {
    "paragraphs": "\n\n".join(words(90, n) for n in range(8)),
    "one long paragraph": words(700),
    "lines": "\n".join(words(7, n) for n in range(60)),
    "code": f"Before:\n\n```python\n{CODE}```\n\nAfter.",
    "an unclosed fence": f"```\n{CODE}",
    "indented code": "Text:\n\n" + "\n".join("    line  " + str(n) for n in range(40)) + "\n\nText.",
    "a list": "\n".join(f"- {words(n % 40 + 1, n)}" for n in range(50)),
    "a loose list": "\n\n".join(f"{n}. {words(n % 40 + 1, n)}" for n in range(1, 40)),
    "nested lists": "\n".join(
        f"{n}. **{words(2, n)}**\n   - {words(20, n)}\n     - {words(3, n)}\n\n   {words(9, n)}" for n in range(1, 20)
    ),
    "a long list in one item": "* " + words(30) + "\n" + "\n".join(f"  - {words(n % 20 + 1, n)}" for n in range(50)),
    "a fence in a list": "1. Do:\n\n   ```sh\n   ls -l\n\n   cd /\n   ```\n2. Then:\n   ```\n   x\n   ```\n   done\n",
    "a table": f"{words(30)}\n{TABLE}\nAfter it.",
    "a small table": "| a | b |\n|---|---|\n| 1 | 2 |",
    "a quotation": "\n".join("> " + words(12, n) + "\n>" * (n % 3 == 0) for n in range(40)) + "\n\nEnd.",
    "a quotation with a list": "> - a\n> - b\n>\n> ```\n> x\n> ```\n> # h",
    "headings": "# One\nText\n\nTwo\n---\n\n### Three `x`\nFour\n====\ntext",
    "rules": "a\n\n***\n\nb\n\n- - -\nc\n---",
    "carriage returns": "One\r\ntwo\r\n\r\n- three\r\n- four\r\n\r\n```\r\nx\r\n\r\ny\r\n```\r\n",
    "wide letters": "中文段落很长，需要在终端的边缘换行。" * 30 + "\n\n" + "日本語のテキスト。" * 20,
    "emoji": "\n".join(f"- 👩‍👩‍👧 {words(5, n)} 👍🏽 ❤️ 🇳🇴 e\u0301" for n in range(30)),
    "long words": f"See https://example.org/{'path/' * 60} and\n\n```\n{'x' * 900}\n{'中' * 300}\n```\n{'y' * 500}",
    "references": "See [this][1] and [that].\n\n[1]: https://example.org 'title'\n[that]: <b>\n",
    "marks without a partner": f"**bold {words(40)}\n\n`code {words(40)}\n\n*a\n\n[link](http://\n\n~~x",
    "html": "<div class='x'>\n<b>bold</b> &amp; &lt;\n</div>\n\n<!-- no -->",
    "formulas": r"So \(a_1 * b_2 * c\) and \[ x *y* \] and $$a_b_c *d*$$ but \(open",
    "numbers": "3\n\n3.14159265358979323846264338327950288\n\n1. 5\n2. -5\n\n-5\n",
    "nothing": " \n\n ",
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", REPLIES)
def test_pieces_leave_what_the_whole_leaves(name: str, size: tuple[int, int]) -> None:
    whole = stream(REPLIES[name], *size, piece=10**9)
    for piece in (1, 7) if len(REPLIES[name]) < 1500 else (5,):
        assert stream(REPLIES[name], *size, piece).shown == whole.shown


@pytest.mark.parametrize("name", ["paragraphs", "code", "a list", "nested lists", "a quotation"])
def test_a_row_is_written_seldom_and_most_pieces_move_nothing(name: str) -> None:
    source = REPLIES[name]
    reply = stream(source, 80, 24, piece=4)
    rows = reply.shown.count("\n")
    assert reply.writer.drawn_rows < len(source) / 4 + 3 * rows
    assert reply.written.count("\x1b[J") < 2 * rows + 20


def test_nothing_further_up_than_the_last_rows_is_touched() -> None:
    for name, source in REPLIES.items():
        for size, most in (((80, 24), 21), ((40, 12), 9), ((80, 3), 0)):
            ups = [int(rows) for rows in re.findall(r"\x1b\[(\d+)A", stream(source, *size, piece=40).written)]
            assert max(ups, default=0) <= most, name
            if "table" not in name:
                assert max(ups, default=0) <= 8, name


def test_frames_are_no_more_than_fifteen_a_second() -> None:
    reply = Reply(80, 24)
    reply.write("a", 1)
    for _ in range(100):
        reply.writer.write("- x\n")
        reply.clock.now += 0.01
    assert 10 <= reply.written.count("•") / 8 + reply.written.count("\x1b[J") <= 40


@pytest.mark.parametrize(("before", "after"), [(80, 50), (50, 80), (80, 23), (200, 61)])
@pytest.mark.parametrize("name", ["paragraphs", "code", "a list", "nested lists", "a quotation", "lines", "a table"])
def test_a_change_of_the_width_loses_no_letter(name: str, before: int, after: int) -> None:
    source = re.sub("[^\n -~]", "x", REPLIES[name])
    for part in (3, 2):
        reply = Reply(before, 24)
        terminal = WrappingTerminal(before)
        half = len(source) // part
        reply.write(source[:half], 5)
        fed = len(reply.written)
        terminal.feed(reply.written)
        reply.size = after, 24
        terminal.columns = after
        reply.write(source[half:], 5)
        reply.writer.finish()
        terminal.feed(reply.written[fed:])
        wanted = shown_at_once(source, after)
        assert is_contained(letters(wanted), letters(terminal.text))
        assert len(letters(terminal.text)) <= len(letters(wanted)) + 9 * min(
            before, after
        )  # the remnant of the old tail


def letters(text: str) -> str:
    return "".join(re.findall("[a-z0-9]", text))


def is_contained(wanted: str, text: str) -> bool:
    """Whether the letters of one are in the other, in their order; something may stand there twice."""
    rest = iter(text)
    return all(letter in rest for letter in wanted)


def shown_at_once(source: str, columns: int) -> str:
    terminal = WrappingTerminal(columns)
    terminal.feed(stream(source, columns, 24, piece=10**9).written)
    return terminal.text


@given(st.text(st.sampled_from("ab *_`#->|~\n\t[]()!\\&1.:x中👍‍é"), max_size=120), st.integers(1, 9))
def test_no_letter_of_any_text_is_lost(source: str, piece: int) -> None:
    shown = stream(source, 20, 6, piece).shown
    for letter in "abx中":
        assert shown.count(letter) >= source.count(letter) - source.count("`") - source.count("~")


def test_a_reply_that_goes_on_begins_with_its_last_block() -> None:
    reply = Reply(80, 24)
    reply.writer.prime("# Title\n\nFirst.\n\nSecond **bo")
    reply.write("ld** and more.\n\nThird.", 3)
    reply.writer.finish()
    assert reply.shown == "Second bold and more.\n\nThird.\n"


def test_a_reply_that_goes_on_in_a_list_begins_with_its_last_item() -> None:
    reply = Reply(80, 24)
    reply.writer.prime("1. one\n2. two\n3. thr")
    reply.write("ee\n4. four", 1)
    reply.writer.finish()
    assert reply.shown == "3. three\n4. four\n"


def test_a_reply_that_goes_on_without_more_shows_nothing() -> None:
    reply = Reply(80, 24)
    reply.writer.prime("Some text.")
    reply.writer.finish()
    assert reply.written == ""


def test_a_word_looks_as_it_will_before_its_closing_mark_has_come() -> None:
    reply = Reply(80, 24)
    reply.write("Some **bold wor", 1)
    assert OURS.sub("", reply.written) == "Some bold wor"
    assert reply.written.endswith("\x1b[1mr\x1b[0m")
    reply.write("d** and `co", 1)
    assert OURS.sub("", reply.written) == "Some bold word and co"
    reply.write(" de", 1)
    reply.writer.finish()
    assert reply.shown == "Some bold word and `co de\n"


class Breaking(io.StringIO):
    """A terminal at which Ctrl-C is pressed while something is being written."""

    def __init__(self) -> None:
        super().__init__(newline="")
        self.breaks = False

    def flush(self) -> None:
        if self.breaks:
            self.breaks = False
            raise KeyboardInterrupt


def test_a_frame_that_was_broken_off_loses_nothing_and_leaves_the_cursor_in_sight() -> None:
    file = Breaking()
    clock = Clock()
    writer = MarkdownWriter(Stream(file, is_watched=True, has_escapes=True, has_colour=True), clock, lambda: (40, 12))
    writer.write("- one\n- tw")
    clock.now += 1
    file.breaks = True
    with pytest.raises(KeyboardInterrupt):
        writer.write("o\n- three *fo")
    writer.finish()
    shown = shown_on(40, 12, file.getvalue())
    assert shown.endswith("• three *fo\n")
    assert {"• one", "• two"} <= set(shown.split("\n"))


@pytest.mark.parametrize("entity", ["&amp;", "&amp;lt;", "&eacute;", "&#233;", "&unknown;"])
def test_an_entity_that_becomes_a_part_of_code_shifts_no_letter(entity: str) -> None:
    numbers = [f"w{number}" for number in range(160)]
    source = f"Look: `{f' {entity} '.join(numbers[:90])}` {' '.join(numbers[90:])}"
    shown = stream(source, columns=40, lines=12, piece=7).shown
    assert re.findall(r"w\d+", shown) == numbers
