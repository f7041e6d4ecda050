"""The README's picture of a chat is what the program shows, and it loads nothing."""

import re

from tests.pictures.chat import PICTURE, make_picture
from tests.pictures.screen import words_of


def test_the_picture_shows_what_the_program_shows_now() -> None:
    assert words_of(PICTURE.read_text("utf-8")) == words_of(make_picture()), "python -m tests.pictures.chat"


def test_the_picture_is_small_and_needs_nothing_from_elsewhere() -> None:
    picture = PICTURE.read_text("utf-8")
    assert len(picture.encode()) < 60_000
    assert re.findall(r"https?:[^\s\"')]*", picture) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in picture and "url(" not in picture.replace("url(#", "")
