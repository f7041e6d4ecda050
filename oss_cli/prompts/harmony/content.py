"""The content of one message while it streams: bytes in, events out. Knows nothing of headers' grammar and tokens."""

import codecs

from oss_cli.conversation.events import (
    PreambleDelta,
    ReasoningDelta,
    ReplyEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
)
from oss_cli.conversation.messages import ToolCall
from oss_cli.prompts.harmony.header import Header
from oss_cli.prompts.harmony.markers import TERMINATORS
from oss_cli.prompts.harmony.message import HarmonyMessage
from oss_cli.prompts.harmony.routing import Route, route, tool_name


class Content:
    """A message whose header is known and whose end has not come."""

    def __init__(self, header: Header, call_index: int) -> None:
        """call_index: which call of the reply this is, if it is one."""
        self.header = header
        self.route = route(header)
        self._call_index = call_index
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parts: list[str] = []

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self._parts)

    def add(self, data: bytes) -> list[ReplyEvent]:
        """The event of the characters that these bytes complete."""
        return self._tell(self._decoder.decode(data))

    @property
    def has_half_character(self) -> bool:
        """Whether the last bytes are the beginning of a character that has not come in full."""
        return bool(self._decoder.getstate()[0])

    def finish(self, end: str | None, *, is_cut_off: bool = False) -> tuple[HarmonyMessage, list[ReplyEvent]]:
        """The whole message, and its last events. Half a character becomes U+FFFD, or is left out if it is cut off.

        end: as in `HarmonyMessage`; without a closing token a call is not complete, and never said to be.
        """
        events = [] if is_cut_off else self._tell(self._decoder.decode(b"", final=True))
        header, text = self.header, self.text
        if self.route is Route.CALL and end in TERMINATORS:
            events.append(ToolCallEnded(self._call_index, ToolCall(self._tool_name, text)))
        message = HarmonyMessage(
            header.role, text, header.channel, header.recipient, header.content_type, end, header.name
        )
        return message, events

    @property
    def _tool_name(self) -> str:
        return tool_name(self.header.recipient or "")

    def _tell(self, text: str) -> list[ReplyEvent]:
        if not text:
            return []
        self._parts.append(text)
        match self.route:
            case Route.REASONING:
                return [ReasoningDelta(text)]
            case Route.PREAMBLE:
                return [PreambleDelta(text)]
            case Route.ANSWER:
                return [TextDelta(text)]
            case Route.CALL:
                return [ToolCallDelta(self._call_index, self._tool_name, text)]
            case Route.HELD | Route.NOWHERE:
                return []
