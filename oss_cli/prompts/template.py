"""Any model but gpt-oss: the Jinja chat template inside its GGUF, rendered in a sandbox.

Text of users, tools, files and history never becomes a control token, whatever it looks like: every marker in it gets a
cut mark inside, and the rendered prompt is tokenised in parts that end at these marks. Knows nothing of llama.cpp.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date as Date
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.meta
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

from oss_cli.conversation.answer_form import CallForm
from oss_cli.conversation.messages import Message, Role, Tool
from oss_cli.errors import BadUsage, EngineFailed
from oss_cli.prompts.base import Prompt, RenderOptions, ReplyFrame, Vocabulary
from oss_cli.prompts.cut_marks import mark_text, unused_character
from oss_cli.prompts.form_instruction import with_instruction
from oss_cli.prompts.marking import is_marker, tokenize_text
from oss_cli.prompts.pieces import PieceTokenizer
from oss_cli.prompts.remembered import Remembered
from oss_cli.prompts.text_frame import refuse_calls, refuse_tools, text_frame
from oss_cli.prompts.text_reader import THINKING_TAGS, TextReader

_TEMPLATE_FAULTS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a template may raise: it is a program that came with a model, and its mistakes are not ours."""


class TemplateFormat:
    """A PromptFormat made of a model's own template."""

    name = "chat template"
    is_plain = False

    def __init__(self, vocabulary: Vocabulary, template: str) -> None:
        """Read a template.

        Raises:
            EngineFailed: it is not a Jinja template.
        """
        self._vocabulary = vocabulary
        self._source = template
        try:
            self._template = _sandbox().from_string(template)
        except (*_TEMPLATE_FAULTS, SyntaxError) as error:  # the last: too many nested blocks for Python
            raise EngineFailed("the model's chat template cannot be read", cause=_describe(error)) from error
        ends = {self._name(vocabulary.bos), self._name(vocabulary.eos)}  # templates have these from variables
        self._pieces = PieceTokenizer(vocabulary, lambda name: name in template or name in ends)
        self._marked = Remembered(self._mark)  # to mark a text is to tokenise it
        self._tags = next((tags for tags in THINKING_TAGS if tags[1] in template), None)

    def render(self, messages: Sequence[Message], options: RenderOptions) -> Prompt:
        """The prompt that asks for the next reply.

        Raises:
            BadUsage: the template refuses these messages, or has no place for tools.
        """
        messages, text, mark = self._ask(messages, options)
        tokens = self._tokenize_prompt(text, mark)
        stable = self._stable_length(messages, options, mark, tokens)
        return Prompt(tokens=tokens, text=text.replace(mark, ""), stable_tokens=stable)

    def count_prompt(self, messages: Sequence[Message], options: RenderOptions) -> int:
        """How many tokens the prompt that asks for the next reply has; half the work of `render`.

        Raises:
            BadUsage: as `render`.
        """
        _, text, mark = self._ask(messages, options)
        return len(self._tokenize_prompt(text, mark))

    def reader(self, prompt: Prompt) -> TextReader:
        """A reader for the reply to that prompt."""
        return TextReader(self._vocabulary, tags=self._tags, thinks=self._opens_reasoning(prompt))

    def frame(self, prompt: Prompt) -> ReplyFrame:
        """Reasoning between the tags, if the format knows them."""
        return text_frame(self._vocabulary, tags=self._tags, thinks=self._opens_reasoning(prompt))

    def call_frame(self, prompt: Prompt, form: CallForm) -> ReplyFrame:
        """There is none.

        Raises:
            BadUsage: always.
        """
        refuse_calls()

    def open_reply(self, prompt: Prompt, message: Message) -> list[int]:
        """What was thought, between the tags if the format knows them, and what was said."""
        mark = unused_character([message.reasoning, message.content])
        said, thought = (self._mark(text, mark) for text in (message.content, message.reasoning))
        is_open = self._opens_reasoning(prompt)
        if self._tags is not None and (is_open or thought):
            opening = "" if is_open else f"{self._tags[0]}\n"
            closing = f"\n{self._tags[1]}\n\n" if said else ""
            said = opening + thought.strip() + closing + said
        return self._tokenize(said, mark)

    def count_tokens(self, text: str) -> int:
        """How many tokens a text takes by itself."""
        return len(tokenize_text(self._vocabulary, text))

    def _ask(self, messages: Sequence[Message], options: RenderOptions) -> tuple[Sequence[Message], str, str]:
        """The messages as the template accepts them, the text that asks for a reply to them, and its mark."""
        if options.tools and not self._has_tools:
            refuse_tools("its chat template")
        if options.form is not None:
            messages = with_instruction(messages, options.form)
        mark = unused_character(_texts(messages, options.tools))
        try:
            return messages, self._render(messages, options, mark, asks=True), mark
        except _TEMPLATE_FAULTS as error:
            if not any(message.role in (Role.SYSTEM, Role.DEVELOPER) for message in messages):
                raise _refused(error) from error
            messages = _without_system(messages)  # a template that knows no system message: the user says it
            return messages, self._render_or_refuse(messages, options, mark), mark

    @cached_property
    def _has_tools(self) -> bool:
        """Whether the template reads the tools that it is given; the others would pass over them without a word."""
        return "tools" in jinja2.meta.find_undeclared_variables(_sandbox().parse(self._source))

    def _render_or_refuse(self, messages: Sequence[Message], options: RenderOptions, mark: str) -> str:
        try:
            return self._render(messages, options, mark, asks=True)
        except _TEMPLATE_FAULTS as error:
            raise _refused(error) from error

    def _render(self, messages: Sequence[Message], options: RenderOptions, mark: str, *, asks: bool) -> str:
        def safe(text: str) -> str:
            return self._marked(text, mark)

        variables: dict[str, object] = {
            "messages": [_as_mapping(message, safe) for message in messages],
            "add_generation_prompt": asks,
            "bos_token": self._name(self._vocabulary.bos),
            "eos_token": self._name(self._vocabulary.eos),
            "strftime_now": _clock(options.date),
            "date_string": _clock(options.date)("%d %b %Y"),
            "reasoning_effort": options.effort.value,
        }
        if options.tools:
            variables["tools"] = [_tool_as_mapping(tool, safe) for tool in options.tools]
        return self._template.render(variables)

    def _mark(self, text: str, mark: str) -> str:
        return mark_text(self._vocabulary, text, mark, self._is_marker)

    def _is_marker(self, token: int) -> bool:
        return is_marker(self._vocabulary, token) or (
            self._vocabulary.is_special(token) and self._vocabulary.name(token) in self._source
        )

    def _opens_reasoning(self, prompt: Prompt) -> bool:
        return self._tags is not None and prompt.text.rstrip().endswith(self._tags[0])

    def _name(self, token: int | None) -> str:
        return self._vocabulary.name(token) if token is not None else ""

    def _tokenize(self, text: str, mark: str) -> list[int]:
        return self._pieces.tokenize(text.split(mark))

    def _tokenize_prompt(self, text: str, mark: str) -> list[int]:
        tokens = self._tokenize(text, mark)
        bos = self._vocabulary.bos
        if bos is not None and self._vocabulary.adds_bos and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        return tokens

    def _stable_length(self, messages: Sequence[Message], options: RenderOptions, mark: str, tokens: list[int]) -> int:
        """How much of the prompt stays when the conversation goes on: what is there without the request to answer."""
        try:
            history = self._tokenize_prompt(self._render(messages, options, mark, asks=False), mark)
        except _TEMPLATE_FAULTS:
            return max(0, len(tokens) - 1)
        end = min(len(history), len(tokens))
        if history[:end] == tokens[:end]:  # the usual case, at C speed
            return max(0, min(end, len(tokens) - 1))
        return next(index for index in range(end) if history[index] != tokens[index])


