"""Lines from a dumb terminal, which has no cursor to move: its own line editing, and no escapes. Knows no keys."""

import sys

from prompt_toolkit.output.defaults import create_output

from oss_cli.repl.block import is_open
from oss_cli.repl.reader import Typed


def read_plain_lines() -> Typed:
    """A line, or a block in quotes.

    Raises:
        EOFError: Ctrl-D.
        KeyboardInterrupt: Ctrl-C.
    """
    text = _read_line("> ")
    while is_open(text):
        text += "\n" + _read_line("- ")
    return Typed.line_or_block(text)


def _read_line(prompt: str) -> str:
    output = create_output()
    output.write(prompt)
    output.flush()
    data = sys.stdin.buffer.readline()
    if not data:
        raise EOFError
    return data.decode(sys.stdin.encoding, "replace").rstrip("\r\n")
