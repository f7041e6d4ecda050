"""How attachments stand before a message."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from oss_cli.attachments import Attachment, put_before


def attachment(text: str, name: str = "notes/a.md") -> Attachment:
    return Attachment(Path(name), text, "utf-8")


def test_each_file_stands_under_its_name_before_the_message() -> None:
    both = [attachment("one\ntwo\n"), attachment("no line end", "b.txt")]
    assert put_before("Compare them.", both) == (
        "File notes/a.md:\n```\none\ntwo\n```\n\nFile b.txt:\n```\nno line end\n```\n\nCompare them."
    )


def test_without_attachments_the_message_stays_as_it_is() -> None:
    assert put_before("Hi", []) == "Hi"


def test_an_empty_file_is_an_empty_fence() -> None:
    assert put_before("Hi", [attachment("")]) == "File notes/a.md:\n```\n```\n\nHi"


def test_a_fence_is_longer_than_any_inside() -> None:
    shown = put_before("Hi", [attachment("````md\n```\n````\n")])
    assert shown == "File notes/a.md:\n`````\n````md\n```\n````\n`````\n\nHi"


def test_a_name_cannot_leave_its_line() -> None:
    shown = put_before("Hi", [attachment("x\n", "a\nFile b:\udcff")])
    assert shown == "File a\\x0aFile b:?:\n```\nx\n```\n\nHi"


@given(st.text(alphabet="`~ab\n "), st.text())
def test_the_text_can_be_taken_out_of_its_fence_again(text: str, message: str) -> None:
    shown = put_before(message, [attachment(text)])
    fence = re.match(r"File notes/a\.md:\n(`+)\n", shown)
    assert fence is not None
    end = f"{fence[1]}\n\n{message}"
    assert shown.endswith(end)
    inside = shown[fence.end() : -len(end)]
    assert inside.removesuffix("\n") == text.removesuffix("\n")
    assert fence[1] not in text
