"""`oss serve`: a model behind HTTP, as OpenAI's API has it."""

import contextlib
import ipaddress
import os
import re
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.completion import complete_model
from oss_cli.cli.options import (
    ContextOption,
    CpuMoeOption,
    EffortOption,
    GpuLayersOption,
    KvTypeOption,
    MaxTokensOption,
    MlockOption,
    ModelOption,
    NoMmapOption,
    PairsOption,
    ReasoningBudgetOption,
    SystemOption,
    ThreadsOption,
    settings_from,
)
from oss_cli.cli.signals import leaving_when_told
from oss_cli.errors import BadUsage, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from oss_cli.server.served import Rules, Served
    from oss_cli.settings import Settings
    from oss_cli.terminal.console import Console
    from oss_cli.wiring import ModelChoice

_PORT = 11435
"""Next to ollama's."""
_USUAL_PARALLEL = 4
_MOST_PARALLEL = 64
"""llama.cpp holds 256 sequences at most; on no machine that it runs on do so many bring anything."""

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")


def serve(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="A model's name, or a GGUF file.", autocompletion=complete_model),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; beyond this computer only with a key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0: any that is free.")] = _PORT,
    api_key: Annotated[
        str | None,
        typer.Option(
            "--api-key",
            metavar="KEY",
            envvar="OSS_SERVE_API_KEY",
            help="What clients must send. Better by the variable: others can see a command line.",
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option("--cors", metavar="ORIGIN", help="A web page that may ask, as http://localhost:3000; repeatable."),
    ] = None,
    alias: Annotated[
        list[str] | None,
        typer.Option("--alias", metavar="NAME", help="What requests may call the model as well; repeatable."),
    ] = None,
    parallel: Annotated[
        int | None,
        typer.Option(
            "--parallel", metavar="N", min=1, max=_MOST_PARALLEL, help="Replies at once. Default: up to 4, by memory."
        ),
    ] = None,
    queue: Annotated[
        int, typer.Option("--queue", metavar="N", min=0, max=10_000, help="Requests that may wait; then: 429.")
    ] = 32,
    drain: Annotated[
        int, typer.Option("--drain", metavar="SECONDS", min=0, help="When told to end, time for replies to finish.")
    ] = 30,
    model: ModelOption = None,
    system: SystemOption = None,
    effort: EffortOption = None,
    reasoning_budget: ReasoningBudgetOption = None,
    option: PairsOption = None,
    max_tokens: MaxTokensOption = None,
    ctx: ContextOption = None,
    gpu_layers: GpuLayersOption = None,
    cpu_moe: CpuMoeOption = None,
    kv_type: KvTypeOption = None,
    threads: ThreadsOption = None,
    no_mmap: NoMmapOption = False,
    mlock: MlockOption = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show a line for each request, and llama.cpp's own log.")
    ] = False,
) -> None:
    """Let programs on this computer use a model as they use OpenAI's API.

    The address is http://127.0.0.1:11435/v1; any text will do as the key. Options decide where a request does not.

    Examples: oss serve gpt-oss-20b   OSS_SERVE_API_KEY=secret oss serve --host 0.0.0.0
    """
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console

    settings = wiring.load_settings(
        settings_from(
            option, model=name or model, system=system, effort=effort, max_tokens=max_tokens, ctx=ctx,
            gpu_layers=gpu_layers, cpu_moe=cpu_moe, kv_type=kv_type, threads=threads, no_mmap=no_mmap, mlock=mlock,
            reasoning_budget=reasoning_budget,
        )
    )  # fmt: skip
    _check_packages()
    api_key, origins = _read_key(api_key or ""), tuple(_read_origin(origin) for origin in cors or ())
    _check_exposure(host, api_key)
    choice = wiring.choose_model(settings.model)
    places = parallel or min(_USUAL_PARALLEL, wiring.suggest_parallel(choice, settings))
    rules = _rules(host, api_key, origins, places, queue)
    console = open_console(needs_err=False)  # nobody need read what a server says
    with (
        contextlib.closing(_open_socket(host, port)) as listener,
        leaving_when_told(),
        _open_served(choice, settings, places, alias or [], console, is_verbose=verbose) as served,
    ):
        _listen(listener, host, port)
        status = _run(served, rules, listener, console, drain_s=drain, is_verbose=verbose)
    if status:
        raise typer.Exit(status)


def _check_packages() -> None:
    """Raises BadUsage: what serves is not installed."""
    from oss_cli import wiring

    missing = wiring.missing_serve_packages("oss serve")
    if missing is not None:
        raise missing


def _read_key(text: str) -> str:
    """A key, without the end of the line that a file or a shell may have left. Raises BadUsage: nobody can send it."""
    key = text.strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise BadUsage(
            "the API key cannot be sent", cause="a header holds letters, digits and signs of ASCII, without spaces"
        )
    return key


