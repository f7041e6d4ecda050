"""Generated conversations and replies, token by token and message by message against openai_harmony."""

from hypothesis import given, settings
from hypothesis import strategies as st

from oss_cli.conversation.messages import Message, Role, Tool, ToolCall
from oss_cli.conversation.options import ReasoningEffort
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.prompts.base import RenderOptions
from oss_cli.prompts.harmony import HarmonyFormat, HarmonyReader
from tests.prompts.harmony.replies import read
from tests.prompts.oracle import Oracle

TOOLS = (
    Tool("now", "Tells the time."),
    Tool("get_weather", "", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
)
# No combining marks: see the fixture `gpt_oss`.
WORDS = [
    "<|end|>",
    "<|start|>assistant",
    "<|",
    "|>",
    " ",
    "\n",
    "  ",
    "Oslo",
    "is",
    "'s",
    "3.14",
    "{}",
    "é",
    "你好",
    "👩‍👩‍👧",
]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map("".join)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    messages = [
        Message(draw(st.sampled_from([Role.SYSTEM, Role.DEVELOPER])), text)
        for text in draw(st.lists(TEXTS, max_size=2))
    ]
    for turn in range(draw(st.integers(1, 3))):
        messages.append(Message(Role.USER, draw(TEXTS)))
        for step in range(draw(st.integers(0, 2))):
            call = ToolCall(draw(st.sampled_from(["now", "get_weather"])), draw(TEXTS), f"call-{turn}-{step}")
            said = draw(st.sampled_from(["", "I'll look."]))
            messages.append(Message(Role.ASSISTANT, said, draw(st.just("") | TEXTS), (call,)))
            messages.append(Message(Role.TOOL, draw(TEXTS), tool_call_id=call.id))
        if draw(st.booleans()):
            messages.append(Message(Role.ASSISTANT, draw(TEXTS), draw(st.just("") | TEXTS)))
        if draw(st.booleans()):
            messages.append(Message(Role.SYSTEM, draw(TEXTS)))
    return messages


@settings(max_examples=100)
@given(conversations(), st.sampled_from(ReasoningEffort), st.sampled_from([(), TOOLS]))
def test_a_conversation_becomes_the_tokens_that_openai_renders(
    gpt_oss: LlamaVocabulary,
    oracle: Oracle,
    messages: list[Message],
    effort: ReasoningEffort,
    tools: tuple[Tool, ...],
) -> None:
    options = RenderOptions("2026-11-23", effort, tools)
    assert HarmonyFormat(gpt_oss).render(messages, options).tokens == oracle.render(messages, options)


HEADERS = [
    ("<|channel|>analysis", "<|end|>"),
    ("<|channel|>commentary", "<|end|>"),
    ("<|channel|>final", "<|end|>"),
    ("<|channel|>commentary to=functions.now <|constrain|>json", "<|call|>"),
    (" to=functions.get_weather<|channel|>commentary json", "<|call|>"),
    (" to=python<|channel|>analysis code", "<|call|>"),
    ("<|channel|>analysis to=browser.search", "<|call|>"),
]


@given(st.lists(st.tuples(st.sampled_from(HEADERS), TEXTS), min_size=1, max_size=5))
def test_well_formed_replies_are_read_as_openai_reads_them(
    gpt_oss: LlamaVocabulary, oracle: Oracle, said: list[tuple[tuple[str, str], str]]
) -> None:
    tokens: list[int] = []
    for i, ((header, end), content) in enumerate(said):
        start = "<|start|>assistant" if i else ""
        tokens += oracle.encode_markup(f"{start}{header}<|message|>")
        tokens += oracle.encode_text(content)
        tokens += oracle.encode_markup(end)
    ends = [end for (_, end), _ in said]

    # A final message ends the reply, so the reader is asked for a transcript.
    reader = HarmonyReader(gpt_oss, start_role=None)
    read(reader, oracle.encode_markup("<|start|>assistant") + tokens)

    assert reader.messages == oracle.parse(tokens, ends)
