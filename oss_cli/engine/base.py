"""What an engine is: it evaluates a prompt of token ids and samples more of them."""

import threading
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from oss_cli.conversation.options import SamplingOptions


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows a token of a reply."""

    stops: bool = False
    """Whether the reply ends with this token."""
    forced: tuple[int, ...] = ()
    """Tokens that come next instead of sampled ones."""


GO_ON = Decision()
STOP = Decision(stops=True)


class TokenSource(Protocol):
    """All tokens of a model. For one thread at a time."""

    size: int
    """How many there are; their ids count from 0."""

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for; empty for control tokens. Not always whole UTF-8 characters."""

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        """The tokens of a text, with nothing added at its ends.

        parse_special: whether names of control tokens become these tokens; some do in any case.
        """

    def pieces(self) -> Iterable[bytes]:
        """`piece` of every token, in the order of their ids; it takes a while."""

    def is_special(self, token: int) -> bool:
        """Whether a token is more than a piece of text."""

    def is_end(self, token: int) -> bool:
        """Whether the model ends its reply with this token."""

    def end_tokens(self) -> Collection[int]:
        """Every token with which the model ends its reply."""


class TokenFilter(Protocol):
    """Which tokens may come next in a reply. Asked on the engine's thread; `on_token` tells it what came."""

    def allows(self, token: int) -> bool:
        """Whether a token may come next. Quick: asked for every token that is sampled."""

    def allowed_tokens(self) -> Sequence[int]:
        """Every token that may come next, each once. Asked only when no likely one may."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One prompt and how to go on from it."""

    prompt: list[int]
    """Token ids; at least one."""
    sampling: SamplingOptions
    """Every field that the sampler needs is decided; `stop` is not the engine's business."""
    on_token: Callable[[int], Decision]
    """Called for each token of the reply, the closing one and forced ones included, on the engine's own thread between
    two evaluations: it must be quick."""
    stable_tokens: int | None = None
    """How many tokens of the prompt the next one of this conversation will share; None: there will be no next one."""
    forced: tuple[int, ...] = ()
    """Tokens that the reply begins with; in everything like those that a `Decision` forces."""
    only: TokenFilter | None = None
    """What sampled tokens must get past; forced ones come in any case."""
    owner: str = ""
    """The conversation that it is a turn of; what is kept on disk of it is found by that. Empty: none."""
    recurring_tokens: int | None = None
    """How many leading tokens other prompts, of later processes as well, will begin with; None: nobody knows of any."""
    cancelled: threading.Event | None = None
    """Set from any thread: the generation ends as cancelled."""
    chances: int | None = None
    """Whether each sampled token comes with its chance, and with so many of the likeliest others."""
    may_guess: bool = True
    """Whether several tokens may be evaluated together, as many as pay; rounding then depends on measured times."""


class EndReason(StrEnum):
    """Why sampling stopped."""

    END_TOKEN = "end_token"
    ON_TOKEN = "on_token"
    """`on_token` said so."""
    MAX_TOKENS = "max_tokens"
    CONTEXT_FULL = "context_full"
    NO_TOKEN = "no_token"
    """The request's filter let none through."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Prefilled:
    """Progress of evaluating the prompt."""

    done_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Chance:
    """How likely the model held a token, before any sampling option; natural logarithms."""

    logprob: float
    likeliest: tuple[tuple[int, float], ...] = ()
    """Tokens and theirs, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """One token of the reply, chosen or forced; `on_token` has seen it already."""

    token: int
    chance: Chance | None = None
    """Of a chosen one, where the request wants it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event of a generation."""

    reason: EndReason
    reused_tokens: int
    """Tokens of the prompt that were in the cache and were not evaluated again."""
    sampled_tokens: int
    """Every token of the reply, forced ones included."""
    context_tokens: int
    """How many tokens the context holds."""
    prefill_s: float
    """From the start of the prompt's evaluation to the first sampled token."""
    decode_s: float
    """From the first sampled token to the last."""
    drafted_tokens: int = 0
    """Tokens that were guessed beforehand and evaluated together with others."""
    accepted_tokens: int = 0
    """How many of them were right."""


EngineEvent = Prefilled | Sampled | Ended


class Engine(Protocol):
    """A loaded model."""

    @property
    def vocabulary_tokens(self) -> int:
        """How many tokens the model knows: their ids are 0 to one less."""

    @property
    def tokens(self) -> TokenSource:
        """Its vocabulary."""

    @property
    def trained_tokens(self) -> int:
        """The longest context the model was trained for."""

    @property
    def most_tokens(self) -> int:
        """The most tokens, prompt and reply together, that its context holds or may grow to.

        Raises:
            EngineFailed: the engine was closed.
        """

    def generate(self, request: GenerationRequest) -> Generator[EngineEvent, None, None]:
        """Events of one generation, ending in `Ended`. Closing the generator early stops the engine.

        Raises:
            PromptTooLong: the prompt leaves no room in the context.
            EngineFailed: the model could not be evaluated.
        """

    def close(self) -> None:
        """Give the memory back. May be called twice."""
