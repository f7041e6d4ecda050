"""The first block of code in a text, however it is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.conversation.code_block import FirstCodeBlock


def extract(text: str, language: str = "", *, cuts: list[int] | None = None) -> str | None:
    """The code, with the text fed in pieces that begin at these places; None: there is none."""
    block = FirstCodeBlock(language)
    places = sorted({0, len(text), *(cuts if cuts is not None else range(len(text)))})
    pieces = [text[begin:end] for begin, end in zip(places, places[1:], strict=False)]
    code = "".join(block.feed(piece) for piece in pieces) + block.close()
    return code if block.is_found else None


CASES = [
    ("Here:\n```python\nx = 1\n```\nDone.\n", "x = 1\n"),
    ("```\na\n```\n```\nb\n```\n", "a\n"),
    ("~~~ sh\necho hi\n~~~\n", "echo hi\n"),
    ("~~~\n```\nx\n```\n~~~\n", "```\nx\n```\n"),
    ("````\n```py\nx\n```\n````\n", "```py\nx\n```\n"),
    ("```markdown\n# T\n```sh\nls\n```\nend\n```\nafter", "# T\n```sh\nls\n```\nend\n"),
    ("```python\ns = '''\n```sh\n'''\n```\nafter", "s = '''\n```sh\n'''\n"),
    ("1. So:\n   ```js\n   if (a) {\n     b()\n   }\n   ```\n2. Then\n", "if (a) {\n  b()\n}\n"),
    ("- ```js\n  a\n  ```\n", "a\n"),
    ("\t```\n\tx\n\t```\n", "x\n"),
    ("```py\ndef f():\n    '''\n    ```\n    '''\n```\nz", "def f():\n    '''\n    ```\n    '''\n"),
    ("```py\nx = 1\n", "x = 1\n"),
    ("```py\nx = 1", "x = 1"),
    ("```py\nx = 1\n```", "x = 1\n"),
    ("```py\r\nx\r\n```\r\nafter\r\n", "x\r\n"),
    ("```\n```\n", ""),
    ("```\n\n\n```\n", "\n\n"),
    ("```\n`a` ~~b~~\n``\n~~~\n```\n", "`a` ~~b~~\n``\n~~~\n"),
    ("```\nx\n`````\ny", "x\n"),
    ("```c\nx\x0c\u2028y\n```\n", "x\x0c\u2028y\n"),
    ("Use ```x``` or `y`.\n", None),
    ("nothing", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "code"), CASES)
def test_the_first_block_alone_comes_through(text: str, code: str | None) -> None:
    assert extract(text) == code
    assert extract(text, cuts=[]) == code


@given(st.sampled_from(CASES), st.lists(st.integers(0, 60)))
def test_it_is_the_same_however_the_text_is_cut(case: tuple[str, str | None], cuts: list[int]) -> None:
    text, code = case
    assert extract(text, cuts=[min(cut, len(text)) for cut in cuts]) == code


@pytest.mark.parametrize(
    ("language", "code"),
    [("sh", "ls\n"), ("bash", "ls\n"), ("PYTHON", "x\n"), ("py", "x\n"), ("json", None), ("yaml", "a: 1\n")],
)
def test_a_language_passes_over_blocks_in_others(language: str, code: str | None) -> None:
    text = "```python title=a\nx\n```\n~~~Shell\nls\n~~~\n```{.yml}\na: 1\n```\n"
    assert extract(text, language) == code


def test_code_comes_as_soon_as_it_is_known_to_be_code() -> None:
    block = FirstCodeBlock()
    fed = [block.feed(piece) for piece in ("```\nprint", "(1", ")\n", "``", "x\n", "```", "\n")]
    assert fed == ["print", "(1", ")\n", "", "``x\n", "", ""]
    assert block.is_over
