"""Reads a reply in harmony, token by token, and forgives what can be forgiven.

A state machine on token ids: a control token's name that is written as text stays text. Nothing of a header is shown,
nor text of which it is not known yet that it is none. Knows nothing of sampling: it says that a reply has ended, and
the caller stops.
Source: openai/harmony docs/format.md; the malformed replies are those of tests/prompts/cases.
"""

from oss_cli.conversation.events import ReplyEvent, TextDelta
from oss_cli.prompts.base import Vocabulary
from oss_cli.prompts.harmony.content import Content
from oss_cli.prompts.harmony.draft import HeaderDraft
from oss_cli.prompts.harmony.header import Header, parse_header, recover_header
from oss_cli.prompts.harmony.markers import TERMINATORS, find_markers
from oss_cli.prompts.harmony.message import HarmonyMessage
from oss_cli.prompts.harmony.routing import Route
from oss_cli.prompts.harmony.switch import leave_content, leave_header

_MOST_WARNINGS = 100  # a model that runs wild would fill the log
_SECTIONS = {"<|channel|>": "channel", "<|constrain|>": "constrain"}


class HarmonyReader:
    """A ReplyReader for what follows `<|start|>assistant`; with `start_role=None`, for a whole transcript.

    It is always in one of two states: inside a header (or the gap before one), or inside a message's content.
    reads_past_calls: go on after a complete call, for replies that were sampled further.
    """

    def __init__(
        self, vocabulary: Vocabulary, *, start_role: str | None = "assistant", reads_past_calls: bool = False
    ) -> None:
        self.is_done = False
        self.reasoning_tokens = 0
        """How many of the tokens so far were reasoning; markup around it is not."""
        self.messages: list[HarmonyMessage] = []
        """Every message read so far, reasoning and calls included."""
        self.warnings: list[str] = []
        """What was wrong with the reply, for the log."""
        self._vocabulary = vocabulary
        markers = find_markers(vocabulary)
        self._markers, self._ids = markers.names, markers.ids
        self._is_transcript = start_role is None
        self._reads_past_calls = reads_past_calls
        self._content: Content | None = None
        self._draft = HeaderDraft(start_role or "assistant", is_gap=start_role is None)
        self._said: Route | None = None
        """What the last message was."""
        self._calls = 0
        self._held: list[str] = []
        self._has_spoken = False

    def feed(self, token: int) -> list[ReplyEvent]:
        """Events that this token completes. The cost does not grow with the reply."""
        if self.is_done:
            return []
        marker = self._markers.get(token)
        if marker is None and self._vocabulary.is_end(token):
            marker = "<|endoftext|>"
        if marker is None:
            return self._read_text(self._vocabulary.piece(token))
        return self._end_header(marker) if self._content is None else self._end_content(self._content, marker)

    def switch_to_answer(self, *, splits_characters: bool = False) -> list[int]:
        """The tokens that end the reasoning here and open the answer; none where it must not or need not be done."""
        if self.is_done:
            return []
        if self._content is None:
            parts = leave_header(self._draft, self._said)
        else:
            parts = leave_content(self._content, splits_characters=splits_characters)
        return [token for part in parts for token in self._write(part)]

    def close(self, *, is_cut_off: bool = False) -> list[ReplyEvent]:
        """What was held back: the reply is over, whether it has ended or was cut off."""
        events: list[ReplyEvent] = []
        if not self.is_done and self._content is None:
            events = self._recover(None, goes_on=is_cut_off)
        elif not self.is_done and self._content is not None:
            events = self._finish(self._content, None, is_cut_off=is_cut_off)
        self.is_done = True
        if self._held and not self._has_spoken:
            events.append(TextDelta("\n\n".join(self._held)))
        self._held = []
        return events

    def _read_text(self, data: bytes) -> list[ReplyEvent]:
        if self._content is not None and self._content.route is Route.REASONING:
            self.reasoning_tokens += 1
        if not data:
            self._warn("ignored a reserved token")
            return []
        if self._content is not None:
            return self._content.add(data)
        self._draft.add(data)
        if not self._draft.is_answer():
            return []
        header, text = recover_header(self._draft.sections(goes_on=True), self._draft.role, is_cut_off=False)
        if not text.strip():
            return []
        self._warn("text without a header")
        return self._open_late(header).add(text.encode() + self._draft.half_character)

    def _end_content(self, content: Content, marker: str) -> list[ReplyEvent]:
        """A control token inside a message's content."""
        if marker in TERMINATORS:
            return self._finish(content, marker)
        if marker == "<|start|>":
            self._warn("missing <|end|>")
            events = self._finish(content, "implicit")
            self._draft = HeaderDraft(None)
            return events
        if marker == "<|channel|>":
            self._warn("missing <|end|><|start|>")
            events = self._finish(content, "implicit")
            self._draft = HeaderDraft("assistant")
            self._draft.open_section("channel")
            return events
        self._warn(f"ignored {marker} in content")
        return []

    def _end_header(self, marker: str) -> list[ReplyEvent]:
        """A control token inside a header, or between two messages."""
        draft = self._draft
        if marker in TERMINATORS:
            return self._recover(marker)
        if marker == "<|start|>":
            events = self._leave_gap() if draft.is_gap else self._recover("implicit")
            self._draft = HeaderDraft(None)
            return events
        if draft.is_gap:
            self._warn("missing <|start|>")
        if marker in _SECTIONS:
            draft.open_section(_SECTIONS[marker])
            return []
        header = parse_header(draft.sections(), draft.role)
        if not self._stops_at(header):
            self._open(header)
        return []

    def _leave_gap(self) -> list[ReplyEvent]:
        if not self._draft.is_blank:
            self._warn("dropped text between two messages")
        return []

    def _recover(self, end: str | None, *, goes_on: bool = False) -> list[ReplyEvent]:
        """A header that ended without `<|message|>`: what is no header in it is the content."""
        draft = self._draft
        if end is None and draft.role is None and draft.is_role_alone:
            return []
        header, text = recover_header(draft.sections(goes_on=goes_on), draft.role, is_cut_off=end is None)
        if self._stops_at(header):
            return []
        if text.strip():
            self._warn("missing <|message|>")
            content = self._open_late(header)
            return content.add(text.encode()) + self._finish(content, end)
        if not (draft.is_blank and draft.is_role_alone):
            self._warn("dropped a header without content")
        self._go_on(None, end)
        return []

    def _open(self, header: Header) -> Content:
        self._content = Content(header, self._calls)
        if self._content.route is Route.CALL:
            self._calls += 1
        return self._content

    def _open_late(self, header: Header) -> Content:
        """Open a content whose beginning was taken for a header."""
        content = self._open(header)
        if content.route is Route.REASONING:
            self.reasoning_tokens += self._draft.tokens
        return content

    def _finish(self, content: Content, end: str | None, *, is_cut_off: bool = False) -> list[ReplyEvent]:
        message, events = content.finish(end, is_cut_off=is_cut_off)
        self.messages.append(message)
        if content.route is Route.HELD and message.content.strip():
            self._held.append(message.content)
        if content.route in (Route.ANSWER, Route.PREAMBLE, Route.CALL) and message.content.strip():
            self._has_spoken = True
        self._content = None
        self._go_on(content.route, end)
        return events

    def _go_on(self, said: Route | None, end: str | None) -> None:
        """After a message, or a header without one: end the reply, or wait for the next message."""
        self._draft = HeaderDraft("assistant", is_gap=True)
        self._said = said
        if self._is_transcript or end not in TERMINATORS:
            return
        is_call = end == "<|call|>" or said is Route.CALL
        is_over = end in ("<|return|>", "<|endoftext|>") or said is Route.ANSWER
        self.is_done = is_over or (is_call and not self._reads_past_calls)

    def _stops_at(self, header: Header) -> bool:
        """Whether somebody else's turn begins here: the model goes on with the user's part. Ends the reply then."""
        self.is_done = header.role != "assistant" and not self._is_transcript
        if self.is_done:
            self._warn(f"the model began a message of {header.name or header.role}")
        return self.is_done

    def _write(self, part: str) -> list[int]:
        """The tokens of one of our own words, or the control token of that name."""
        if part in self._ids:
            return [self._ids[part]]
        return self._vocabulary.tokenize(part, parse_special=False)

    def _warn(self, warning: str) -> None:
        if len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(warning)
