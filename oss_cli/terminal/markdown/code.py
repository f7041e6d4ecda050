"""Lines of code, coloured. Knows nothing of where they stand.

Code is lexed in pieces of some dozen lines, each by itself and once, so that the cost does not grow with the length: in
a string over several pieces a colour may be wrong, the text never is.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, String, _TokenType
from pygments.util import ClassNotFound

from oss_cli.terminal.markdown.look import DIM, Look
from oss_cli.terminal.markdown.rows import Span, Spans, split_lines

_LEAST_LINES, _MOST_LINES = 24, 96
_MOST_CHARACTERS = 20_000
"""Of a piece that is coloured: minified code is one long line."""
_PLAIN = "36"
_COLOURS: tuple[tuple[_TokenType, str], ...] = (
    # The terminal's own colours: they suit its background. The first that fits.
    (Comment, DIM),
    (Keyword, "35"),
    (Operator.Word, "35"),
    (Name.Function, "34"),
    (Name.Class, "34"),
    (Name.Tag, "34"),
    (Name.Builtin, "36"),
    (Name.Attribute, "36"),
    (Name.Decorator, "33"),
    (String, "32"),
    (Number, "33"),
    (Generic.Deleted, "31"),
    (Generic.Inserted, "32"),
)


def highlight(lines: Sequence[str], language: str, look: Look) -> list[Spans]:
    """Each line of code as spans."""
    if not look.has_colour:
        return [(Span(look.text(line)),) if line else () for line in lines]
    return [spans for piece in split_code(lines) for spans in _colour("\n".join(piece), language, look)]


def split_code(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """The pieces that are lexed. Where one ends depends on its own lines and the next one alone."""
    begun = 0
    for at in range(1, len(lines)):
        is_new_part = not lines[at - 1].strip() and lines[at][:1].strip()
        if (at - begun >= _LEAST_LINES and is_new_part) or at - begun >= _MOST_LINES:
            yield lines[begun:at]
            begun = at
    yield lines[begun:]


@lru_cache(maxsize=64)
def _colour(code: str, language: str, look: Look) -> list[Spans]:
    lexer = _find_lexer(language)
    plain: list[Spans] = [(Span(look.text(line), _PLAIN),) if line else () for line in code.split("\n")]
    if lexer is None or len(code) > _MOST_CHARACTERS:
        return plain
    spans = [Span(text, _style_of(kind)) for kind, text in lexer.get_tokens(code)]
    if "".join(span.text for span in spans) != code:  # a lexer that changes its text
        return plain
    return [tuple(Span(look.text(span.text), span.style) for span in line) for line in split_lines(spans)]


@lru_cache(maxsize=32)
def _find_lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False) if language else None
    except ClassNotFound:
        return None


@lru_cache(maxsize=512)
def _style_of(kind: _TokenType) -> str:
    return next((style for family, style in _COLOURS if kind in family), "")
