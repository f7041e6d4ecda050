"""What is new of a reply that is read once more from its beginning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.backends.retelling import Retelling
from oss_cli.conversation.events import PreambleDelta, ReasoningDelta, ReplyEvent, TextDelta, ToolCallDelta
from oss_cli.conversation.messages import Message, Role

R, P, T = ReasoningDelta, PreambleDelta, TextDelta
CALL = ToolCallDelta(0, "now", "{}")


def shown(content: str = "", reasoning: str = "") -> Message:
    return Message(Role.ASSISTANT, content, reasoning=reasoning)


@pytest.mark.parametrize(
    ("message", "begun", "then", "untold"),
    [
        (shown(), [R("Hm."), T("Hi")], [], [R("Hm."), T("Hi")]),
        (shown("Hi", "Hm."), [R("Hm"), R("."), T("Hi")], [T(" you")], [T(" you")]),
        (shown("H", "H"), [R("Hm"), R("."), T("Hi")], [], [R("m"), R("."), T("i")]),
        (shown("Hi EN"), [T("Hi ")], [T("ENough")], [T("ough")]),
        (shown("Hi EN"), [T("Hi ")], [T("E"), T("NOUGH")], [T("OUGH")]),
        (shown("caf\ufffd"), [T("caf")], [T("é"), T("!")], [T("é"), T("!")]),
        (shown("Wait"), [P("Wait"), CALL], [CALL], [CALL, CALL]),
        (shown("Wait"), [P("Wait a bit"), T("Hi")], [], [P(" a bit"), T("Hi")]),
        (shown("Hi"), [P("Wait"), T("Hi you")], [T("!")], [T(" you"), T("!")]),
        (shown("Wait"), [P("Wait"), T("Wait")], [], []),
        (shown("Other"), [T("Hi")], [T(" you")], [T("Hi"), T(" you")]),
    ],
)
def test_only_what_was_not_shown_is_told(
    message: Message, begun: list[ReplyEvent], then: list[ReplyEvent], untold: list[ReplyEvent]
) -> None:
    retelling = Retelling(message, begun)
    assert retelling.untold(begun) + retelling.untold(then) == untold


@given(st.text("ab", max_size=12), st.integers(0, 12), st.lists(st.integers(0, 12), max_size=5))
def test_however_a_text_is_cut_nothing_is_lost_or_told_twice(text: str, known: int, cuts: list[int]) -> None:
    edges = [0, *sorted(min(at, len(text)) for at in cuts), len(text)]
    pieces: list[ReplyEvent] = [TextDelta(text[a:b]) for a, b in zip(edges, edges[1:], strict=False) if a < b]
    retelling = Retelling(shown(text[:known]), pieces)
    told = "".join(event.text for event in retelling.untold(pieces) if isinstance(event, TextDelta))
    assert (text[:known] + told, retelling.is_over) == (text, True)
