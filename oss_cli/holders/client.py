"""A holder as those see it who ask it something. Knows how things are asked, not what they mean to anybody."""

import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from oss_cli.conversation.json_form import Fields, Unfit, as_number
from oss_cli.holders.connection import Connection, HolderBusy, HolderGone
from oss_cli.holders.folder import HoldersFolder
from oss_cli.holders.record import HeldFacts, HolderRecord

_HANDSHAKE_S = 2.0
"""A holder answers in a few milliseconds, also while it makes a reply; one that does not hangs."""
_COUNT_S = 30.0
_SILENCE_S = 10.0
"""A long prompt, and a large model's next word, may take longer: then it is asked whether it is there."""
_ANSWER_S = 20.0
"""Long enough for a computer that is busy with its swap; a holder that hangs never answers."""
_BUSY, _DONE = 429, 200


@dataclass(frozen=True, slots=True)
class HolderStatus:
    """What a holder does just now."""

    running: int
    """Replies that are being made."""
    waiting: int
    """Requests that wait for a place."""
    keep_alive_s: int
    idle_left_s: float
    """Until it leaves, if nobody asks it anything."""
    memory_bytes: int
    """0: it cannot tell."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a reply is waited for while nothing of it comes."""

    silence_s: float = _SILENCE_S
    """Then the holder is asked whether it is there, again and again."""
    answer_s: float = _ANSWER_S
    """For that question; one that does not answer it has gone."""


class HolderClient:
    """Asks a holder; from any thread, each request on a connection of its own."""

    def __init__(self, folder: HoldersFolder, record: HolderRecord, patience: Patience | None = None) -> None:
        self._folder = folder
        self._patience = patience or Patience()
        self.record = record

    @property
    def facts(self) -> HeldFacts:
        """What it holds; a holder that is not ready has none, and is not asked."""
        assert self.record.facts is not None, "it is ready"
        return self.record.facts

    def status(self) -> HolderStatus:
        """What it does; also the way to find out that it is there.

        Raises:
            HolderGone: it does not answer, or not in time.
        """
        return _read_status(self._ask("GET", "/oss/status", None, _HANDSHAKE_S))

    def keep(self, keep_alive_s: int) -> HolderStatus:
        """Let it stay for so long after its last use, which is now; its status then.

        Raises:
            HolderGone: as `status`.
        """
        return _read_status(self._ask("POST", "/oss/keep", {"keep_alive_s": keep_alive_s}, _HANDSHAKE_S))

    def stop(self) -> HolderStatus:
        """Tell it to leave, once the replies are made that it is making; its status before.

        Raises:
            HolderGone: as `status`.
        """
        return _read_status(self._ask("POST", "/oss/stop", {}, _HANDSHAKE_S))

    def count(self, body: Mapping[str, object]) -> Mapping[str, object]:
        """The answer to a request to count: `tokens`, or an error as `conversation/wire_form.py` has it.

        Raises:
            HolderGone: as `status`.
        """
        return self._ask("POST", "/oss/count", body, _COUNT_S)

    @contextmanager
    def reply(self, body: Mapping[str, object], cancelled: threading.Event | None) -> Iterator[Iterator[Any]]:
        """The events of a reply as JSON values. To leave the block stops the holder.

        Raises:
            HolderGone: nobody is there; inside the block, the connection broke.
            HolderSilent: it hangs: nothing comes, and it does not answer when it is asked whether it is there.
            HolderBusy: too many requests wait already.
        """

        def make_sure() -> None:
            self._ask("GET", "/oss/status", None, self._patience.answer_s, cancelled)

        with self._open(cancelled) as connection:
            connection.when_silent(self._patience.silence_s, make_sure)
            connection.send("POST", "/oss/reply", body)
            _check(connection.status())
            yield connection.values()

    def _ask(
        self, method: str, path: str, body: object, timeout_s: float, cancelled: threading.Event | None = None
    ) -> Mapping[str, object]:
        with self._open(cancelled) as connection:
            connection.send(method, path, body)
            _check(connection.status(timeout_s))
            value = next(connection.values(timeout_s), None)
            if not isinstance(value, dict):
                raise HolderGone("what answers is no holder")
            return value

    def _open(self, cancelled: threading.Event | None = None) -> Connection:
        address = self.record.address
        if address is None:
            raise HolderGone("it is not ready")
        if address.port:
            return Connection(None, address.port, address.token, cancelled)
        path = self._folder.socket(self.record.key)
        if path is None:
            raise HolderGone("there are no such sockets here")
        try:
            found = path.lstat()
        except OSError as error:
            raise HolderGone(str(error)) from error
        if not stat.S_ISSOCK(found.st_mode) or found.st_uid != self._folder.path.lstat().st_uid:
            raise HolderGone("its socket is not ours")
        return Connection(path, 0, address.token, cancelled)


def _check(status: int) -> None:
    if status == _BUSY:
        raise HolderBusy
    if status != _DONE:
        raise HolderGone(f"it answers with status {status}")


def _read_status(value: Mapping[str, object]) -> HolderStatus:
    given = Fields(value, "")
    try:
        return HolderStatus(
            given.whole("running"), given.whole("waiting"), given.whole("keep_alive_s"),
            as_number(given.take("idle_left_s"), "idle_left_s"), given.whole("memory_bytes"),
        )  # fmt: skip
    except Unfit as error:
        raise HolderGone("what answers is no holder") from error
