"""`oss load`, `oss ps`, `oss stop`: models that stay in memory between commands."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.completion import complete_held, complete_model
from oss_cli.cli.options import (
    ContextOption,
    CpuMoeOption,
    DraftOption,
    GpuLayersOption,
    KvTypeOption,
    MlockOption,
    NoMmapOption,
    ThreadsOption,
    settings_from,
)
from oss_cli.durations import describe_duration
from oss_cli.errors import BadUsage, EngineFailed, format_bytes

if TYPE_CHECKING:
    from oss_cli.wiring import Held


def load(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="A model's name, or a GGUF file.", autocompletion=complete_model),
    ] = None,
    keep_alive: Annotated[
        str | None,
        typer.Option("--keep-alive", metavar="TIME", help="How long after its last use it leaves. Default: 10m."),
    ] = None,
    ctx: ContextOption = None,
    gpu_layers: GpuLayersOption = None,
    cpu_moe: CpuMoeOption = None,
    kv_type: KvTypeOption = None,
    threads: ThreadsOption = None,
    no_mmap: NoMmapOption = False,
    mlock: MlockOption = False,
    draft: DraftOption = None,
) -> None:
    """Load a model and keep it in memory: oss run and oss chat then need not load it.

    A process in the background keeps it, until nobody has used it for a while. Give oss run the same options.
    """
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.status import LoadStatus

    settings = wiring.load_settings(
        settings_from(
            None, model=model, keep_alive=keep_alive, ctx=ctx, gpu_layers=gpu_layers, cpu_moe=cpu_moe,
            kv_type=kv_type, threads=threads, no_mmap=no_mmap, mlock=mlock, draft=draft,
        )
    )  # fmt: skip
    if keep_alive is not None and not settings.keep_alive:
        raise BadUsage("a model that is kept for no time is not kept", hint="oss stop")
    keep_alive_s = settings.keep_alive or wiring.USUAL_KEEP_ALIVE_S
    console = open_console()
    choice = wiring.choose_model(settings.model)
    with LoadStatus(console.err, choice.name) as status:
        held = wiring.keep_model(
            choice, settings, keep_alive_s, on_progress=status.show,
            on_replace=lambda why: console.err.write(f"{choice.name} is loaded anew: {why}\n"),
        )  # fmt: skip
    time = describe_duration(keep_alive_s)
    console.out.write(f"{choice.name} is in memory, kept by process {held.record.pid} for {time} after its last use\n")


def ps(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show the models that are kept in memory."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.tables import show_table

    console = open_console()
    held = wiring.held_models()
    if as_json:
        values = [_to_json(one) for one in held]
        console.out.write(json.dumps(values, ensure_ascii=False, sort_keys=True, indent=2) + "\n")
        return
    if not held:
        console.err.write("no model is kept in memory; oss load MODEL puts one there\n")
        return
    heads = ("NAME", "MEMORY", "LEAVES IN", "REPLIES", "PROCESS", "STATE")
    show_table(console.out, heads, [_row(one) for one in held])


def stop(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="As oss ps shows it. Default: all.", autocompletion=complete_held),
    ] = None,
) -> None:
    """Take a model, or all of them, out of memory.

    Replies that are being made have ten seconds to come to their end.
    """
    from oss_cli import wiring
    from oss_cli.holders.stopping import Stopped
    from oss_cli.terminal.console import open_console

    console = open_console()
    held = wiring.held_models()
    if model is not None:
        named = [one for one in held if _is_called(one, model)]
        if not named:
            cause = f"in memory: {', '.join(one.record.name for one in held) or 'nothing'}"
            raise BadUsage(f"{model} is not kept in memory", cause=cause, hint="oss ps")
        held = named
    if not held:
        console.err.write("no model is kept in memory\n")
    for one in held:
        name, pid = one.record.name, one.record.pid
        stopped = wiring.stop_held(one.record)
        if stopped is Stopped.STAYS:
            raise EngineFailed(f"process {pid}, which keeps {name} in memory, cannot be ended", hint="oss ps")
        how = f" (process {pid} did not leave, and was killed)" if stopped is Stopped.KILLED else ""
        console.out.write(f"{name} is out of memory{how}\n")


def _is_called(held: "Held", name: str) -> bool:
    from oss_cli import wiring
    from oss_cli.errors import OssError

    if held.record.name.lower() == name.lower():
        return True
    try:
        return wiring.holds_file(held.record, wiring.choose_model(name).path)
    except OssError:  # a model that is not here any more may still be in memory, under its own name
        return False


def _row(held: "Held") -> tuple[str, ...]:
    from oss_cli.terminal.status import describe_seconds

    record, status = held.record, held.status
    if status is None:
        return record.name, "", "", "", str(record.pid), _state(held)
    leaves_in = "" if status.running or status.waiting else describe_seconds(max(1.0, status.idle_left_s))
    memory = format_bytes(status.memory_bytes) if status.memory_bytes else ""
    replies = f"{status.running}" + (f" + {status.waiting} waiting" if status.waiting else "")
    return record.name, memory, leaves_in, replies, str(record.pid), _state(held)


def _state(held: "Held") -> str:
    from oss_cli.holders.record import HolderState

    if held.status is not None:
        return "ready"
    is_loading = held.record.state is HolderState.LOADING
    return f"loading, {held.record.share:.0%}" if is_loading else "does not answer"


def _to_json(held: "Held") -> dict[str, object]:
    from oss_cli.holders.record import HolderState

    record, status, facts = held.record, held.status, held.record.facts
    state = "ready" if status is not None else "loading" if record.state is HolderState.LOADING else "silent"
    return {
        "context_tokens": facts.context_tokens if facts is not None else None,
        "idle_left_s": round(status.idle_left_s, 1) if status is not None else None,
        "keep_alive_s": status.keep_alive_s if status is not None else None,
        "memory_bytes": (status.memory_bytes or None) if status is not None else None,
        "model": {"name": record.name, "path": record.wanted.path, "sha256": (facts and facts.sha256) or None},
        "options": dict(record.wanted.load),
        "pid": record.pid,
        "running": status.running if status is not None else None,
        "state": state,
        "waiting": status.waiting if status is not None else None,
    }
