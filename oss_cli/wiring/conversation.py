"""Conversations that are kept: going on with one, and where a new one is kept. Models that are opened in turn."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oss_cli.errors import BadUsage, OssError
from oss_cli.settings import Settings
from oss_cli.wiring.choice import ModelChoice, choose_model
from oss_cli.wiring.settings import open_catalogue, open_store, today

if TYPE_CHECKING:
    from oss_cli.backends.base import Backend
    from oss_cli.conversation.options import ReplyOptions
    from oss_cli.conversation.tree import Conversation
    from oss_cli.session.journal import Journal

_OPEN_ANOTHER = "/model NAME"


@dataclass(frozen=True, slots=True)
class Resumed:
    """A conversation to go on with."""

    conversation: "Conversation"
    unanswered: str = ""
    """Its last message, if there was no reply to it any more."""

    @property
    def model(self) -> str:
        """The one that made its last reply; empty if there is none."""
        replies = [node.making for node in self.conversation.path() if node.making is not None]
        return replies[-1].model if replies else ""

    def fill_in(self, command_line: Settings, settings: Settings) -> Settings:
        """The settings in force, with instructions, model and effort as they were unless the command line decides."""
        settings = replace(settings, system=command_line.system)
        replies = [node.making for node in self.conversation.path() if node.making is not None]
        if not replies:
            return settings
        last = replies[-1]
        if command_line.model is None and last.model and (_is_elsewhere(settings) or _is_here(last.model)):
            settings = replace(settings, model=last.model)
        if command_line.effort is None and last.effort is not None:
            settings = replace(settings, effort=last.effort)
        return settings


def resume(id_text: str | None, *, is_last: bool) -> Resumed | None:
    """A kept conversation by its id or the beginning of it, or the last one; None: neither is asked for.

    Raises:
        BadUsage: both are asked for, or none is kept yet.
        UnknownConversation: none has that id.
        HistoryUnusable: the history cannot be read.
    """
    from oss_cli.conversation.messages import Role
    from oss_cli.wiring.history import open_history

    if id_text is None and not is_last:
        return None
    if id_text is not None and is_last:
        raise BadUsage("two conversations are asked for", cause="the last one, and one by its id", hint="leave out -c")
    history = open_history()
    conversation = history.last() if id_text is None else history.load(id_text)
    if conversation is None:
        raise BadUsage("there is no conversation to go on with", cause="none is kept yet", hint="oss chat")
    tip = conversation.nodes.get(conversation.tip or "")
    if tip is None or tip.message.role is not Role.USER:
        return Resumed(conversation)
    conversation.tip = tip.parent_id
    return Resumed(conversation, tip.typed or tip.message.content)


def reply_options(settings: Settings) -> "ReplyOptions":
    """How replies are made, as the settings have it."""
    from oss_cli.conversation.options import ReplyOptions

    return ReplyOptions(
        date=today(),
        sampling=settings.sampling,
        effort=settings.effort,
        reasoning_budget=settings.reasoning_budget,
    )


def open_journal(settings: Settings) -> "Journal":
    """Where a conversation is kept as it goes; nowhere if it is private. It never fails: see `trouble`. Close it."""
    if settings.private:
        from oss_cli.session.journal import NoJournal

        return NoJournal()
    from oss_cli.history.journal import HistoryJournal
    from oss_cli.wiring.history import open_database

    return HistoryJournal(open_database())


def leave_no_trace() -> None:
    """Let the rest of this process keep nothing of what is said: no log, and not which model was used."""
    os.environ["OSS_PRIVATE"] = "1"


class OpenModels:
    """One model in memory at a time, and the way to another."""

    def __init__(self, load: "Callable[[ModelChoice], Backend]", first: ModelChoice) -> None:
        """Load the first. load: makes a choice a backend; shows the progress.

        Raises:
            OssError: it cannot be opened.
        """
        self._load = load
        self._choice = first
        self.current: Backend = load(first)
        """The one that answers."""

    def open(self, name: str) -> None:
        """Put another model in the place of the current one, which goes first: two may not fit. If the other cannot be
        opened, or Ctrl-C stops that, the first one comes back; if that fails as well, `current` answers with errors.

        Raises:
            OssError: it cannot be opened.
            EngineFailed: nor can the first one any more.
        """
        from oss_cli.backends.absent import AbsentBackend

        choice = choose_model(name)
        before = self.current
        self.current = AbsentBackend(cause=f"opening {choice.name} was stopped", hint=_OPEN_ANOTHER)
        try:
            before.close()
            self.current = self._load(choice)
        except (OssError, KeyboardInterrupt) as error:
            self._bring_back(error)
            raise
        self._choice = choice

    def _bring_back(self, failure: OssError | KeyboardInterrupt) -> None:
        """Load the first one again, after another could not be opened."""
        from oss_cli.backends.absent import AbsentBackend

        try:
            self.current = self._load(self._choice)
        except OssError as error:
            reasons = [one.message for one in (failure, error) if isinstance(one, OssError)]
            absent = AbsentBackend(cause="; ".join(reasons), hint=_OPEN_ANOTHER)
            self.current = absent
            absent.fail()

    def names(self) -> list[str]:
        """Every model that is on this computer."""
        return [model.name for model in open_store(open_catalogue()).installed()]

    def close(self) -> None:
        """Unload the model. May be called twice."""
        self.current.close()


def _is_elsewhere(settings: Settings) -> bool:
    """Whether a server answers, which decides itself whether it has a model."""
    from oss_cli.server_settings import LOCAL

    return settings.server not in (None, LOCAL)


def _is_here(name: str) -> bool:
    try:
        choose_model(name)
    except OssError:
        return False
    return True
