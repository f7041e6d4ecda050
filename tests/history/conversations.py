"""Conversations to keep: one told by hand, and any that can be."""

from hypothesis import strategies as st

from oss_cli.conversation.events import StopReason, Usage
from oss_cli.conversation.messages import Message, Role, ToolCall, user_message
from oss_cli.conversation.options import ReasoningEffort, SamplingOptions
from oss_cli.conversation.tree import Conversation, Making, Node

NOON = 1_795_521_600.0  # 2026-11-24 12:00 UTC


def assistant(content: str, reasoning: str = "") -> Message:
    return Message(Role.ASSISTANT, content, reasoning)


def made(model: str = "tiny", reason: StopReason | None = StopReason.END) -> Making:
    return Making(model, reason=reason)


def talk(id_: str, question: str, answer: str = "Because.", *, at: float = NOON) -> Conversation:
    """A question and an answer."""
    conversation = Conversation(id_, at, "2026-11-24", updated=at)
    conversation.add(Node(f"{id_}q", None, user_message(question), at))
    conversation.add(Node(f"{id_}a", f"{id_}q", assistant(answer), at + 1, making=made()))
    return conversation


def sky() -> Conversation:
    """Two branches, reasoning, a title, instructions, and a reply that was cut off."""
    conversation = Conversation("sky0000001", NOON, "2026-11-24", "Sky", "Be brief.", updated=NOON)
    conversation.add(Node("sky-1", None, user_message("Why is the sky blue?"), NOON))
    conversation.add(Node("sky-2", "sky-1", assistant("Magic."), NOON + 60, making=made()))
    conversation.add(
        Node(
            "sky-3", "sky-1", assistant("Rayleigh scattering, mostly.", "They ask about light."), NOON + 120,
            making=Making(
                "gpt-oss-20b", "f" * 64, ReasoningEffort.LOW, SamplingOptions(temperature=0.5, logit_bias={7: -1.0}),
                42, Usage(prompt_tokens=9, reply_tokens=3, decode_s=0.25), StopReason.MAX_TOKENS, (1, 200_000, 3),
            ),
        )
    )  # fmt: skip
    return conversation


_texts = st.text(max_size=30)
_numbers = st.floats(allow_nan=False, allow_infinity=False)
_counts = st.integers(0, 2**31)
_seconds = st.floats(0, 1e6)
_samplings = st.builds(
    SamplingOptions,
    temperature=st.none() | _numbers,
    top_p=st.none() | _numbers,
    top_k=st.none() | _counts,
    min_p=st.none() | _numbers,
    repeat_penalty=st.none() | _numbers,
    seed=st.none() | st.integers(0, 2**32 - 2),
    max_tokens=st.none() | _counts,
    stop=st.none() | st.lists(_texts, max_size=2).map(tuple),
    logit_bias=st.none() | st.dictionaries(_counts, _numbers, max_size=2),
)
_usages = st.builds(Usage, _counts, _counts, _counts, _counts, _counts, _seconds, _seconds, _seconds)
_makings = st.builds(
    Making,
    model=_texts,
    model_sha256=st.text("0123456789abcdef", max_size=8),
    effort=st.none() | st.sampled_from(ReasoningEffort),
    sampling=_samplings,
    seed=st.none() | st.integers(0, 2**32 - 2),
    usage=_usages,
    reason=st.none() | st.sampled_from(StopReason),
    tokens=st.lists(st.integers(0, 2**32 - 1), max_size=4).map(tuple),
)
_calls = st.builds(ToolCall, _texts, _texts, _texts)
_messages = st.builds(
    Message, st.sampled_from(Role), _texts, _texts, st.lists(_calls, max_size=2).map(tuple), _texts, _texts
)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Any conversation that can be: any tree, any texts."""
    conversation = Conversation("any0000001", draw(_seconds), "2026-11-24", draw(_texts), draw(_texts))
    for number in range(draw(st.integers(0, 5))):
        parent = draw(st.sampled_from([None, *conversation.nodes]))
        before = [node.id for node in conversation.path(parent)] if parent is not None else []
        conversation.add(
            Node(
                f"n{number}", parent, draw(_messages), draw(_seconds), draw(_texts), draw(st.none() | _makings),
                draw(st.sampled_from([None, *before])),
            )
        )  # fmt: skip
    conversation.tip = draw(st.sampled_from([None, *conversation.nodes]))
    conversation.updated = draw(_seconds)
    return conversation
