"""Harmony as a prompt format: messages to tokens, and a reader for the reply."""

import re
from collections.abc import Collection, Iterator, Sequence

from oss_cli.conversation.answer_form import CallForm
from oss_cli.conversation.messages import Message
from oss_cli.errors import BadUsage
from oss_cli.prompts.base import Prompt, RenderOptions, ReplyFrame, Vocabulary
from oss_cli.prompts.harmony.developer import developer_text, system_text
from oss_cli.prompts.harmony.history import CallStyle, split_instructions, write_history
from oss_cli.prompts.harmony.markers import find_markers
from oss_cli.prompts.harmony.message import HarmonyMessage
from oss_cli.prompts.harmony.reader import HarmonyReader
from oss_cli.prompts.marking import tokenize_text
from oss_cli.prompts.remembered import Remembered

_Part = tuple[str, bool]
"""A control token's name and True, or a text and False."""

_FRAME = r"""
root ::= thought* {channel} "final" type? {message} answer
thought ::= {channel} "analysis" {message} ([\x00-\x7F] | half)* {end} {start} "assistant"
type ::= " json" | {constrain_type}
"""
"""gpt-oss often says after the channel's name that JSON follows."""

_CALLS_FRAME = r"""
root ::= (thought | preamble)* (CHOICES)
answered ::= {channel} "final" type? {message} answer
preamble ::= {channel} "commentary" {message} ([\x00-\x7F] | half)* {end} {start} "assistant"
thought ::= {channel} "analysis" {message} ([\x00-\x7F] | half)* {end} {start} "assistant"
type ::= " json" | {constrain_type}
"""
_CALL = r"""
call-N ::= (early-N | {channel} "commentary to=functions.NAME") type? {message} arguments-N {call}
early-N ::= " to=functions.NAME" {channel} "commentary"
"""
"""gpt-oss names the tool before the channel or after it."""
_TOOL_NAME = re.compile("[a-zA-Z0-9_.-]{1,64}")

_REPLY: tuple[_Part, ...] = (("<|start|>", True), ("assistant", False))


class HarmonyFormat:
    """How gpt-oss writes a conversation.

    Raises:
        EngineFailed: the vocabulary lacks harmony's control tokens.
    """

    name = "harmony"
    is_plain = False

    def __init__(
        self, vocabulary: Vocabulary, *, call_content_type: str = "json", builtin_tools: Collection[str] = ()
    ) -> None:
        self._vocabulary = vocabulary
        self._markers = find_markers(vocabulary)
        self._builtin_tools = builtin_tools
        # Splitting a text costs llama.cpp 0.6 ms, however short it is; a chat renders its whole history every turn.
        self._tokens_of = Remembered(self._tokenize_text)
        self._style = CallStyle(call_content_type, has_builtin_tools=bool(builtin_tools))

    def render(self, messages: Sequence[Message], options: RenderOptions) -> Prompt:
        """The prompt that asks for the next reply. Texts of the messages never become control tokens.

        Raises:
            BadUsage: a tool's message that names no tool.
        """
        instructions, rest = split_instructions(messages)
        written = [HarmonyMessage("system", system_text(options, self._builtin_tools))]
        if developer := developer_text(instructions, options.tools, options.form):
            written.append(HarmonyMessage("developer", developer))
        written += write_history(rest, options.tools, self._style)
        parts = [part for message in written for part in _parts(message)]
        tokens = self._tokenize(parts)
        text = "".join(part for part, _ in (*parts, *_REPLY))
        return Prompt(tokens + self._tokenize(_REPLY), text, stable_tokens=len(tokens))

    def count_prompt(self, messages: Sequence[Message], options: RenderOptions) -> int:
        """How many tokens the prompt that asks for the next reply has.

        Raises:
            BadUsage: a tool's message that names no tool.
        """
        return len(self.render(messages, options).tokens)

    def reader(self, prompt: Prompt) -> HarmonyReader:
        """A reader for the reply to that prompt: it goes on where the prompt has ended, after `<|start|>assistant`."""
        return HarmonyReader(self._vocabulary)

    def frame(self, prompt: Prompt) -> ReplyFrame:
        """Messages of reasoning, then the answer on the channel for it; no preamble and no call."""
        return self._frame(_FRAME)

    def call_frame(self, prompt: Prompt, form: CallForm) -> ReplyFrame:
        """Messages of reasoning, then a call on the channel for it, or where there may be one an answer.

        Raises:
            BadUsage: a tool has a name that the format cannot express.
        """
        grammar = _CALLS_FRAME
        for number, name in enumerate(form.names):
            if _TOOL_NAME.fullmatch(name) is None:
                raise BadUsage(f"a tool cannot be called {name!r}", cause="letters, digits, _, . and - can stand there")
            grammar += _CALL.replace("NAME", name).replace("-N ", f"-{number} ")
        choices = [f"call-{number}" for number in range(len(form.names))]
        if form.may_answer:
            choices.append("answered")
        return self._frame(grammar.replace("CHOICES", " | ".join(choices)))

    def open_reply(self, prompt: Prompt, message: Message) -> list[int]:
        """What was thought as a message of reasoning, what was said as the answer; the last of them is left open."""
        said = [
            HarmonyMessage("assistant", text, channel)
            for text, channel in ((message.reasoning, "analysis"), (message.content, "final"))
            if text
        ]
        parts = [part for one in said for part in _parts(one)]
        return self._tokenize(parts[len(_REPLY) : -1])  # the prompt has begun the first; the last goes on

    def count_tokens(self, text: str) -> int:
        """How many tokens a text takes by itself."""
        return len(self._tokens_of(text))

    def _frame(self, grammar: str) -> ReplyFrame:
        ids = self._markers.ids
        names = {name.strip("<|>"): f"<[{token}]>" for name, token in ids.items()}
        constrain = f'" "? {names["constrain"]} "json"' if "constrain" in names else '" code"'
        return ReplyFrame(grammar.format(**names, constrain_type=constrain), closing=frozenset({ids["<|end|>"]}))

    def _tokenize(self, parts: Sequence[_Part]) -> list[int]:
        tokens: list[int] = []
        for part, is_control in parts:
            if is_control and part in self._markers.ids:
                tokens.append(self._markers.ids[part])
            else:
                tokens += self._tokens_of(part)
        return tokens

    def _tokenize_text(self, text: str) -> tuple[int, ...]:
        return tuple(tokenize_text(self._vocabulary, text))


def _parts(message: HarmonyMessage) -> Iterator[_Part]:
    """Each text apart, as openai_harmony does: a token never spans the seam of two."""
    yield "<|start|>", True
    yield message.name or message.role, False
    if message.recipient:
        yield f" to={message.recipient}", False
    if message.channel:
        yield "<|channel|>", True
        yield message.channel, False
    if message.content_type:
        plain = message.content_type.removeprefix("<|constrain|>")
        if plain == message.content_type:
            yield f" {plain}", False
        else:
            yield from ((" ", False), ("<|constrain|>", True), (plain, False))
    yield "<|message|>", True
    yield message.content, False
    yield message.end or "<|end|>", True
