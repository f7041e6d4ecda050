"""A model that another process of this user keeps in memory: a Backend that asks it, and one to fall back on.

The same events come as from a model in this process. Where the holder has gone before it said anything, the model is
opened again as whoever made the backend says; where it goes in the middle of a reply, that is an error. Knows nothing
of how holders are found and started.
"""

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from oss_cli.backends.base import Backend
from oss_cli.conversation.events import Event, Notice, PrefillProgress, TurnEnded
from oss_cli.conversation.json_form import Fields, Unfit
from oss_cli.conversation.messages import Message
from oss_cli.conversation.options import ReplyOptions
from oss_cli.conversation.wire_form import error_from_json, event_from_json, request_to_json
from oss_cli.errors import EngineFailed, HolderLost
from oss_cli.holders.client import HolderClient
from oss_cli.holders.connection import HolderBusy, HolderGone


class HeldBackend:
    """A Backend on a holder."""

    def __init__(self, client: HolderClient, reopen: Callable[[bool], Backend], *, is_plain: bool = False) -> None:
        """reopen: opens the model once more, after the holder has gone; told whether another process may keep it.

        is_plain: go on with texts, whatever the model is.
        """
        facts = client.facts
        self._client = client
        self._reopen = reopen
        self._has_answered = False
        """Whether this holder has ever made a reply: one that has not will not do it if it is asked again."""
        self._format = "plain" if is_plain else "chat"
        self._other: Backend | None = None
        self._lock = threading.Lock()
        self._is_closed = False
        self.name = client.record.name
        self.sha256 = facts.sha256
        self.is_plain = facts.is_plain or is_plain
        self.sampling = facts.sampling
        self.engine_version = facts.engine_version
        """Of llama-cpp-python, which is not loaded here."""

    @property
    def context_tokens(self) -> int:
        """The most tokens that a conversation, its next reply included, can hold.

        Raises:
            EngineFailed: the backend was closed.
        """
        self._check_open()
        return self._other.context_tokens if self._other is not None else self._client.facts.context_tokens

    def reply(self, messages: Sequence[Message], options: ReplyOptions) -> Generator[Event, None, None]:
        """Events of one reply, ending in `TurnEnded`. Closing the generator early stops the model.

        Raises:
            BadUsage, PromptTooLong, EngineFailed: as a model in this process.
            HolderLost: the holder ended in the middle of the reply.
            OssError: it had gone before, and the model cannot be opened again.
        """
        self._check_open()
        while self._other is None:
            try:
                yield from self._held_reply(messages, options)
                return
            except (HolderGone, HolderBusy) as error:
                is_busy = isinstance(error, HolderBusy)
                why = "is busy" if is_busy else "has gone"
                yield Notice(f"the process that keeps {self.name} in memory {why}: it is loaded again")
                self._open_again(may_hold=self._has_answered and not is_busy)
        yield from self._other.reply(messages, options)

    def count_tokens(self, messages: Sequence[Message], options: ReplyOptions) -> int:
        """How many tokens the prompt for a reply would take.

        Raises:
            BadUsage: there is nothing to answer, or the format cannot express these messages.
            EngineFailed: the backend was closed.
        """
        self._check_open()
        while self._other is None:
            count = self._count(request_to_json(messages, options))
            if count is not None:
                return count
            self._open_again(may_hold=self._has_answered)
        return self._other.count_tokens(messages, options)

    def count_text_tokens(self, text: str) -> int:
        """How many tokens a text takes by itself. From any thread, also while another closes the backend.

        Raises:
            EngineFailed: the backend was closed.
        """
        self._check_open()
        while self._other is None:
            count = self._count({"text": text})
            if count is not None:
                return count
            self._open_again(may_hold=self._has_answered)
        return self._other.count_text_tokens(text)

    def close(self) -> None:
        """Give everything back; the holder stays. May be called twice."""
        self._is_closed = True
        if self._other is not None:
            self._other.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise EngineFailed("the model is unloaded", cause="it was closed")

    def _open_again(self, *, may_hold: bool) -> None:
        """Have the model somewhere else from now on: in this process, or kept by another one, which is asked then."""
        gone = self._client
        with self._lock:
            self._check_open()
            if self._other is not None or self._client is not gone:
                return  # another thread was here first
            other = self._reopen(may_hold)
            if isinstance(other, HeldBackend):
                self._client, self._has_answered = other._client, False
            else:
                self._other = other

    def _held_reply(self, messages: Sequence[Message], options: ReplyOptions) -> Generator[Event, None, None]:
        """Raises HolderGone and HolderBusy while nothing has been said."""
        body = {"format": self._format, **request_to_json(messages, options)}
        has_said = False
        try:
            with self._client.reply(body, options.cancelled) as values:
                for value in values:
                    event = _read_event(value)
                    has_said = has_said or not isinstance(event, PrefillProgress)
                    self._has_answered = self._has_answered or isinstance(event, TurnEnded)
                    yield event
                    if isinstance(event, TurnEnded):
                        return
            raise HolderGone("the connection was closed")
        except HolderGone as error:
            if options.cancelled is not None and options.cancelled.is_set():
                return
            if has_said:
                raise HolderLost(self.name, str(error)) from error
            raise

    def _count(self, body: Mapping[str, object]) -> int | None:
        """The count; None: the holder has gone."""
        try:
            value = self._client.count({"format": self._format, **body})
        except (HolderGone, HolderBusy):
            return None
        _raise_if_error(value)
        try:
            return Fields(value, "").whole("tokens")
        except Unfit:
            return None


def _read_event(value: Any) -> Event:  # noqa: ANN401 - out of JSON
    try:
        _raise_if_error(value)
        return event_from_json(value)
    except Unfit as error:
        raise HolderGone("what answers is no holder") from error


def _raise_if_error(value: Any) -> None:  # noqa: ANN401 - out of JSON
    if isinstance(value, dict) and value.get("event") == "error":
        raise error_from_json(value)
