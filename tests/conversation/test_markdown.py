"""A conversation as Markdown: whole texts, and that nothing said in it can break it."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from oss_cli.conversation.markdown import quoted, write_markdown
from oss_cli.conversation.messages import Message, Role, ToolCall
from oss_cli.conversation.tree import Node
from tests.history.conversations import NOON, sky, talk

READERS = [MarkdownIt("commonmark"), MarkdownIt("commonmark").enable(["table", "strikethrough"])]


def test_the_current_branch_is_told_with_its_reasoning_folded() -> None:
    assert write_markdown(sky(), zone=UTC) == (
        "# Sky\n\n"
        "- Date: 2026-11-24 12:00\n- Model: gpt-oss-20b\n- Conversation: sky0000001\n\n"
        "## Instructions\n\n> Be brief.\n\n"
        "## User, 2026-11-24 12:00\n\n> Why is the sky blue?\n\n"
        "## Assistant, 2026-11-24 12:02, cut off\n\n"
        "<details>\n<summary>Reasoning</summary>\n\n> They ask about light.\n\n</details>\n\n"
        "> Rayleigh scattering, mostly.\n\n"
        "---\n\n1 other branch is not shown here; JSON holds them all.\n"
    )


def test_a_call_of_a_tool_stands_in_code_that_it_cannot_end() -> None:
    conversation = talk("a", "Hi", "")
    call = ToolCall("f", "{\n````\n</details>}")
    conversation.add(Node("b", "aa", Message(Role.ASSISTANT, tool_calls=(call,)), NOON))
    assert write_markdown(conversation, zone=UTC).endswith(
        "## Assistant, 2026-11-24 12:00\n\nCalls a tool:\n\n`````\nf({\n````\n</details>})\n`````\n"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a <b> and `<c>`", "> a &lt;b> and `<c>`"),
        ("1 < 2 <3", "> 1 < 2 <3"),
        ("```html\n<p>\n```\n</details>", "> ```html\n> <p>\n> ```\n> &lt;/details>"),
        ("1. x\n   ```\n   <p>\n   ```", "> 1. x\n>    ```\n>    <p>\n>    ```"),
        ("never closed:\n~~~\n<p>", "> never closed:\n> ~~~\n> <p>"),
        ("a\r</details>\r\nb", "> a\n> &lt;/details>\n> b"),
        # What one reader takes for code and another does not is none.
        ("- ```\n  ```\n  </details>", "> - ```\n>   ```\n>   &lt;/details>"),
        ("  ```\ncode\n```\n</details>", ">   ```\n> code\n> ```\n> &lt;/details>"),
        ("\\`</details>`", "> \\`&lt;/details>`"),
        ("`a\n` </details> `", "> `a\n> ` &lt;/details> `"),
        ("| `a | </details> ` |", "> | `a | &lt;/details> ` |"),
    ],
)  # fmt: skip
def test_tags_are_made_harmless_outside_of_code(text: str, told: str) -> None:
    assert quoted(text) == told


PIECES = st.sampled_from(
    ["`", "``", "```", "~~~", "````", "\n", "\n\n", "\r", " ", "  ", "   ", "    ", "\t", "- ", "1. ", "> ", "#", "|",
     "a", "<details>", "</details>", "</blockquote>", "<!--", "<pre>", "\\", "*", "[x]: ", "|--|--|\n", "&lt;", "---"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join))
def test_whatever_is_said_stays_within_its_quote_and_holds_no_tag(text: str) -> None:
    document = f"<details>\n\n{quoted(text)}\n\n</details>\n\n## Next\n"
    for reader in READERS:
        top = [token for token in reader.parse(document) if token.level == 0]
        around = ["html_block", "blockquote_open", "blockquote_close", "html_block", "heading_open", "heading_close"]
        assert [token.type for token in top] == around
        told = [token for token in reader.parse(quoted(text)) if token.children or token.type == "html_block"]
        inner = [token.type for one in told for token in [one, *(one.children or [])]]
        assert "html_block" not in inner
        assert "html_inline" not in inner
