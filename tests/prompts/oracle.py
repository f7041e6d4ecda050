"""OpenAI's own harmony library, asked in our words. Written apart from the code under test."""

from collections.abc import Sequence

import openai_harmony as openai
import pytest

from oss_cli.conversation.messages import Message, Role, Tool
from oss_cli.prompts.base import RenderOptions
from oss_cli.prompts.harmony import HarmonyMessage
from tests.vocabulary import ranks_folder


class Oracle:
    """openai_harmony with the ranks that another package brought, so that it loads offline."""

    def __init__(self) -> None:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("TIKTOKEN_ENCODINGS_BASE", str(ranks_folder()))
            self._encoding = openai.load_harmony_encoding("HarmonyGptOss")

    def encode_text(self, text: str) -> list[int]:
        """The tokens of a text in which markers are text: encode_ordinary."""
        tokens: list[int] = self._encoding.encode(text, disallowed_special=())
        return tokens

    def encode_markup(self, text: str) -> list[int]:
        """The tokens of a text in which markers are control tokens."""
        tokens: list[int] = self._encoding.encode(text, allowed_special="all")
        return tokens

    def write_tools(self, tools: Sequence[Tool]) -> str:
        """The functions' section out of a developer message with these tools."""
        message = openai.Message.from_role_and_content(openai.Role.DEVELOPER, _developer("", tools))
        text: str = self._encoding.decode(self._encoding.render(message))
        return text.removeprefix("<|start|>developer<|message|># Tools\n\n").removesuffix("<|end|>")

    def render(self, messages: Sequence[Message], options: RenderOptions) -> list[int]:
        """The prompt of a conversation. Stale reasoning is dropped here: the library does that wrongly."""
        conversation = openai.Conversation.from_messages(_conversation(messages, options))
        config = openai.RenderConversationConfig(auto_drop_analysis=False)
        tokens: list[int] = self._encoding.render_conversation_for_completion(
            conversation, openai.Role.ASSISTANT, config
        )
        return tokens

    def parse(self, tokens: Sequence[int], ends: Sequence[str]) -> list[HarmonyMessage]:
        """The messages of a well-formed reply; the library does not tell their ends."""
        parsed = self._encoding.parse_messages_from_completion_tokens(tokens, openai.Role.ASSISTANT)
        return [_ours(message, end) for message, end in zip(parsed, ends, strict=True)]


def _conversation(messages: Sequence[Message], options: RenderOptions) -> list[openai.Message]:
    leading = 0
    while messages[leading].role in (Role.SYSTEM, Role.DEVELOPER):
        leading += 1
    make = openai.Message.from_role_and_content
    written = [make(openai.Role.SYSTEM, _system(options))]
    if leading or options.tools:
        instructions = "\n\n".join(message.content for message in messages[:leading])
        written.append(make(openai.Role.DEVELOPER, _developer(instructions, options.tools)))
    finals = [i for i, message in enumerate(messages) if message.role is Role.ASSISTANT and not message.tool_calls]
    callees = {call.id: f"functions.{call.name}" for message in messages for call in message.tool_calls}
    for i, message in enumerate(messages[leading:], leading):
        if message.role is Role.SYSTEM:
            written.append(make(openai.Role.DEVELOPER, _developer(message.content)))
        elif message.role is Role.USER:
            written.append(make(openai.Role.USER, message.content))
        elif message.role is Role.TOOL:
            author = openai.Author.new(openai.Role.TOOL, callees[message.tool_call_id])
            result = openai.Message.from_author_and_content(author, message.content)
            written.append(result.with_recipient("assistant").with_channel("commentary"))
        else:
            written += _assistant(message, with_reasoning=i > max(finals, default=-1))
    return written


def _system(options: RenderOptions) -> openai.SystemContent:
    content = openai.SystemContent.new().with_conversation_start_date(options.date)
    return content.with_reasoning_effort(openai.ReasoningEffort(options.effort.capitalize()))


def _developer(instructions: str, tools: Sequence[Tool] = ()) -> openai.DeveloperContent:
    content = openai.DeveloperContent.new()
    if instructions:
        content = content.with_instructions(instructions)
    if tools:
        described = [openai.ToolDescription.new(tool.name, tool.description, tool.parameters) for tool in tools]
        content = content.with_function_tools(described)
    return content


def _assistant(message: Message, *, with_reasoning: bool) -> list[openai.Message]:
    written = []
    if message.reasoning and with_reasoning:
        written.append(_said(message.reasoning, "analysis"))
    if message.content:
        written.append(_said(message.content, "commentary" if message.tool_calls else "final"))
    for call in message.tool_calls:
        said = _said(call.arguments, "commentary")
        written.append(said.with_recipient(f"functions.{call.name}").with_content_type("json"))
    return written


def _said(text: str, channel: str) -> openai.Message:
    return openai.Message.from_role_and_content(openai.Role.ASSISTANT, text).with_channel(channel)


def _ours(message: openai.Message, end: str) -> HarmonyMessage:
    content_type = (message.content_type or "").replace("<|constrain|>", "").strip() or None
    content = "".join(part.text for part in message.content)
    return HarmonyMessage(message.author.role.value, content, message.channel, message.recipient, content_type, end)