def _sandbox() -> jinja2.sandbox.ImmutableSandboxedEnvironment:
    """An environment as the templates expect it (transformers' apply_chat_template), from which nothing can be reached.

    Source: huggingface transformers, utils/chat_template_utils.py: trimmed blocks, loop controls, `raise_exception`,
    `tojson` that leaves non-ASCII letters and HTML alone.
    """
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols, _Generation]
    )
    environment.globals["raise_exception"] = _raise_exception
    environment.filters["tojson"] = _to_json
    return environment


class _Generation(jinja2.ext.Extension):
    """`{% generation %}`, which marks what a model is trained to say (SmolLM3's template has it): its content alone.

    Source: huggingface transformers, utils/chat_template_utils.py, AssistantTracker.
    """

    tags = {"generation"}

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        """The statements up to `{% endgeneration %}`."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _raise_exception(message: object) -> NoReturn:
    raise jinja2.TemplateError(str(message))


def _to_json(value: object, indent: int | None = None, **_ignored: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _clock(date: str) -> Callable[[str], str]:
    moment = datetime.combine(Date.fromisoformat(date), datetime.min.time())
    return moment.strftime


def _as_mapping(message: Message, safe: Callable[[str], str]) -> dict[str, Any]:
    """A message under the keys that templates read; none of them knows a developer."""
    role = Role.SYSTEM if message.role is Role.DEVELOPER else message.role
    mapping: dict[str, Any] = {"role": role.value, "content": safe(message.content)}
    if message.reasoning:
        mapping["reasoning_content"] = safe(message.reasoning)
    if message.tool_calls:
        mapping["tool_calls"] = [
            {
                "id": safe(call.id),
                "type": "function",
                "function": {"name": safe(call.name), "arguments": _arguments(call.arguments, safe)},
            }
            for call in message.tool_calls
        ]
    if message.role is Role.TOOL:
        mapping["tool_call_id"] = safe(message.tool_call_id)
    if message.role is Role.TOOL or message.name:
        mapping["name"] = safe(message.name)
    return mapping


def _arguments(text: str, safe: Callable[[str], str]) -> object:
    """A call's arguments as an object, which most templates want to write themselves; a malformed text stays text."""
    try:
        return _marked(json.loads(text), safe)
    except (ValueError, RecursionError):
        return safe(text)


