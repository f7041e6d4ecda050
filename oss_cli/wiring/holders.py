"""A model that is kept in memory between commands: found, put there, looked at and taken out.

What `oss run` does when such a model is there loads no engine: `open_model`.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from oss_cli import __version__
from oss_cli.durations import describe_duration
from oss_cli.errors import BadUsage, OssError, quoted
from oss_cli.paths import find_holders_folder
from oss_cli.settings import Settings
from oss_cli.wiring.choice import ModelChoice, note_use
from oss_cli.wiring.machine import weights_bytes
from oss_cli.wiring.servers import ServerChoice
from oss_cli.wiring.settings import open_catalogue

if TYPE_CHECKING:
    from oss_cli.backends.base import Backend
    from oss_cli.holders.client import HolderClient, HolderStatus
    from oss_cli.holders.folder import HoldersFolder
    from oss_cli.holders.record import HolderRecord
    from oss_cli.holders.stopping import Stopped
    from oss_cli.holders.wanted import Wanted

USUAL_KEEP_ALIVE_S = 600
_LOAD_SETTINGS = (
    "ctx", "gpu_layers", "cpu_moe", "kv_type", "threads", "no_mmap", "mlock", "batch", "speculation", "draft",
)  # fmt: skip
_SERVE_PACKAGES = ("starlette", "uvicorn", "sse_starlette")


@dataclass(frozen=True, slots=True)
class Held:
    """A model that is kept in memory."""

    record: "HolderRecord"
    status: "HolderStatus | None"
    """None: its process is loading it, or does not answer."""


class LoadWatcher(Protocol):
    """Whoever shows how far a model has been loaded."""

    def show(self, share: float, /) -> None:
        """The share that is loaded, 0 to 1; may be called on another thread."""


class _Nobody:
    def show(self, share: float, /) -> None:
        """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what while a model is opened, now or once more."""

    watch: Callable[[], AbstractContextManager[LoadWatcher]] = lambda: nullcontext(_Nobody())
    """Begins to show how far it is loaded."""
    log: Callable[[str], None] | None = None
    """Gets llama.cpp's own log, and where the model is."""
    warn: Callable[[str], None] = lambda text: None
    """Gets what a person should know."""
    meanwhile: Callable[[], None] = lambda: None
    """Called while it is loaded here: what can be done then costs no time."""


def open_model(
    choice: ModelChoice | ServerChoice,
    settings: Settings,
    listener: Listener,
    *,
    is_one_shot: bool,
    keep: Callable[[], ModelChoice | ServerChoice] | None = None,
) -> "Backend":
    """A model ready to answer: where it is kept in memory, else here or on a server, as `open_backend`. Close it.

    With the setting `keep_alive` it is put where it is kept, and stays there when the backend is closed. What stands in
    the way of that is told to the listener, and the model is loaded here.

    keep: the choice as it is to be loaded here: one that keeps its states on disk (`keep_states`).

    Raises:
        As `open_backend`.
    """
    from oss_cli.wiring.backend import Loading, open_backend

    def tell(text: str) -> None:
        if listener.log is not None:
            listener.log(f"{choice.name}: {text}\n")

    def load_here() -> "Backend":
        with listener.watch() as watcher:
            loaded = keep() if keep is not None else choice
            loading = Loading(watcher.show, listener.log, listener.meanwhile)
            return open_backend(loaded, settings, loading, is_one_shot=is_one_shot)

    def reopen(may_hold: bool) -> "Backend":
        if is_one_shot or not may_hold:
            return load_here()
        return open_model(choice, settings, listener, is_one_shot=False, keep=keep)

    if settings.keep_alive == 0 or isinstance(choice, ServerChoice):
        return load_here()
    client = _find(choice, settings, tell)
    if client is None and settings.keep_alive:
        client = _start(choice, settings, listener, tell)
    if client is None:
        return load_here()
    from oss_cli.backends.held import HeldBackend

    tell(f"it is in memory, kept by process {client.record.pid}")
    note_use(choice)
    return HeldBackend(client, reopen, is_plain=choice.is_plain)


def keep_model(
    choice: ModelChoice,
    settings: Settings,
    keep_alive_s: int,
    *,
    on_progress: Callable[[float], None],
    on_replace: Callable[[str], None],
) -> "Held":
    """Put a model where it is kept in memory; one that is there stays for so long from now on.

    on_replace: told why another process has to go first.

    Raises:
        BadUsage: what serves is not installed.
        HolderFailed, UnsafeFolder, CannotWrite: there can be no such process.
        OssError: the model cannot be loaded.
    """
    from oss_cli.holders.starting import start_holder

    missing = missing_serve_packages()
    if missing is not None:
        raise missing
    client = start_holder(
        _folder(), _wanted(choice, settings), keep_alive_s,
        on_progress=on_progress, on_replace=lambda record, why: on_replace(why),
    )  # fmt: skip
    note_use(choice)
    return _look(_folder(), client.record)


def held_models() -> list[Held]:
    """All models that are kept in memory; what processes that are gone have left is taken away.

    Raises:
        UnsafeFolder: somebody else may have written what we would read.
    """
    from oss_cli.holders.stopping import is_alive

    folder = _folder()
    found = []
    for record in folder.records():
        if is_alive(folder, record.key):
            found.append(_look(folder, record))
        else:
            folder.forget(record.key)
    return found


def stop_held(record: "HolderRecord") -> "Stopped":
    """Take a model out of memory; blocks until it is."""
    from oss_cli.holders.stopping import stop_holder

    return stop_holder(_folder(), record)


def holds_file(record: "HolderRecord", path: Path) -> bool:
    """Whether a process keeps this file in memory."""
    return record.wanted.path == str(path.resolve())


