"""Where a server is and how to speak to it. Plain values; no I/O."""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SILENCE_S = 600.0
"""So long may nothing come: a long prompt on a busy server is read for minutes before its reply begins."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers at `url` + /chat/completions."""

    url: str
    """Without a slash at its end: http://127.0.0.1:8000/v1."""
    called: str
    """What the user calls it, as it stands after --server."""
    api_key: str = field(default="", repr=False)
    silence_s: float = SILENCE_S

    @property
    def root(self) -> str:
        """Where a server has what is its own: the address without /v1."""
        return self.url.removesuffix("/v1")

    @property
    def is_loopback(self) -> bool:
        """Whether it is this computer."""
        return is_loopback(self.url)


def is_loopback(url: str) -> bool:
    """Whether an address leads to this computer and to no network."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