def _read_origin(text: str) -> str:
    """A web page as browsers name it. Raises BadUsage: they never do, so it would let nobody in."""
    origin = text.strip().lower().removesuffix("/")
    if origin != "*" and not _ORIGIN.fullmatch(origin):
        cause = "it is a scheme and a host, as http://localhost:3000, or *"
        raise BadUsage(f"{text!r} is no web page's origin", cause=cause)
    return origin


def _check_exposure(host: str, api_key: str) -> None:
    """Raises BadUsage: others could reach the model, and no key keeps them out."""
    if _is_loopback(host) or api_key:
        return
    cause = f"{host} can be reached from other computers"
    raise BadUsage("there is no API key", cause=cause, hint=f"OSS_SERVE_API_KEY=… oss serve --host {host}")


def _is_loopback(host: str) -> bool:
    """Whether only this computer can reach an address; of a name nobody knows but of one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _rules(host: str, api_key: str, origins: tuple[str, ...], parallel: int, queue: int) -> "Rules":
    from oss_cli.server.guard import LOOPBACK_HOSTS
    from oss_cli.server.served import Rules

    # Whoever listens to the network has a key, which no web page knows.
    hosts = LOOPBACK_HOSTS | {host} if _is_loopback(host) else frozenset[str]()
    return Rules(parallel=parallel, queue=queue, api_key=api_key, hosts=hosts, origins=origins)


def _open_socket(host: str, port: int) -> socket.socket:
    """Raises BadUsage: the port is in use, or the address is none of this computer's."""
    from oss_cli.server.running import open_socket

    try:
        return open_socket(host, port)
    except OSError as error:
        raise _not_listening(host, port, error) from error


def _listen(listener: socket.socket, host: str, port: int) -> None:
    """Raises BadUsage: another one that was started at the same time listens to the port."""
    try:
        listener.listen()
    except OSError as error:
        raise _not_listening(host, port, error) from error


def _not_listening(host: str, port: int, error: OSError) -> BadUsage:
    hint = f"oss serve --port {port + 1}" if 0 < port < 65535 else ""
    return BadUsage(f"{host} port {port} cannot be listened to", cause=error.strerror or str(error), hint=hint)


@contextlib.contextmanager
def _open_served(
    choice: "ModelChoice",
    settings: "Settings",
    parallel: int,
    more_names: list[str],
    console: "Console",
    *,
    is_verbose: bool,
) -> "Iterator[Served]":
    """The model in memory, and how it is served."""
    from oss_cli import wiring
    from oss_cli.server.served import Served
    from oss_cli.terminal.status import LoadStatus

    log = console.err.write if is_verbose else None
    with LoadStatus(console.err, choice.name) as status:
        model = wiring.open_served(choice, settings, wiring.Loading(status.show, log), parallel=parallel)
    aliases = choice.entry.aliases if choice.entry is not None else ()
    with contextlib.closing(model.chat):
        yield Served(
            chat=model.chat,
            plain=model.plain,
            names=tuple(dict.fromkeys((choice.name, *aliases, settings.model or choice.name, *more_names))),
            created=int(choice.path.stat().st_mtime),
            options=lambda: wiring.reply_options(settings),
            system=settings.system or "",
            embedder=model.embedder,
        )


def _run(
    served: "Served", rules: "Rules", listener: socket.socket, console: "Console", *, drain_s: int, is_verbose: bool
) -> ExitCode:
    import signal

    from oss_cli.server.app import make_app, make_service
    from oss_cli.server.running import run_server

    service = make_service(served, rules)
    app = make_app(service, report=_report_to(console), log=console.err.write if is_verbose else None)
    url = f"http://{_as_authority(listener)}/v1"

    def tell() -> None:
        console.err.write(f"{served.name} answers at {url}\n")

    try:
        ending = run_server(app, service.replies, listener, drain_s=drain_s, on_ready=tell)
    finally:
        service.replies.close()
    if not ending.has_cut_off:
        return ExitCode.DONE
    return ExitCode.INTERRUPTED if ending.signal is signal.SIGINT else ExitCode.TERMINATED


def _report_to(console: "Console") -> "Callable[[BaseException], None]":
    """What becomes of a bug: a line; with OSS_DEBUG=1 its traceback. Its text might quote what was said."""

    def report(error: BaseException) -> None:
        import traceback

        name = type(error).__name__
        console.err.write(f"a request failed by a bug of ours: {name}; OSS_DEBUG=1 shows where\n")
        if os.environ.get("OSS_DEBUG"):
            console.err.write("".join(traceback.format_exception(error)))

    return report


def _as_authority(listener: socket.socket) -> str:
    """Host and port as they stand in a URL."""
    host, port, *_ = listener.getsockname()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # any address; a client needs one
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
