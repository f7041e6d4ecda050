"""`oss chat`: a conversation."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    MinPOption,
    MlockOption,
    ModelOption,
    NoMmapOption,
    PairsOption,
    RepeatPenaltyOption,
    SeedOption,
    StopOption,
    SystemOption,
    TemperatureOption,
    ThreadsOption,
    TopKOption,
    TopPOption,
    VerboseOption,
    settings_from,
)
from oss_cli.errors import BadUsage
from oss_cli.settings import Settings

if TYPE_CHECKING:
    from oss_cli.repl.reader import Reader


def chat(
    name: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="As --model.", autocompletion=complete_model)
    ] = None,
    model: ModelOption = None,
    system: SystemOption = None,
    effort: EffortOption = None,
    option: PairsOption = None,
    max_tokens: MaxTokensOption = None,
    ctx: ContextOption = None,
    gpu_layers: GpuLayersOption = None,
    cpu_moe: CpuMoeOption = None,
    kv_type: KvTypeOption = None,
    threads: ThreadsOption = None,
    no_mmap: NoMmapOption = False,
    mlock: MlockOption = False,
    seed: SeedOption = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    top_k: TopKOption = None,
    min_p: MinPOption = None,
    repeat_penalty: RepeatPenaltyOption = None,
    stop: StopOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Talk with a model. Lines that are piped in are a script of turns."""
    if name is not None and model is not None and name != model:
        raise BadUsage("two models are named", cause=f"{name} and {model}", hint=f"oss chat {name}")
    command_line = settings_from(
        option, stop, model=name or model, system=system, effort=effort, max_tokens=max_tokens, ctx=ctx, seed=seed,
        temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p, repeat_penalty=repeat_penalty,
        gpu_layers=gpu_layers, cpu_moe=cpu_moe, kv_type=kv_type, threads=threads, no_mmap=no_mmap, mlock=mlock,
    )  # fmt: skip
    start_chat(command_line, verbose=verbose)


def start_chat(command_line: Settings | None = None, *, verbose: bool = False) -> None:
    """Open the model and talk until the user leaves."""
    from contextlib import closing

    from oss_cli import wiring
    from oss_cli.conversation.options import ReplyOptions
    from oss_cli.repl.loop import ChatLoop
    from oss_cli.session.session import Session
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.status import LoadStatus

    settings = wiring.load_settings(command_line or Settings())
    choice = wiring.choose_model(settings.model)
    console = open_console()
    with LoadStatus(console.err, choice.name) as status:
        backend = wiring.open_backend(
            choice, settings, is_one_shot=False, on_progress=status.show, log=console.err.write if verbose else None
        )
    with closing(backend):
        if backend.is_plain:
            raise BadUsage(
                f"{choice.name} cannot chat", cause="it has no chat format: it only goes on with a text",
                hint=f'oss run -m {choice.name} "Once upon a time"',
            )  # fmt: skip
        options = ReplyOptions(date=wiring.today(), sampling=settings.sampling, effort=settings.effort)
        session = Session(backend, options, system=settings.system or "")
        with _open_reader() as reader:
            if reader.is_person:
                console.err.dim(f"{choice.name} · /help shows the commands, Ctrl-D leaves\n")
            ChatLoop(session, reader, console).run()


@contextmanager
def _open_reader() -> "Iterator[Reader]":
    """A line editor for a person, lines for a pipe."""
    from oss_cli.repl.reader import PipeReader

    if sys.stdin is None:
        raise BadUsage("there is nobody to talk to", cause="standard input is closed", hint='oss run "Hello"')
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield PipeReader(sys.stdin.buffer)
        return
    from oss_cli.paths import find_paths
    from oss_cli.repl.commands import REGISTRY
    from oss_cli.repl.prompt import LineEditor, typing_ahead

    commands = {f"/{command.name}": command.meaning for command in REGISTRY.commands}
    with typing_ahead():
        yield LineEditor(find_paths().prompt_history_file, commands)
