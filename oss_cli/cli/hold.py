"""`oss hold`: what runs in the background and keeps a model in memory. Started by others, never typed."""

import contextlib
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.errors import BadModelFile, BadUsage, HolderFailed, OssError

if TYPE_CHECKING:
    from oss_cli.backends.base import Backend
    from oss_cli.holders.folder import HoldersFolder
    from oss_cli.holders.record import HolderRecord
    from oss_cli.holders.wanted import Wanted
    from oss_cli.wiring import ModelChoice
    from oss_cli.wiring.backend import OpenModel

_QUEUE = 32
"""Requests that may wait; the next one is answered where it was asked."""
_MOST_BODY_BYTES = 256 << 20
"""A conversation of any length, with the tokens of a begun reply."""
_LOCK_TRIES = 40
_LOCK_PAUSE_S = 0.05
_LOOK_S = 2.0
"""How often it looks whether it can still be found."""
_TELL_S = 0.2
"""How often it writes how much is loaded."""


def hold(asked: Annotated[str, typer.Argument(metavar="JSON", help="As oss writes it.")]) -> None:
    """Keep a model in memory until nobody has used it for a while."""
    from oss_cli.conversation.json_form import Fields, Unfit
    from oss_cli.holders.folder import HoldersFolder
    from oss_cli.holders.wanted import wanted_from_json

    if os.name != "nt":
        os.umask(0o077)
    try:
        given = Fields(json.loads(asked), "")
        folder, keep_alive_s = HoldersFolder(Path(given.text("folder"))), given.whole("keep_alive_s")
        wanted = wanted_from_json(given.take("wanted"), "wanted")
    except (ValueError, Unfit) as error:
        raise BadUsage("oss hold is started by oss load", cause=str(error), hint="oss load MODEL") from error
    with _living(folder, wanted):
        _Holder(folder, wanted, keep_alive_s).run()


@contextlib.contextmanager
def _living(folder: "HoldersFolder", wanted: "Wanted") -> Iterator[None]:
    """Hold the lock by which others see that we live. They look by taking it for a moment: so it is tried again."""
    from oss_cli.store.locks import LockHeld, hold_at_once

    with contextlib.ExitStack() as stack:
        for _ in range(_LOCK_TRIES):
            with contextlib.suppress(LockHeld):
                stack.enter_context(hold_at_once(folder.life_lock(wanted.key), is_private=True))
                break
            time.sleep(_LOCK_PAUSE_S)
        else:
            raise HolderFailed(wanted.name, "another process keeps it already")
        yield