def _tool_as_mapping(tool: Tool, safe: Callable[[str], str]) -> dict[str, Any]:
    definition = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters or {})}
    return {"type": "function", "function": _marked(definition, safe)}


def _marked(value: object, safe: Callable[[str], str]) -> object:
    """A JSON value, every text in it made safe; before it is read, an escape such as \\u003c would hide a marker."""
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, Mapping):
        return {safe(str(key)): _marked(one, safe) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_marked(one, safe) for one in value]
    return value


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The messages with all instructions at the head of the first user's message; without one, as one."""
    instructions = [message.content for message in messages if message.role in (Role.SYSTEM, Role.DEVELOPER)]
    rest = [message for message in messages if message.role not in (Role.SYSTEM, Role.DEVELOPER)]
    first = next((index for index, message in enumerate(rest) if message.role is Role.USER), None)
    if first is None:
        return [Message(Role.USER, "\n\n".join(instructions)), *rest]
    content = "\n\n".join([*instructions, rest[first].content])
    return [*rest[:first], replace(rest[first], content=content), *rest[first + 1 :]]


def _texts(messages: Sequence[Message], tools: Sequence[Tool]) -> Iterator[str]:
    """Everything that somebody else may have written."""
    for message in messages:
        yield from (message.content, message.reasoning, message.tool_call_id, message.name)
        for call in message.tool_calls:
            yield from (call.name, call.id, call.arguments, _unescaped(call.arguments))
    for tool in tools:
        yield json.dumps([tool.name, tool.description, tool.parameters], ensure_ascii=False, default=dict)


def _unescaped(text: str) -> str:
    """The letters of a JSON text once its escapes are read; of anything else, none."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return ""


def _refused(error: Exception) -> BadUsage:
    return BadUsage("the model's chat template refuses this conversation", cause=_describe(error))


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__