def missing_serve_packages(what: str = "keeping a model in memory") -> BadUsage | None:
    """The error for what serves and is not installed; None: all of it is. what: needs it."""
    missing = [name.replace("_", "-") for name in _SERVE_PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    verb = "is" if len(missing) == 1 else "are"
    cause = f"{', '.join(missing)} {verb} not installed"
    hint = f"{quoted(sys.executable)} -m pip install 'oss-cli[serve]'"
    return BadUsage(f"{what} needs more packages", cause=cause, hint=hint)


def stamp_of(choice: ModelChoice) -> dict[str, str]:
    """What the same reply depends on beside the model's path and how it is loaded; loads no engine."""
    import hashlib

    from oss_cli.holders.wanted import PROTOCOL

    catalogue = open_catalogue()
    told = repr((choice.name, choice.entry, sorted(catalogue.architectures.items())))
    found = choice.path.stat()
    return {
        "protocol": PROTOCOL,
        "version": __version__,
        "build": _build(),
        "file": f"{weights_bytes(choice.path)}:{found.st_mtime_ns}:{found.st_ino}",
        "catalogue": hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16],
    }


def load_settings_of(wanted: "Wanted") -> Settings:
    """The settings by which a model is loaded; the reverse of what `Wanted.load` was made of."""
    from oss_cli.settings import set_setting

    settings = Settings()
    for name, value in wanted.load.items():
        if name in _LOAD_SETTINGS:
            settings = set_setting(settings, name, str(value).lower() if isinstance(value, bool) else str(value))
    return settings


def _find(choice: ModelChoice, settings: Settings, tell: Callable[[str], None]) -> "HolderClient | None":
    """Who keeps what is wanted, and answers; None: nobody. tell: told why one that is there will not do."""
    if not os.path.isdir(find_holders_folder()):  # noqa: PTH112 - never raises. Nobody ever kept one: 5 ms of imports
        return None
    from oss_cli.holders.connection import HolderBusy, HolderGone

    try:
        return _asked(choice, settings, tell)
    except (HolderGone, HolderBusy) as error:
        tell(f"the process that keeps it in memory is not used: {error}")
    except OSError as error:
        tell(f"nobody can tell whether it is in memory: {error.strerror or error}")
    except OssError as error:
        tell(f"nobody can tell whether it is in memory: {error.message}: {error.cause}")
    return None


def _asked(choice: ModelChoice, settings: Settings, tell: Callable[[str], None]) -> "HolderClient | None":
    """The same; raises what stands in the way."""
    from oss_cli.holders.client import HolderClient
    from oss_cli.holders.record import HolderState

    folder = _folder()
    folder.check()
    wanted = _wanted(choice, settings)
    record = folder.read(wanted.key)
    if record is None or record.state is not HolderState.READY:
        return None
    why = wanted.differs(record.wanted.stamp)
    if why:
        tell(f"what process {record.pid} keeps in memory is not used: {why}")
        return None
    client = HolderClient(folder, record)
    if client.status().keep_alive_s < (settings.keep_alive or 0):
        client.keep(settings.keep_alive or 0)
    return client


def _start(
    choice: ModelChoice,
    settings: Settings,
    listener: Listener,
    tell: Callable[[str], None],
) -> "HolderClient | None":
    from oss_cli.errors import CannotWrite, HolderFailed, UnsafeFolder
    from oss_cli.holders.starting import start_holder

    keep_alive_s = settings.keep_alive or USUAL_KEEP_ALIVE_S
    missing = missing_serve_packages()
    if missing is not None:
        listener.warn(f"keep_alive is {describe_duration(keep_alive_s)}, but {missing.cause}: {missing.hint}")
        return None
    try:
        with listener.watch() as watcher:
            return start_holder(
                _folder(), _wanted(choice, settings), keep_alive_s,
                on_progress=watcher.show, on_replace=lambda record, why: tell(f"it is loaded anew: {why}"),
            )  # fmt: skip
    except (CannotWrite, HolderFailed, UnsafeFolder) as error:
        listener.warn(": ".join(part for part in (error.message, error.cause) if part))
    except OSError as error:  # the model's file has just gone: to load it says so
        tell(error.strerror or str(error))
    return None


def _look(folder: "HoldersFolder", record: "HolderRecord") -> Held:
    from oss_cli.holders.client import HolderClient
    from oss_cli.holders.connection import HolderBusy, HolderGone

    try:
        return Held(record, HolderClient(folder, record).status())
    except (HolderGone, HolderBusy):
        return Held(record, None)


def _folder() -> "HoldersFolder":
    from oss_cli.holders.folder import HoldersFolder

    return HoldersFolder(find_holders_folder())


def _wanted(choice: ModelChoice, settings: Settings) -> "Wanted":
    from oss_cli.holders.wanted import Wanted

    decided = {name: getattr(settings, name) for name in _LOAD_SETTINGS}
    if settings.draft is not None and Path(settings.draft).is_file():
        decided["draft"] = str(Path(settings.draft).absolute())  # a holder's folder is another one
    return Wanted(
        name=choice.name,
        asked=choice.name if choice.entry is not None else str(choice.path.absolute()),
        path=str(choice.path.resolve()),
        load={name: value for name, value in decided.items() if value is not None},
        stamp=stamp_of(choice),
    )


def _build() -> str:
    """Which llama.cpp this process would load, without loading it: its version is in a file that the build changes."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        return ""
    origin = Path(spec.origin)
    files = [origin, *sorted((origin.parent / "lib").glob("*llama.*"))]
    return ":".join(f"{file}:{(found := file.stat()).st_size}:{found.st_mtime_ns}" for file in files)
