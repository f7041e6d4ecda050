"""One message as harmony writes it. A plain value: knows nothing of tokens, and is used in both directions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HarmonyMessage:
    """`<|start|>role to=recipient<|channel|>channel content_type<|message|>content end`."""

    role: str
    """system, developer, user, assistant or tool."""
    content: str
    channel: str | None = None
    """analysis, commentary or final; whatever the model wrote instead; None: it wrote none."""
    recipient: str | None = None
    """Whom an assistant calls (`functions.NAME`), or to whom a tool answers (`assistant`)."""
    content_type: str | None = None
    end: str | None = "<|end|>"
    """The closing token's name; `implicit`: another message began without one; None: the tokens ran out."""
    name: str | None = None
    """A tool's full name, which stands where other messages have their role."""
