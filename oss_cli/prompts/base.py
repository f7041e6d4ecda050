"""What a prompt format is: it renders messages to tokens and reads the tokens of a reply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from oss_cli.conversation.answer_form import AnswerForm, CallForm
from oss_cli.conversation.events import ReplyEvent
from oss_cli.conversation.messages import Message, Tool
from oss_cli.conversation.options import ReasoningEffort


class Vocabulary(Protocol):
    """The tokens of one model, as a prompt format needs them."""

    bos: int | None
    """The token that stands at the very beginning of a text; None: the model has none."""
    eos: int | None
    """The token that ends a text; None: the model has none."""
    adds_bos: bool
    """Whether a prompt has to begin with `bos`."""

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        """Token ids of a text, with nothing added at its ends.

        parse_special: whether names of control tokens in the text become these tokens. Beware: llama.cpp turns
        *user-defined* tokens (gpt-oss's `<|start|>` among them) into themselves even when it is False.
        """

    def special(self, name: str) -> int | None:
        """The control or user-defined token that is written like this, or None."""

    def special_names(self) -> dict[str, int]:
        """Every control and user-defined token by the text it is written as."""

    def is_control(self, token: int) -> bool:
        """Whether a token is of the control type (not user-defined, not text)."""

    def is_special(self, token: int) -> bool:
        """Whether a token is control, user-defined or the one for unknown text."""

    def name(self, token: int) -> str:
        """A token as people write it: its text, and for a control token its name."""

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for; empty for control tokens. Not always whole UTF-8 characters."""

    def is_end(self, token: int) -> bool:
        """Whether the model ends its reply with this token."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation as the model reads it."""

    tokens: list[int]
    text: str
    """The same for people, control tokens as their names; ambiguous where a user's text looks like one."""
    stable_tokens: int
    """How many leading tokens the prompt of the next turn will share; at most len(tokens) - 1."""


@dataclass(frozen=True, slots=True)
class ReplyFrame:
    """What may stand around an answer whose form is given."""

    grammar: str
    """GBNF: the rule `root` is a whole reply, in which the rule `answer`, defined elsewhere, is the answer. Control
    tokens stand in it by their ids. The rule `half`, defined elsewhere too, is any byte of a character beyond ASCII:
    reasoning that is cut short may end in the middle of one.
    """
    spellings: Mapping[int, bytes] = field(default_factory=dict)
    """Bytes of tokens that have none of their own and are read as text."""
    closing: frozenset[int] = frozenset()
    """Tokens that end an answer, beside those that end a reply."""


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What a prompt says beside the messages."""

    date: str
    """ISO date that the model is told; frozen for the life of a conversation, or the cache is lost at midnight."""
    effort: ReasoningEffort = ReasoningEffort.MEDIUM
    tools: tuple[Tool, ...] = ()
    form: AnswerForm | None = None
    """The form of the answer, for the model to know; it is held to it elsewhere."""


class ReplyReader(Protocol):
    """Reads one reply, token by token. A reply that has ended ignores further tokens."""

    is_done: bool
    """Whether the reply has ended: sampling must stop."""

    @property
    def reasoning_tokens(self) -> int:
        """How many of the tokens so far were reasoning; markup around it is not."""

    def feed(self, token: int) -> list[ReplyEvent]:
        """Events that this token completes. Quick: runs between two tokens."""

    def switch_to_answer(self, *, splits_characters: bool = False) -> list[int]:
        """The tokens that end the reasoning here and open the answer; none where it must not or need not be done.

        It must not be done inside a call. splits_characters: also where half a character of the reasoning has come.
        """

    def close(self, *, is_cut_off: bool = False) -> list[ReplyEvent]:
        """What was held back; call it once, after the last token.

        is_cut_off: the reply may be gone on with, so that half a character at its end is left out instead of replaced.
        """


class PromptFormat(Protocol):
    """How one family of models writes a conversation."""

    name: str
    """As shown to people: "harmony", "chat template", "plain text"."""
    is_plain: bool
    """Whether it has no roles: the model only goes on with a text."""

    def render(self, messages: Sequence[Message], options: RenderOptions) -> Prompt:
        """The prompt that asks for the next reply.

        Raises:
            BadUsage: the format cannot express these messages.
        """

    def count_prompt(self, messages: Sequence[Message], options: RenderOptions) -> int:
        """How many tokens the prompt that asks for the next reply has. Quick on what was rendered or counted before.

        Raises:
            BadUsage: the format cannot express these messages.
        """

    def reader(self, prompt: Prompt) -> ReplyReader:
        """A reader for the reply to that prompt."""

    def frame(self, prompt: Prompt) -> ReplyFrame:
        """What may stand around the answer in a reply to that prompt: reasoning, and no call of a tool."""

    def call_frame(self, prompt: Prompt, form: CallForm) -> ReplyFrame:
        """What may stand around a call, and around an answer if there may be one: a rule `arguments-N`, defined
        elsewhere, stands for the arguments of the Nth of the form's names.

        Raises:
            BadUsage: the format has no calls, or none of that name.
        """

    def open_reply(self, prompt: Prompt, message: Message) -> list[int]:
        """Tokens that stand for a reply to that prompt which has said so much and goes on; none of its text's are
        control tokens.
        """

    def count_tokens(self, text: str) -> int:
        """How many tokens a text takes by itself."""
