"""What stands inside a block: emphasis, code, links, formulas, as spans. Knows nothing of blocks and widths."""

import re
from functools import cache, lru_cache

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from oss_cli.terminal.markdown.look import BOLD, DIM, ITALIC, STRUCK, UNDERLINE, Look
from oss_cli.terminal.markdown.rows import Span, Spans, over

_WEIGHTS = {"strong": BOLD, "em": ITALIC, "s": STRUCK}
_FORMULAS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
"""How models write mathematics; between these nothing is Markdown."""
_CODE = "36"
_MARKS = re.compile(r"\\.|`+|\*{1,3}", re.DOTALL)


@cache
def the_parser() -> MarkdownIt:
    """CommonMark with tables and struck text; HTML and link references are text.

    A reference would need its definition, which may come long after what it stands in has been printed. Both are shown
    as they were written, so that nothing is lost.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("reference")
    parser.inline.ruler.before("escape", "formula", _formula)
    # Assigning is the documented way. Addresses are shown as they were written, and are never to click on.
    for name, method in (("normalizeLink", str), ("normalizeLinkText", str), ("validateLink", bool)):
        setattr(parser, name, method)
    return parser


@lru_cache(maxsize=512)
def read_inline(content: str, look: Look) -> Spans:
    """The spans of a block's text; line feeds are kept, as models do not wrap their lines."""
    tokens: list[Token] = []
    the_parser().inline.parse(content, the_parser(), {}, tokens)
    spans: list[Span] = []
    styles: list[str] = []
    links: list[tuple[str, int]] = []
    for token in tokens:
        style = ";".join(filter(None, styles))
        if token.type in ("link_open", "link_close"):
            _read_link(token, spans, styles, links, look)
        elif token.type == "code_inline":
            text = token.content if look.has_colour else f"`{token.content}`"
            spans.append(Span(_one_line(text, look), over(style, look.colour(_CODE))))
        elif token.type == "image":
            spans.append(Span(_one_line(f"{token.content} ({token.attrs.get('src', '')})".strip(), look), style))
        elif token.nesting == 1:
            styles.append(_WEIGHTS.get(token.tag, ""))
        elif token.nesting == -1:
            styles.pop()
        elif token.type in ("softbreak", "hardbreak"):
            spans.append(Span("\n"))
        elif token.type == "formula":
            lines = token.content.split("\n")
            spans.append(Span("\n".join(_one_line(line, look) for line in lines), style))
        else:
            spans.append(Span(_one_line(token.content, look), style))
    return tuple(spans)


def close_open_marks(content: str, within: int) -> str:
    """The text of a block that is still being written, with its last emphasis or code closed.

    So a word does not change its look when its closing mark comes. Only the last `within` characters are looked at.
    """
    bare = content.rstrip("*`\\")  # a mark that has just come may be the first half of a longer one
    mark, begun = _find_open_mark(bare)
    if mark and begun < len(bare) - within:
        return content
    return bare + mark if mark[:1] == "`" else bare.rstrip() + mark


def _find_open_mark(content: str) -> tuple[str, int]:
    """The mark that has no partner yet, and where it stands; a guess is enough."""
    mark, begun = "", 0
    for found in _MARKS.finditer(content):
        text = found.group()
        if text == mark:
            mark = ""
        elif mark[:1] != "`" and text[0] == "`" or not mark and text[0] == "*" and content[found.end() :][:1].strip():
            mark, begun = text, found.start()
    return mark, begun


def _read_link(token: Token, spans: list[Span], styles: list[str], links: list[tuple[str, int]], look: Look) -> None:
    """A link's text, and its target if that is another one."""
    if token.nesting == 1:
        links.append((str(token.attrs.get("href", "")), len(spans)))
        styles.append(UNDERLINE)
        return
    styles.pop()
    target, begun = links.pop()
    text = "".join(span.text for span in spans[begun:])
    target = _one_line(target, look)
    if target and target not in (text, f"mailto:{text}"):
        spans.append(Span(f" ({target})" if text else target, ";".join(filter(None, [*styles, DIM]))))


def _one_line(text: str, look: Look) -> str:
    """Text that has been read out of a block: an entity may stand for a line feed or an escape."""
    return look.text(text.replace("\n", " ").replace("\t", " "))


def _formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the parser's own signature
    """Take a formula as it is; an opening mark alone too, as its end may be still to come."""
    opening = state.src[state.pos : state.pos + 2]
    closing = _FORMULAS.get(opening)
    if closing is None:
        return False
    end = state.src.find(closing, state.pos + 2, state.posMax)
    if end < 0 and opening == "$$":
        return False
    stop = state.pos + 2 if end < 0 else end + 2
    if not silent:
        token = state.push("formula", "", 0)
        token.content = state.src[state.pos : stop]
    state.pos = stop
    return True
