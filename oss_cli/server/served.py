"""What is served, and under which rules. Plain values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from oss_cli.backends.base import Backend
from oss_cli.conversation.options import ReplyOptions


class Embedder(Protocol):
    """What makes vectors of texts."""

    def embed(self, text: str) -> tuple[list[float], int]:
        """The vector of a text, and how many tokens the text has. Blocks; from any thread.

        Raises:
            OssError: it cannot be made.
        """


@dataclass(frozen=True, slots=True)
class Served:
    """The model that answers."""

    chat: Backend
    plain: Backend
    """The same model, which goes on with a text as it stands."""
    names: tuple[str, ...]
    """What requests may call it; the first is its own."""
    created: int
    """When its file was made, in seconds since 1970."""
    options: Callable[[], ReplyOptions]
    """What decides where a request does not, with the date of the day."""
    system: str = ""
    """Instructions for requests that have none."""
    embedder: Embedder | None = None
    """Of a model that is made for vectors, and not for answers."""

    @property
    def name(self) -> str:
        """Its own name."""
        return self.names[0]


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may ask for what."""

    parallel: int = 1
    """How many replies are made at the same time."""
    queue: int = 32
    """How many requests may wait."""
    api_key: str = ""
    """What every request must bring; empty: nothing."""
    hosts: frozenset[str] = frozenset()
    """What the Host header may say, without its port; empty: anything."""
    origins: tuple[str, ...] = ()
    """Web pages that may ask; `*`: all."""
    most_body_bytes: int = 32 << 20
    body_timeout_s: float = 60.0
    """For all of a request to arrive."""
