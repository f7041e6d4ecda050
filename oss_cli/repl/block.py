'''A message between `"""` and `"""`: Enter, or the end of a line, does not send it. Knows nothing of who types it.'''

import re

_QUOTES = '"""'
# A block begins a message, or stands after a command's name: `/system """`.
_BEGINNING = re.compile(r'\s*(/[\w?]+[ \t]+)?"""')


def is_open(text: str) -> bool:
    """Whether the text begins a block and does not end it.

    A block ends where a line ends with the quotes and their number is even: a docstring inside, with quotes of its own,
    does not end it. A first line that has more after its second quotes begins none.
    """
    begun = _BEGINNING.match(text)
    if begun is None or not _is_beginning(text[begun.end() :]):
        return False
    return not (text.rstrip().endswith(_QUOTES) and text.count(_QUOTES) % 2 == 0)


def is_block(text: str) -> bool:
    """Whether the text is a whole block that is no command's."""
    begun = _BEGINNING.match(text)
    return begun is not None and not begun[1] and without_quotes(text) != text


def without_quotes(text: str) -> str:
    """The text of a whole block, or of a command with one; any other text as it is."""
    begun = _BEGINNING.match(text)
    if begun is None or is_open(text):
        return text
    rest = text.rstrip()[begun.end() :]
    if not _is_beginning(rest) or not rest.endswith(_QUOTES):
        return text
    inside = rest.removesuffix(_QUOTES).removeprefix("\n").removesuffix("\n")
    return (begun[1] or "") + inside


def _is_beginning(rest: str) -> bool:
    """Whether what follows the first quotes leaves them a block's: on their line no more, or at its end."""
    line = rest.partition("\n")[0].rstrip()
    return _QUOTES not in line.removesuffix(_QUOTES)
