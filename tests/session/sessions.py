"""Sessions on scripted backends, for the tests of this folder."""

from collections.abc import Sequence

from oss_cli.conversation.events import Event, StopReason, TextDelta, TurnEnded, Usage
from oss_cli.conversation.messages import Message, Role
from oss_cli.conversation.options import ReplyOptions, SamplingOptions
from oss_cli.session.session import Session
from tests.fakes.backend import ScriptedBackend
from tests.fakes.journal import RecordingJournal

ENDED = TurnEnded(StopReason.END, Usage(), seed=7)
OPTIONS = ReplyOptions("2026-11-23", SamplingOptions(seed=1))


def assistant(content: str, reasoning: str = "") -> Message:
    return Message(Role.ASSISTANT, content, reasoning)


def answer(text: str) -> list[Event]:
    return [TextDelta(text), ENDED]


def session_of(
    *replies: Sequence[Event | BaseException], system: str = "", context_tokens: int = 4096
) -> tuple[Session, ScriptedBackend, RecordingJournal]:
    backend = ScriptedBackend(*replies, context_tokens=context_tokens)
    journal = RecordingJournal()
    return Session(backend, OPTIONS, system=system, journal=journal, clock=lambda: 100.0), backend, journal


def ask(session: Session, text: str) -> None:
    with session.ask(text) as turn:
        list(turn)


def stop_after(session: Session, text: str, last: Event) -> None:
    """Ask, and press Ctrl-C once an event has come."""
    try:
        with session.ask(text) as turn:
            for event in turn:
                if event == last:
                    raise KeyboardInterrupt
    except KeyboardInterrupt:
        return
    raise AssertionError(f"{last} did not come")
