"""A server elsewhere: which one is meant, its key, and its models as backends."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oss_cli.errors import BadSettings, BadUsage, UnknownModel
from oss_cli.paths import find_paths
from oss_cli.server_settings import LOCAL, TABLE, ServerSettings, find_server
from oss_cli.settings import Settings

if TYPE_CHECKING:
    from oss_cli.backends.base import Backend
    from oss_cli.backends.remote import Connection, Patience, RemoteBackend, ServedModel, Server

Say = Callable[[str], None]
"""Tells a person what is waited for."""

_KEY_VARIABLE = "OSS_API_KEY"
_LOCAL_ALONE = ("gpu_layers", "cpu_moe", "kv_type", "threads", "no_mmap", "mlock", "draft", "cache", "reasoning_budget")
"""Settings that a server never hears of."""


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """A model of a server."""

    name: str
    server: ServerSettings
    served: "ServedModel"
    others: tuple[str, ...] = ()
    """All models of the server by name, as it lists them."""

    @property
    def path(self) -> None:
        """None: its files are not here."""
        return


def chosen_server(settings: Settings, command_line: Settings | None = None) -> ServerSettings | None:
    """The server that the settings name; None: this computer.

    command_line: what it decides, to refuse what is for this computer alone.

    Raises:
        BadUsage: an option has no meaning there, or the network is forbidden.
        UnknownServer: no server has that name.
        BadSettings: config.toml cannot be used.
    """
    if settings.server is None:
        return None
    server = find_server(settings.server, _servers)
    if server is None:
        return None
    for name in _LOCAL_ALONE if command_line is not None else ():
        if getattr(command_line, name) is not None:
            option = f"--{name.replace('_', '-')}"
            cause = f"{server.called} answers, which decides that by itself"
            hint = f"leave it out, or stay on this computer: --server {LOCAL}"
            raise BadUsage(f"{option} does not reach a server", cause=cause, hint=hint)
    return server


def list_served(server: ServerSettings, settings: Settings, say: Say) -> "tuple[ServedModel, ...]":
    """The models of a server, with the contexts that it tells of.

    Raises:
        ServerFailed: it cannot be reached, refuses, or is no such server.
    """
    from contextlib import closing

    with closing(_connect(server, settings)) as connection:
        return _look(connection, say)


def choose_served(server: ServerSettings, settings: Settings, asked: str | None, say: Say) -> ServerChoice:
    """A model of a server: the one that is asked for, else the server's own setting, else the setting `model` if the
    server has that, else the only one.

    Raises:
        UnknownModel: the server has none of that name.
        BadUsage: it has several, and none is named.
        ServerFailed: it cannot be reached, refuses, or is no such server.
    """
    from oss_cli.backends.remote import find_model

    models = list_served(server, settings, say)
    named = asked or server.model
    if named is None and settings.model is not None and models:
        try:
            served = find_model(models, settings.model, server.called)
        except UnknownModel:  # it is meant for this computer
            served = find_model(models, None, server.called)
    else:
        served = find_model(models, named, server.called)
    return ServerChoice(served.name, server, served, tuple(model.name for model in models) or (served.name,))


def open_remote(choice: ServerChoice, settings: Settings, *, is_batch: bool = False) -> "RemoteBackend":
    """A model of a server, ready to answer; `ctx` says how long its context is, should the server not. Close it.

    is_batch: whether nobody waits for each reply: then there is more patience with a busy server.

    Raises:
        ServerFailed: the server cannot be reached.
    """
    from oss_cli.backends.remote import BATCH_PATIENCE, PATIENCE, RemoteBackend
    from oss_cli.backends.remote.failures import explain
    from oss_cli.backends.remote.models import find_context
    from oss_cli.http import HttpTrouble

    connection = _connect(choice.server, settings)
    try:
        context = settings.ctx or find_context(connection, choice.served)
    except HttpTrouble as trouble:
        connection.close()
        raise explain(trouble, connection.server) from trouble
    patience: Patience = BATCH_PATIENCE if is_batch else PATIENCE
    return RemoteBackend(connection, choice.served, context, patience=patience)


class ServerModels:
    """The models of a server, one of which answers, and the way to another."""

    def __init__(self, choice: ServerChoice, settings: Settings, say: Say) -> None:
        """Open the one that is chosen.

        Raises:
            OssError: it cannot be opened.
        """
        self._settings = settings
        self._say = say
        self._choice = choice
        self.current: Backend = open_remote(choice, settings)
        """The one that answers."""

    def open(self, name: str) -> None:
        """Let another model of the server answer; if it has none of that name, everything stays as it is.

        Raises:
            UnknownModel: it has none.
            ServerFailed: it cannot be reached.
        """
        choice = choose_served(self._choice.server, self._settings, name, self._say)
        before, self.current = self.current, open_remote(choice, self._settings)
        self._choice = choice
        before.close()

    def names(self) -> list[str]:
        """Every model of the server, as it listed them last: Tab asks for them at each key."""
        return list(self._choice.others)

    def close(self) -> None:
        """Hang up. May be called twice."""
        self.current.close()


def _servers() -> dict[str, ServerSettings]:
    from oss_cli.settings import read_servers

    return read_servers(find_paths().config_file)


def _connect(server: ServerSettings, settings: Settings) -> "Connection":
    """The way to a server, over which nothing has gone yet.

    Raises:
        BadUsage: the network is forbidden.
        BadSettings: its key is missing or cannot be sent, or would travel for all to read.
    """
    from oss_cli.backends.remote import Connection, Server
    from oss_cli.backends.remote.server import SILENCE_S

    there = Server(server.url, server.called, _key_of(server), server.timeout_s or SILENCE_S)
    if settings.offline and not there.is_loopback:
        cause = "the setting offline is true (--offline, OSS_OFFLINE); servers on this computer are no network"
        raise BadUsage(f"{server.called} is not asked", cause=cause, hint="OSS_OFFLINE=false, or --server local")
    _check_way(there, server)
    return Connection(there)


def _check_way(there: "Server", server: ServerSettings) -> None:
    """Refuse to send a key where anybody can read it.

    Raises:
        BadSettings: it would be.
    """
    if not there.api_key or there.is_loopback or there.url.startswith("https:") or server.allow_plain_http:
        return
    hint = (
        f"take an https address or a tunnel; or: oss config set {TABLE}.{server.name or 'NAME'}.allow_plain_http true"
    )
    if not server.name:
        unset = f"Remove-Item Env:{_KEY_VARIABLE}" if os.name == "nt" else f"unset {_KEY_VARIABLE}"
        hint = f"take an https address or a tunnel, or send no key: {unset}"
    raise BadSettings("the key would travel without encryption", cause=f"{there.url} is no https address", hint=hint)


def _key_of(server: ServerSettings) -> str:
    """The key of a server; empty: it has none. $OSS_API_KEY is for a server that is given by its address alone.

    Raises:
        BadSettings: its variable is not set, or holds what no request can.
    """
    variable = server.api_key_env or ("" if server.name else _KEY_VARIABLE)
    key = os.environ.get(variable, "").strip() if variable else ""
    if server.api_key_env and not key:
        cause = f"{TABLE}.{server.name}.api_key_env says that it holds the key"
        raise BadSettings(f"{variable} is not set", cause=cause, hint=_set_command(variable))
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise BadSettings(f"{variable} holds no key", cause="a key has neither spaces nor letters beyond ASCII")
    return key


def _set_command(variable: str) -> str:
    return f'$Env:{variable} = "KEY"' if os.name == "nt" else f"export {variable}=KEY"


def _look(connection: "Connection", say: Say) -> "tuple[ServedModel, ...]":
    """The models of a server; waits while it is busy or still loading.

    Raises:
        ServerFailed: it cannot be reached, refuses, or is no such server.
    """
    from oss_cli.backends.remote import PATIENCE, look_at_server
    from oss_cli.backends.remote.connection import Refused
    from oss_cli.backends.remote.failures import explain, next_wait, tell_wait
    from oss_cli.http import HttpTrouble

    tried = 0
    while True:
        tried += 1
        try:
            return look_at_server(connection)
        except (HttpTrouble, Refused) as failure:
            wait_s = next_wait(failure, tried, PATIENCE)
            if wait_s is None:
                raise explain(failure, connection.server) from failure
            say(tell_wait(failure, wait_s))
            time.sleep(wait_s)
