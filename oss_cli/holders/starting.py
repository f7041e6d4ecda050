"""A holder is started: a process of its own, which outlives the command and its terminal."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import oss_cli
from oss_cli.conversation.json_form import Unfit
from oss_cli.conversation.wire_form import error_from_json
from oss_cli.errors import CannotWrite, HolderFailed
from oss_cli.holders.client import HolderClient
from oss_cli.holders.connection import HolderGone
from oss_cli.holders.folder import HoldersFolder
from oss_cli.holders.record import HolderRecord, HolderState
from oss_cli.holders.stopping import is_alive, kill_holder, stop_holder
from oss_cli.holders.wanted import Wanted
from oss_cli.store.locks import hold

_POLL_S = 0.05
_LOG_LINES = 8
_LEFT_RUNNING: list["subprocess.Popen[bytes]"] = []
"""Holders that this process started; kept so that Python does not complain that nobody waits for them."""


def start_holder(
    folder: HoldersFolder,
    wanted: Wanted,
    keep_alive_s: int,
    *,
    on_progress: Callable[[float], None] = lambda share: None,
    on_replace: Callable[[HolderRecord, str], None] = lambda record, why: None,
) -> HolderClient:
    """A holder of what is wanted: the one that is there, else a new one. Blocks while it loads; Ctrl-C stops that.

    on_replace: is told of one that has to go first, because it will not do, and why. Of several who start the same at
    once, one does and the others wait for it.

    Raises:
        CannotWrite, UnsafeFolder: there is no folder for it.
        HolderFailed: it did not start.
        OssError: it could not load the model: whatever the command itself would have said.
    """
    folder.make()
    with _only_one(folder, wanted.key):
        lives = is_alive(folder, wanted.key)
        record = folder.read(wanted.key) if lives else None
        if lives and record is None:
            kill_holder(folder, wanted.key)  # of another version, whose record says things in another way
        if record is not None:
            why = wanted.differs(record.wanted.stamp) or _silence(folder, record)
            if not why:
                return _wait(folder, wanted, None, keep_alive_s, on_progress)
            on_replace(record, why)
            stop_holder(folder, record)
        folder.forget(wanted.key)
        return _wait(folder, wanted, _spawn(folder, wanted, keep_alive_s), keep_alive_s, on_progress)


@contextlib.contextmanager
def _only_one(folder: HoldersFolder, key: str) -> Iterator[None]:
    path = folder.start_lock(key)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(hold(path, is_private=True))
        except OSError as error:
            raise CannotWrite(path, error) from error
        yield


def _silence(folder: HoldersFolder, record: HolderRecord) -> str:
    """Why a holder that says that it is ready cannot be asked; empty: it can, or it is still loading."""
    if record.state is not HolderState.READY:
        return ""
    try:
        HolderClient(folder, record).status()
    except HolderGone as error:
        return str(error)
    return ""


def _spawn(folder: HoldersFolder, wanted: Wanted, keep_alive_s: int) -> "subprocess.Popen[bytes]":
    log = folder.log(wanted.key)
    asked = json.dumps({"folder": str(folder.path), "keep_alive_s": keep_alive_s, "wanted": wanted.to_json()})
    # -P: what lies in the root folder is not a module of ours.
    command = [sys.executable, "-P", "-m", "oss_cli", "hold", asked]
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise CannotWrite(log, error) from error
    try:
        child = _detached(command, descriptor)
    except OSError as error:
        raise HolderFailed(wanted.name, error.strerror or str(error)) from error
    finally:
        os.close(descriptor)
    _LEFT_RUNNING.append(child)
    return child


def _detached(command: list[str], log: int) -> "subprocess.Popen[bytes]":
    """A process without our terminal, session, folder and streams: `oss run | cat` must not wait for it."""
    root = Path(sys.executable).anchor or os.sep
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=root, env=_environment(),
            creationflags=flags,
        )  # fmt: skip
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=root, env=_environment(),
        start_new_session=True,
    )  # fmt: skip


def _environment() -> dict[str, str]:
    """Ours, with what depends on the working folder made whole."""
    environment = dict(os.environ)
    for name in ("OSS_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        if environment.get(name) and not environment[name].startswith(("~", "$")):
            environment[name] = os.path.abspath(environment[name])  # noqa: PTH100 - resolve() would follow links
    package = Path(oss_cli.__file__).resolve().parents[1]
    if package.name not in ("site-packages", "dist-packages"):  # run out of a checkout
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(package), environment.get("PYTHONPATH"))))
    return environment


def _wait(
    folder: HoldersFolder,
    wanted: Wanted,
    child: "subprocess.Popen[bytes] | None",
    keep_alive_s: int,
    on_progress: Callable[[float], None],
) -> HolderClient:
    """Wait until a holder is ready. child: the process, if we have started it."""
    try:
        while True:
            record = folder.read(wanted.key)
            if record is not None and record.state is HolderState.FAILED:
                raise _failure(record)
            if record is not None and record.state is HolderState.READY:
                client = HolderClient(folder, record)
                if child is None:
                    client.keep(keep_alive_s)
                return client
            has_ended = not is_alive(folder, wanted.key) if child is None else child.poll() is not None
            if has_ended and folder.read(wanted.key) == record:
                raise HolderFailed(wanted.name, _last_lines(folder.log(wanted.key)))
            on_progress(record.share if record is not None else 0.0)
            time.sleep(_POLL_S)
    except HolderGone as error:
        raise HolderFailed(wanted.name, str(error)) from error
    except KeyboardInterrupt:
        if child is not None:
            child.kill()
        raise


def _failure(record: HolderRecord) -> Exception:
    try:
        return error_from_json(record.error or {})
    except Unfit:
        return HolderFailed(record.name, "its record says nothing that can be read")


def _last_lines(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        return error.strerror or str(error)
    return "\n".join(lines[-_LOG_LINES:]) or "it ended without a word"
