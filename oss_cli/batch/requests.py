"""What a batch is made of: entries, each a request or the reason why it is none. Plain values; no I/O."""

from dataclasses import dataclass
from enum import StrEnum

from oss_cli.conversation.answer_form import AnswerForm
from oss_cli.conversation.messages import Message, Tool
from oss_cli.conversation.options import ReasoningEffort, SamplingOptions


class Form(StrEnum):
    """How a request was written; its record has the same form."""

    SHORT = "short"
    OPENAI = "openai"


class ProblemCode(StrEnum):
    """Why a request has no answer, for programs; part of the interface."""

    INVALID_JSON = "invalid_json"
    INVALID_REQUEST = "invalid_request"
    UNSUPPORTED_FIELD = "unsupported_field"
    DOES_NOT_FIT = "does_not_fit"
    """Longer than the context."""
    REPLY_CUT_OFF = "reply_cut_off"
    """The reply ended before an answer began."""
    REPLY_NOT_VALID = "reply_not_valid"
    """The answer has not the form that was asked for."""
    ENGINE_FAILED = "engine_failed"
    SERVER_FAILED = "server_failed"
    """The server failed; what had come of the reply stands beside this."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request has no answer."""

    code: ProblemCode
    message: str


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a model. What is None or undecided is left to the options of the whole batch."""

    messages: tuple[Message, ...]
    sampling: SamplingOptions = SamplingOptions()
    effort: ReasoningEffort | None = None
    tools: tuple[Tool, ...] = ()
    model: str | None = None
    """The model that it names."""
    form: AnswerForm | None = None
    """What its answer must be like."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the input."""

    id: str | int
    """As it was given; if none was, the number of its line, or `line N` where another has that number for an id."""
    line: int
    """Counted from 1."""
    form: Form
    request: Request | Problem
    is_numbered: bool = False
    """Whether it was given no id."""

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return str(self.id)
