"""How Markdown looks on a terminal, and what can be copied from there."""

import io

import pytest

from oss_cli.terminal.console import Stream
from oss_cli.terminal.markdown.writer import MarkdownWriter
from tests.terminal.screens import OURS, shown_on


class Terminal(io.StringIO):
    """A terminal in memory with an encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__(newline="")
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute that StringIO will not let us set
        return self._encoding


def written(source: str, columns: int = 80, *, has_colour: bool = True, encoding: str = "utf-8") -> str:
    """What is written for a text that comes at once."""
    file = Terminal(encoding)
    stream = Stream(file, is_watched=True, has_escapes=True, has_colour=has_colour)
    writer = MarkdownWriter(stream, size=lambda: (columns, 24))
    writer.write(source)
    writer.finish()
    return file.getvalue()


def shown(source: str, columns: int = 80, *, has_colour: bool = True, encoding: str = "utf-8") -> str:
    """What stands on the screen then."""
    return shown_on(columns, 24, written(source, columns, has_colour=has_colour, encoding=encoding))


def test_blocks_have_an_empty_line_between_them() -> None:
    assert shown("# Title\nText\n> quoted\n- item\n---\n```\ncode\n```\nEnd") == (
        "Title\n\nText\n\n│ quoted\n\n• item\n\n────────────────────────────────────────\n\ncode\n\nEnd\n"
    )


def test_marks_become_weights_and_colours() -> None:
    assert written("# A\n## B\n### C") == "\x1b[1;4mA\x1b[0m\n\n\x1b[1mB\x1b[0m\n\n\x1b[1;3mC\x1b[0m\n"
    assert written("**b** *i* ***bi*** ~~s~~ `c`") == (
        "\x1b[1mb\x1b[0m \x1b[3mi\x1b[0m \x1b[3;1mbi\x1b[0m \x1b[9ms\x1b[0m \x1b[36mc\x1b[0m\n"
    )


def test_without_colours_weights_stay_and_code_keeps_its_marks() -> None:
    assert written("**b** `c`\n\n```python\ndef f(): pass\n```", has_colour=False) == (
        "\x1b[1mb\x1b[0m `c`\n\ndef f(): pass\n"
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("[here](https://example.org/a_b?c=%20d)", "here (https://example.org/a_b?c=%20d)\n"),
        ("[https://example.org](https://example.org)", "https://example.org\n"),
        ("<https://example.org>", "https://example.org\n"),
        ("<someone@example.org>", "someone@example.org\n"),
        ("[x](javascript:alert(1))", "x (javascript:alert(1))\n"),
        ("![a picture](cat.png)", "a picture (cat.png)\n"),
        ("[a][1]\n\n[1]: https://example.org", "[a][1]\n\n[1]: https://example.org\n"),
        ("**[b](u)**", "b (u)\n"),
    ],
)
def test_a_link_shows_where_it_leads(source: str, text: str) -> None:
    assert shown(source) == text
    assert "\x1b]" not in written(source)


def test_code_is_written_whole_and_can_be_copied() -> None:
    line = "print('" + "x" * 90 + "')  # and more"
    assert line + "\n" in shown_on(300, 24, written(f"```python\n{line}\n\n\tif x:\n```", 40, has_colour=False))
    assert shown(f"```\n{line}\n```", 40) == f"{line[:40]}\n{line[40:80]}\n{line[80:]}\n"
    assert shown("```\n\tx\n  y\n```") == "    x\n  y\n"


def test_colours_of_code_change_no_letter() -> None:
    code = "def f(x: int) -> str:\n    '''Text.'''\n    return f'{x}'  # why\n\n\n@done\nclass A: ...\n"
    assert shown(f"```py\n{code}```") == code
    assert "\x1b[35mdef\x1b[0m \x1b[34mf\x1b[0m(x" in written(f"```py\n{code}```")
    assert shown(f"```no-such-language\n{code}```") == code


def test_lists_are_indented_and_spaced_as_their_source() -> None:
    source = "1. one\n   - a\n   - b\n\n     more of b\n2. two\n\n10) ten\n\n* x\n+ y"
    assert shown(source) == "1. one\n   • a\n   • b\n\n     more of b\n2. two\n\n10) ten\n\n• x\n\n• y\n"
    assert shown("- a long item that is wrapped", 16) == "• a long item\n  that is\n  wrapped\n"


def test_a_quotation_has_a_bar_on_every_line() -> None:
    assert shown("> a long quotation\n> - and\n>\n> > deep", 12) == "│ a long\n│ quotation\n│\n│ • and\n│\n│ │ deep\n"


def test_a_table_has_simple_lines_and_no_trailing_blanks() -> None:
    source = "| Name | Count | Note |\n|:--|--:|:-:|\n| a | 1 | **x** |\n| 中文 | 22 | [y](z) |"
    text = "Name  Count  Note\n────  ─────  ─────\na         1    x\n中文     22  y (z)\n"
    assert shown(source) == text
    assert not any(line.endswith(" ") for line in written(source, has_colour=False).split("\n"))


def test_a_table_that_is_too_wide_wraps_its_widest_cells() -> None:
    source = "| Key | Text |\n|--|--|\n| a | some words that need room |\n| b | xxxxxxxxxxxxxxxxxx |"
    assert shown(source, 20) == (
        "Key  Text\n───  ───────────────\na    some words that\n     need room\nb    xxxxxxxxxxxxxxx\n     xxx\n"
    )


def test_a_table_without_room_for_columns_becomes_records() -> None:
    source = "| Key | Text | Other |\n|--|--|--|\n| long key a | some words | more words |\n| b | c | d |"
    assert shown(source, 16) == ("Key: long key a\nText: some words\nOther: more\nwords\n\nKey: b\nText: c\nOther: d\n")


def test_html_and_formulas_are_text() -> None:
    assert shown("<b>x</b> &lt; <!-- y -->\n\n<div>\nz\n</div>") == "<b>x</b> < <!-- y -->\n\n<div>\nz\n</div>\n"
    assert shown(r"\(a_1 * b * c\) and \[ x *y* z \] and $$p *q* r$$, $5, \*") == (
        r"\(a_1 * b * c\) and \[ x *y* z \] and $$p *q* r$$, $5, *" + "\n"
    )


def test_lines_stay_lines() -> None:
    assert shown("Roses are red\nViolets are blue  \nSugar\\\nis sweet") == (
        "Roses are red\nViolets are blue\nSugar\nis sweet\n"
    )


def test_wide_letters_are_wrapped_by_their_cells_and_never_before_a_full_stop() -> None:
    assert shown("中文段落很长。需要换行", 13) == "中文段落很\n长。需要换行\n"
    assert shown("👍👍👍 👍👍", 7) == "👍👍👍\n👍👍\n"


def test_a_terminal_that_lacks_letters_gets_others() -> None:
    source = "- a — “b”…\n\n> c\n\n---\n\n中"
    assert shown(source, encoding="iso-8859-1") == (
        '* a - "b"...\n\n| c\n\n----------------------------------------\n\n\\u4e2d\n'
    )
    written(source, encoding="ascii").encode("ascii")


@pytest.mark.parametrize("columns", [1, 2, 5, 10])
def test_a_very_narrow_terminal_loses_nothing(columns: int) -> None:
    source = "# Title\n\n- some words\n  - deep\n    - deeper `code`\n\n> quoted\n\n```\nlong line of code\n```\n中文"
    text = "".join(shown(source, columns).split()) if columns > 1 else ""
    for word in ("Title", "some", "words", "deeper", "quoted", "longlineofcode"):
        assert word in text.replace("│", "") or columns == 1


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("\x1b[31mx", "␛[31mx\n"),
        ("a &#27;[31m &#x9b;2J &#x202e;", "a \ufffd[31m \ufffd2J <U+202E>\n"),
        ("[\x1b]8;;u\x07x](\x1b[2J)", "[␛]8;;u␇x](␛[2J)\n"),
        ("```\x1bpy\n\x1b[2J\x07\n```", "␛[2J␇\n"),
        ("| \x1b[H |\n|--|\n| \x9b |", "␛[H\n────\n<9B>\n"),
        ("# \u202eabc", "<U+202E>abc\n"),
        ("- \U000e0041", "• <U+E0041>\n"),
        ("<\x1b:\x07> `\x1b` ![\x1b](\x07)", "<␛:␇> ␛ ␛ (␇)\n"),
        ("a\x0bb\x0cc\x85d\u2028e", "a␋b␌c<85>d<U+2028>e\n"),
    ],
)
def test_nothing_in_a_reply_can_drive_the_terminal(source: str, text: str) -> None:
    assert shown(source) == text
    assert not set(OURS.sub("", written(source))) & set("\x1b\x07\x9b\x0b\x0c\x85\u2028\u202e\r")
