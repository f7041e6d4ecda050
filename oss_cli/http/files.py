"""The HTTP client for large files: one range of bytes after the other, over connections that are kept open.

Knows nothing of the Hub. What may pass by itself (a lost connection, a busy server) comes out as `HttpTrouble`; the
caller decides how long to be patient. httpx2 brings proxies and the system's certificates, and huggingface_hub httpx2.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

CONNECT_TIMEOUT_S = 3.0
"""A network that is there answers sooner; one that is not must be told of in about three seconds."""
READ_TIMEOUT_S = 10.0
"""Silence on a connection that is open; after it, another one is tried."""

_RATE_LIMIT = re.compile(r"\bt=(\d+)")  # RateLimit: "resolvers";r=0;t=5 (IETF draft-ietf-httpapi-ratelimit-headers)


class HttpTrouble(Exception):
    """Something that may be better in a moment."""

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        wait_s: float | None = None,
        is_tls: bool = False,
        is_silence: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        """For people: "HTTP 503", "the connection was refused"."""
        self.status = status
        self.wait_s = wait_s
        """How long the server asks to be left alone; None if it does not say."""
        self.is_tls = is_tls
        """Whether it is the certificate or the encryption; told of services alone."""
        self.is_silence = is_silence
        """Whether a connection was there and nothing came; told of services alone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The beginning of an answer, and its body as it comes."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class HttpClient:
    """Reads bytes from addresses; may be used by many threads at once."""

    def __init__(self, connections: int, *, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        limits = httpx2.Limits(max_connections=connections + 2, max_keepalive_connections=connections + 2)
        self._client = httpx2.Client(follow_redirects=True, timeout=make_timeout(read_timeout_s), limits=limits)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str], span: tuple[int, int] | None = None) -> Iterator[Answer]:
        """Ask for an address; of its bytes only those from span[0] up to, not with, span[1].

        Raises:
            HttpTrouble: the connection could not be made, or broke while the body was read.
        """
        # A compressed body has other bytes at other places.
        asked = {**headers, "Accept-Encoding": "identity"}
        if span is not None:
            asked["Range"] = f"bytes={span[0]}-{span[1] - 1}"
        with translated_errors(), self._client.stream("GET", url, headers=asked) as response:
            # Pieces as they come: pieces of a given size would be held back, and lost when the connection breaks.
            yield Answer(response.status_code, response.headers, response.iter_raw())


def is_address(text: str) -> bool:
    """Whether it is the address of a server, with or without a path there."""
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:
        return False
    # Signs that no host may have are percent-encoded by now.
    is_server = url.scheme in ("http", "https") and bool(url.host) and "%" not in url.host and (url.port or 1) < 1 << 16
    return is_server and text.isprintable() and not set(text) & set(" ?#")


def make_timeout(read_s: float) -> httpx2.Timeout:
    """How long to wait for a connection and on it, in the form that this library wants."""
    return httpx2.Timeout(read_s, connect=min(read_s, CONNECT_TIMEOUT_S))


@contextmanager
def translated_errors() -> Iterator[None]:
    """What httpx2 raises inside the block for a network that fails comes out as ours.

    Raises:
        HttpTrouble: the request or its answer did not get through.
    """
    try:
        yield
    except httpx2.ConnectTimeout as error:
        raise HttpTrouble(f"no connection within {CONNECT_TIMEOUT_S:.0f} s") from error
    except httpx2.TimeoutException as error:
        raise HttpTrouble("the connection is open, but nothing comes") from error
    except httpx2.ConnectError as error:
        raise HttpTrouble(f"no connection: {error}") from error
    except httpx2.InvalidURL as error:
        raise HttpTrouble(f"an address that is none: {error}") from error
    except httpx2.RequestError as error:
        raise HttpTrouble(f"the connection broke: {error or type(error).__name__}") from error


def read_wait_s(headers: Mapping[str, str]) -> float | None:
    """How long an answer asks us to wait, by its Retry-After or the Hub's RateLimit; None if it does not say."""
    seconds = headers.get("retry-after", "").strip()
    if seconds.isascii() and seconds.isdigit():  # a superscript two is a digit, and no number
        return float(seconds)
    limit = _RATE_LIMIT.search(headers.get("ratelimit", ""))
    return float(limit[1]) + 1 if limit else None
