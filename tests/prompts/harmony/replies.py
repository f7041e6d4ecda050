"""Replies as tests look at them: what a reader said, joined; and what it should say, from the parsed messages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from oss_cli.conversation.events import (
    PreambleDelta,
    ReasoningDelta,
    ReplyEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
)
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.prompts.harmony import HarmonyMessage, HarmonyReader


@dataclass
class Said:
    """Everything that a reply says, by kind."""

    reasoning: str = ""
    preamble: str = ""
    answer: str = ""
    calls: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Name and arguments of the calls that have arguments, by index."""
    ended: dict[int, tuple[str, str]] = field(default_factory=dict)


def read(reader: HarmonyReader, tokens: Iterable[int]) -> list[ReplyEvent]:
    """The events of a whole reply."""
    events = [event for token in tokens for event in reader.feed(token)]
    return events + reader.close()


def encode(vocabulary: LlamaVocabulary, text: str) -> list[int]:
    """Tokens of a reply in which every marker is a control token."""
    return vocabulary.tokenize(text, parse_special=True)


def join(events: Iterable[ReplyEvent]) -> Said:
    """The events of each kind, joined."""
    said = Said()
    for event in events:
        match event:
            case ReasoningDelta(text):
                said.reasoning += text
            case PreambleDelta(text):
                said.preamble += text
            case TextDelta(text):
                said.answer += text
            case ToolCallDelta(index, name, arguments):
                said.calls[index] = (name, said.calls.get(index, ("", ""))[1] + arguments)
            case ToolCallEnded(index, call):
                said.ended[index] = (call.name, call.arguments)
    return said


def expect(messages: Sequence[HarmonyMessage]) -> Said:
    """What these messages say: written for the tests, apart from the code under test."""
    said, index, unknown = Said(), 0, []
    for message in (message for message in messages if message.role == "assistant"):
        if message.recipient:
            call = (message.recipient.removeprefix("functions."), message.content)
            if message.content:
                said.calls[index] = call
            if message.end not in (None, "implicit"):
                said.ended[index] = call
            index += 1
        elif message.channel == "analysis":
            said.reasoning += message.content
        elif message.channel in ("final", None):
            said.answer += message.content
        elif message.channel == "commentary":
            said.preamble += "" if message.content_type else message.content
        elif message.content.strip():
            unknown.append(message.content)
    spoken = said.preamble.strip() or said.answer.strip() or any(text.strip() for _, text in said.calls.values())
    if not spoken:
        said.answer += "\n\n".join(unknown)
    return said
