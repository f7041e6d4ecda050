"""`oss chat`: a conversation."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.completion import complete_model
from oss_cli.cli.options import (
    ContextOption,
    ContinueOption,
    ConversationOption,
    CpuMoeOption,
    DraftOption,
    EffortOption,
    GpuLayersOption,
    KvTypeOption,
    MaxTokensOption,
    MinPOption,
    MlockOption,
    ModelOption,
    NoMarkdownOption,
    NoMmapOption,
    OverflowOption,
    PairsOption,
    PrivateOption,
    ReasoningBudgetOption,
    ReasoningOption,
    RepeatPenaltyOption,
    SeedOption,
    ServerOption,
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
    from oss_cli.backends.base import Backend
    from oss_cli.conversation.habits import ReasoningView
    from oss_cli.repl.chat import Chat
    from oss_cli.repl.loop import OpenPrinter
    from oss_cli.repl.reader import Reader
    from oss_cli.session.journal import Journal
    from oss_cli.terminal.console import Console
    from oss_cli.wiring import OpenModels, Resumed, ServerModels


def chat(
    name: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="As --model.", autocompletion=complete_model)
    ] = None,
    model: ModelOption = None,
    server: ServerOption = None,
    goes_on: ContinueOption = False,
    conversation: ConversationOption = None,
    private: PrivateOption = False,
    system: SystemOption = None,
    effort: EffortOption = None,
    reasoning: ReasoningOption = None,
    reasoning_budget: ReasoningBudgetOption = None,
    overflow: OverflowOption = None,
    no_markdown: NoMarkdownOption = False,
    option: PairsOption = None,
    max_tokens: MaxTokensOption = None,
    ctx: ContextOption = None,
    gpu_layers: GpuLayersOption = None,
    cpu_moe: CpuMoeOption = None,
    kv_type: KvTypeOption = None,
    threads: ThreadsOption = None,
    no_mmap: NoMmapOption = False,
    mlock: MlockOption = False,
    draft: DraftOption = None,
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
    from oss_cli import wiring

    if name is not None and model is not None and name != model:
        raise BadUsage("two models are named", cause=f"{name} and {model}", hint=f"oss chat {name}")
    command_line = settings_from(
        option, stop, model=name or model, system=system, effort=effort, max_tokens=max_tokens, ctx=ctx, seed=seed,
        temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p, repeat_penalty=repeat_penalty,
        gpu_layers=gpu_layers, cpu_moe=cpu_moe, kv_type=kv_type, threads=threads, no_mmap=no_mmap, mlock=mlock,
        draft=draft, private=private, reasoning=reasoning, reasoning_budget=reasoning_budget, overflow=overflow,
        server=server,
        markdown="false" if no_markdown else None,
    )  # fmt: skip
    resumed = wiring.resume(conversation, is_last=goes_on)
    start_chat(command_line, resumed, verbose=verbose)


def start_chat(
    command_line: Settings | None = None,
    resumed: "Resumed | None" = None,
    *,
    verbose: bool = False,
    opened: "OpenModels | ServerModels | None" = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Open the model and talk until the user leaves.

    resumed: a conversation to go on with. opened: models in the place of the one that the settings name; closed at the
    end. clock: by which thoughts are timed.
    """
    from contextlib import closing

    from oss_cli import wiring
    from oss_cli.cli.signals import leaving_when_told
    from oss_cli.terminal.console import open_console

    command_line = command_line or Settings()
    settings = wiring.load_settings(command_line)
    if resumed is not None:
        settings = resumed.fill_in(command_line, settings)
    if settings.private:
        wiring.leave_no_trace()
    _check_standard_input()
    console = open_console()
    with (
        leaving_when_told(),
        _typing_ahead(),
        closing(opened or _open_models(settings, command_line, console, verbose=verbose)) as models,
        closing(wiring.open_journal(settings)) as journal,
    ):
        chat = _begin_chat(settings, models, journal, resumed, console)
        reader = _open_reader(chat, settings, console)
        _talk(chat, reader, resumed, console, _printer(chat, settings, reader, console, clock))


def _begin_chat(
    settings: Settings,
    models: "OpenModels | ServerModels",
    journal: "Journal",
    resumed: "Resumed | None",
    console: "Console",
) -> "Chat":
    from shutil import get_terminal_size

    from oss_cli import wiring
    from oss_cli.conversation.habits import Overflow, ReasoningView
    from oss_cli.repl.chat import Chat
    from oss_cli.session.session import Session
    from oss_cli.terminal.clipboard import copy_text

    session = Session(
        models.current, wiring.reply_options(settings), system=settings.system or "",
        conversation=resumed.conversation if resumed is not None else None, journal=journal,
    )  # fmt: skip
    return Chat(
        session, models, wiring.today, copy=lambda text: copy_text(text, console.out),
        columns=lambda: get_terminal_size().columns,
        overflow=settings.overflow or Overflow.STOP, reasoning=settings.reasoning or ReasoningView.FOLD,
        is_private=bool(settings.private),
    )  # fmt: skip