class _Holder:
    """This process."""

    def __init__(self, folder: "HoldersFolder", wanted: "Wanted", keep_alive_s: int) -> None:
        from oss_cli.holders.record import HolderRecord, HolderState

        self._folder = folder
        self._wanted = wanted
        self._keep_alive_s = keep_alive_s
        self._record = HolderRecord(wanted, os.getpid(), time.time(), HolderState.LOADING)
        self._told_at = 0.0
        self._looked_at = time.monotonic()

    def run(self) -> None:
        """Load the model, and serve it until its time is over. What goes wrong before that stands in the record."""
        from oss_cli.conversation.wire_form import error_to_json
        from oss_cli.holders.record import HolderState

        self._folder.write(self._record)
        try:
            choice = self._choose()
            model = self._load(choice)
        except OssError as error:
            self._folder.write(replace(self._record, state=HolderState.FAILED, error=error_to_json(error)))
            return
        try:
            with contextlib.closing(model.chat):
                self._serve(choice, model)
        finally:
            self._folder.forget(self._wanted.key)

    def _choose(self) -> "ModelChoice":
        from oss_cli import wiring

        choice = wiring.choose_model(self._wanted.asked)
        if str(choice.path.resolve()) != self._wanted.path:
            raise BadModelFile(self._wanted.path, "is not what that name leads to any more", hint="give it again")
        choice = replace(choice, name=self._wanted.name)
        self._record = replace(self._record, wanted=replace(self._wanted, stamp=wiring.stamp_of(choice)))
        return choice

    def _load(self, choice: "ModelChoice") -> "OpenModel":
        from oss_cli import wiring

        # As for one reply, so that `oss run` says the same here and there: repacked weights give other numbers, and
        # would take the memory twice for as long as this process lives.
        return wiring.open_served(
            choice,
            wiring.load_settings_of(self._wanted),
            wiring.Loading(self._note_share),
            parallel=1,
            is_one_shot=True,
        )

    def _note_share(self, share: float) -> None:
        now = time.monotonic()
        if now - self._told_at >= _TELL_S:
            self._told_at = now
            with contextlib.suppress(OSError):  # only for those who watch
                self._folder.write(replace(self._record, share=share))

    def _serve(self, choice: "ModelChoice", model: "OpenModel") -> None:
        from oss_cli import wiring
        from oss_cli.holders.stopping import DRAIN_S
        from oss_cli.machine.own_memory import own_memory_bytes
        from oss_cli.server.app import make_app, make_service
        from oss_cli.server.guard import LOOPBACK_HOSTS
        from oss_cli.server.held import Keeping, held_endpoints
        from oss_cli.server.running import run_server
        from oss_cli.server.served import Rules, Served

        token = secrets.token_urlsafe(32)
        keeping = Keeping(self._keep_alive_s, token, own_memory_bytes)
        served = Served(
            chat=model.chat, plain=model.plain, names=(choice.name,), created=int(choice.path.stat().st_mtime),
            options=lambda: wiring.reply_options(wiring.load_settings_of(self._wanted)), embedder=model.embedder,
        )  # fmt: skip
        rules = Rules(
            queue=_QUEUE, api_key=token, hosts=LOOPBACK_HOSTS, most_body_bytes=_MOST_BODY_BYTES
        )  # fmt: skip
        service = make_service(served, rules)
        app = make_app(service, report=_report, own=held_endpoints(keeping))
        with contextlib.closing(self._open_socket()) as listener:
            ready = self._ready(model.chat, token, listener)
            try:
                run_server(
                    app, service.replies, listener, drain_s=DRAIN_S, on_ready=lambda: self._folder.write(ready),
                    is_over=lambda: keeping.is_over(service.replies.admission) or self._is_lost(),
                )  # fmt: skip
            finally:
                self._folder.forget(self._wanted.key)  # nobody is to begin to ask while the model is being unloaded
                service.replies.close()

    def _is_lost(self) -> bool:
        """Whether nobody can find us any more: our folder was removed, as at a session's end. Looks now and then."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return False
        self._looked_at = now
        return not self._folder.has_record(self._wanted.key)

    def _open_socket(self) -> socket.socket:
        from oss_cli.server.running import open_socket

        path = self._folder.socket(self._wanted.key)
        if path is None:
            return open_socket("127.0.0.1", 0)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # of one that was killed: we hold the lock, so it is nobody's
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        return listener

    def _ready(self, chat: "Backend", token: str, listener: socket.socket) -> "HolderRecord":
        from oss_cli import wiring
        from oss_cli.holders.record import Address, HeldFacts, HolderState

        is_unix = listener.family != socket.AF_INET
        facts = HeldFacts(chat.sha256, chat.is_plain, chat.sampling, chat.context_tokens, wiring.engine_version())
        address = Address(0 if is_unix else listener.getsockname()[1], token)
        return replace(self._record, state=HolderState.READY, share=1.0, address=address, facts=facts)


def _report(error: BaseException) -> None:
    """Where a bug is, without the words of the error: they might quote what was said."""
    import traceback

    sys.stderr.write(f"a request failed by a bug of ours: {type(error).__name__}\n")
    sys.stderr.write("".join(traceback.format_tb(error.__traceback__)))
