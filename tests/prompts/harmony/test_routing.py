"""Which offered tool a call means, and what a model hears that calls another."""

import pytest

from oss_cli.prompts.harmony.routing import find_tool, unknown_tool_reply


@pytest.mark.parametrize(
    ("recipient", "offered", "found"),
    [
        ("functions.now", ["now"], "now"),
        ("now", ["now"], "now"),
        ("functions.python", ["python"], "python"),
        ("functions.web-search.v2", ["web-search.v2"], "web-search.v2"),
        ("functions.now", ["functions.now", "now"], "functions.now"),
        ("container.exec", ["exec", "now"], None),
        ("functions.", [""], ""),
        ("now", [], None),
    ],
)
def test_a_call_finds_its_tool(recipient: str, offered: list[str], found: str | None) -> None:
    assert find_tool(recipient, offered) == found


def test_a_model_that_calls_an_unknown_tool_hears_which_there_are() -> None:
    assert unknown_tool_reply("container.exec", ["now", "f"]) == "unknown tool container.exec; available: now, f"
    assert unknown_tool_reply("container.exec", []) == "unknown tool container.exec; available: none"
