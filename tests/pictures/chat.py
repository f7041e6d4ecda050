"""Makes the README's picture of a chat: `python -m tests.pictures.chat`.

The program is `oss chat` on a pseudo-terminal, typed at key by key; the words of its model are scripted.
"""

import tempfile
from pathlib import Path

from tests.harness import open_program
from tests.pictures.screen import draw

PICTURE = Path(__file__).with_suffix(".svg")
COLUMNS, LINES = 88, 60
"""So many lines that nothing leaves the screen; the picture ends where the text does."""


def make_picture() -> str:
    """The chat as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        written = _talk(folder)
    return draw(written, COLUMNS, LINES, "oss chat")


def _talk(folder: str) -> bytes:
    """What `oss chat` writes to its terminal while a person talks."""
    root = Path(__file__).parents[2]
    work = Path(folder, "work")
    work.mkdir()
    with open_program(
        "-m", "tests.pictures.chat_program", str(work), columns=COLUMNS, lines=LINES,
        PYTHONPATH=str(root), PYTHONUTF8="1", OSS_HOME=folder, NO_COLOR="", COLUMNS=str(COLUMNS), COLORTERM="",
        PROMPT_TOOLKIT_COLOR_DEPTH="DEPTH_8_BIT",
    ) as terminal:  # fmt: skip
        terminal.see("0 of 8,192")
        terminal.send("What goes wrong in @mean.py, and how would you mend it?\r")
        terminal.see("tokens/s")
        terminal.send("/regen\r")
        terminal.see("branch 2 of 2")
        terminal.send("/branches\r")
        terminal.see("2, here\n›")
        terminal.send("Write its tests like those in @test_total.py, please.")
        terminal.see("please.\n@test_total.py 52 tokens\ngpt-oss-20b · medium")
        terminal.watch(0.3)  # the rest of what is being drawn
        return terminal.raw


if __name__ == "__main__":
    PICTURE.write_text(make_picture(), "utf-8")