def _talk(
    chat: "Chat", reader: "Reader", resumed: "Resumed | None", console: "Console", open_printer: "OpenPrinter"
) -> None:
    from oss_cli.repl.loop import ChatLoop
    from oss_cli.terminal.resumed import show_resumed

    if reader.is_person:
        console.err.dim(f"{chat.session.backend.name} · /help shows the commands, Ctrl-D leaves\n")
        if resumed is not None:
            show_resumed(console, resumed.conversation)
            _tell_of_another_model(chat, resumed, console)
            reader.offer(resumed.unanswered)
    ChatLoop(chat, reader, console, open_printer).run()


def _tell_of_another_model(chat: "Chat", resumed: "Resumed", console: "Console") -> None:
    from oss_cli.terminal.errors import show_notice

    before, now = resumed.model, chat.session.backend.name
    if before and before != now:
        show_notice(console, f"{before} is not here under that name: {now} goes on")


def _open_models(
    settings: Settings, command_line: Settings, console: "Console", *, verbose: bool
) -> "OpenModels | ServerModels":
    """The model that the settings name, loaded or on a server; it can be changed for another."""
    from dataclasses import replace
    from threading import Thread

    from oss_cli import wiring
    from oss_cli.cli.server import tell_person
    from oss_cli.terminal.errors import show_notice
    from oss_cli.terminal.reply import load_markdown
    from oss_cli.terminal.status import LoadStatus

    log = console.err.write if verbose else None
    if settings.markdown is not False:
        Thread(target=load_markdown, args=(console,), daemon=True).start()

    server = wiring.chosen_server(settings, command_line)
    if server is not None:
        choice = wiring.choose_served(server, settings, command_line.model, tell_person)
        return wiring.ServerModels(choice, settings, tell_person)

    def say(text: str) -> None:
        show_notice(console, text)

    first = wiring.choose_model(settings.model)

    def load(choice: "wiring.ModelChoice") -> "Backend":
        # A smaller model was named to guess for the first one: for another it may lack the words.
        how = settings if choice.path == first.path else replace(settings, draft=None)
        listener = wiring.Listener(lambda: LoadStatus(console.err, choice.name), log, say)
        backend = wiring.open_model(
            choice, how, listener, is_one_shot=False, keep=lambda: wiring.keep_states(choice, settings, say)
        )
        if backend.is_plain:
            backend.close()
            raise BadUsage(
                f"{choice.name} cannot chat", cause="it has no chat format: it only goes on with a text",
                hint=f'oss run -m {choice.name} "Once upon a time"',
            )  # fmt: skip
        return backend

    return wiring.OpenModels(load, first)


def _printer(
    chat: "Chat", settings: Settings, reader: "Reader", console: "Console", clock: Callable[[], float]
) -> "OpenPrinter":
    """Makes the printer of each reply, which follows what the chat and the keys say of reasoning."""
    from oss_cli.terminal.reply import ReplyPrinter

    def poll() -> "ReasoningView":
        if "c-o" in reader.watch_keys():
            chat.toggle_reasoning()
        return chat.reasoning

    def open_printer(begun: str) -> ReplyPrinter:
        return ReplyPrinter(
            console, clock, begun=begun, markdown=settings.markdown is not False, reasoning=chat.reasoning, poll=poll
        )

    return open_printer


def _check_standard_input() -> None:
    """Refuse a chat with nobody.

    Raises:
        BadUsage: standard input is closed.
    """
    if sys.stdin is None:
        raise BadUsage("there is nobody to talk to", cause="standard input is closed", hint='oss run "Hello"')


def _is_person() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _typing_ahead() -> "AbstractContextManager[None]":
    """What a person types while the model loads or speaks waits for the next prompt."""
    if not _is_person():
        return nullcontext()
    from oss_cli.repl.prompt import typing_ahead

    return typing_ahead()


def _open_reader(chat: "Chat", settings: Settings, console: "Console") -> "Reader":
    """A line editor for a person, lines for a pipe."""
    from oss_cli.conversation.habits import ReasoningView
    from oss_cli.repl.reader import PipeReader
    from oss_cli.terminal.errors import show_notice

    if not _is_person():
        return PipeReader(sys.stdin.buffer)
    from oss_cli.paths import find_paths
    from oss_cli.repl.editor import command_meanings, editor_options
    from oss_cli.repl.prompt import LineEditor

    def toggle_reasoning() -> None:
        chat.toggle_reasoning()
        reply = chat.session.last_reply
        show_notice(console, f"reasoning: {chat.reasoning}")
        if chat.reasoning is ReasoningView.SHOW and reply is not None and reply.message.reasoning:
            console.err.dim(reply.message.reasoning + "\n")

    history_file = None if settings.private else find_paths().prompt_history_file
    return LineEditor(history_file, command_meanings(), editor_options(chat, settings.editing_mode, toggle_reasoning))
