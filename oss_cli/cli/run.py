"""`oss run`: one prompt, one answer."""

import shlex
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.completion import complete_prompt
from oss_cli.cli.options import (
    ContextOption,
    ContinueOption,
    ConversationOption,
    CpuMoeOption,
    EffortOption,
    GpuLayersOption,
    KvTypeOption,
    MaxTokensOption,
    MinPOption,
    MlockOption,
    ModelOption,
    NoMmapOption,
    OverflowOption,
    PairsOption,
    ReasoningBudgetOption,
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
from oss_cli.errors import BadUsage, UnknownModel

if TYPE_CHECKING:
    from oss_cli.backends.base import Backend
    from oss_cli.conversation.messages import Message
    from oss_cli.conversation.options import ReplyOptions
    from oss_cli.session.turn import Turn
    from oss_cli.settings import Settings
    from oss_cli.terminal.console import Console
    from oss_cli.wiring import ModelChoice, Resumed


def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROMPT]",
            help="The prompt; standard input, if piped, goes before it.",
            autocompletion=complete_prompt,
        ),
    ] = None,
    model: ModelOption = None,
    goes_on: ContinueOption = False,
    conversation: ConversationOption = None,
    system: SystemOption = None,
    effort: EffortOption = None,
    reasoning_budget: ReasoningBudgetOption = None,
    overflow: OverflowOption = None,
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the exact prompt; load no weights.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: text and token ids as JSON.")] = False,
    verbose: VerboseOption = False,
) -> None:
    """Write one answer to standard output and exit.

    Reasoning and progress go to standard error, and only when a person watches.

    Examples: oss run "Why is the sky blue?"   git diff | oss run "Write a commit message"
    """
    from oss_cli import wiring

    named, prompt = split_model(words or [], model)
    command_line = settings_from(
        option, stop, model=named, system=system, effort=effort, max_tokens=max_tokens, ctx=ctx, seed=seed,
        temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p, repeat_penalty=repeat_penalty,
        gpu_layers=gpu_layers, cpu_moe=cpu_moe, kv_type=kv_type, threads=threads, no_mmap=no_mmap, mlock=mlock,
        reasoning_budget=reasoning_budget, overflow=overflow,
    )  # fmt: skip
    if as_json and not dry_run:
        raise BadUsage("--json goes with --dry-run", hint='oss run --dry-run --json "Why is the sky blue?"')
    settings = wiring.load_settings(command_line)
    if settings.private:
        wiring.leave_no_trace()
    resumed = wiring.resume(conversation, is_last=goes_on)
    if resumed is not None:
        settings = resumed.fill_in(command_line, settings)
    choice = wiring.choose_model(settings.model)  # before the input is waited for
    text = _with_standard_input(prompt, named)
    _check_letters(text, settings.system or "")
    if dry_run:
        _print_prompt(choice, *_request(settings, text, resumed), as_json=as_json)
    else:
        _answer(choice, settings, text, resumed, verbose=verbose)


def split_model(words: list[str], model: str | None) -> tuple[str | None, str | None]:
    """Which of the arguments is a model and which the prompt: `oss run gpt-oss-20b "hi"` is a habit from ollama.

    Raises:
        BadUsage: a model's name alone, or a prompt of several arguments.
        UnknownModel: two arguments, and the first looks like a slip for a model's name.
    """
    from oss_cli import wiring

    first = words[0] if words else None
    if first is None or model is not None and len(words) == 1:
        return model, first
    is_name = model is None and wiring.is_model_name(first)
    if is_name and len(words) == 2:
        return first, words[1]
    if is_name and len(words) == 1:
        if _standard_input_is_a_terminal():
            raise BadUsage(f"there is no prompt for {first}", hint=f"oss chat {first}")
        return first, None
    if len(words) == 1:
        return None, first
    if len(words) == 2 and model is None:
        nearest = wiring.nearest_model_names(first)
        if nearest:
            raise UnknownModel(first, nearest=nearest, hint=f"oss run {nearest[0]} {shlex.quote(words[1])}")
    raise BadUsage(
        "the prompt must be one argument",
        cause=f"there are {len(words)}",
        hint=f"oss run {shlex.quote(' '.join(words))}",
    )


def _check_letters(*texts: str) -> None:
    """Refuse bytes of the command line that are no letters.

    Raises:
        BadUsage: there are some.
    """
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadUsage("the prompt is not UTF-8 text", cause=f"character {error.start} is no letter") from error


def _request(
    settings: "Settings", prompt: str, resumed: "Resumed | None" = None
) -> "tuple[list[Message], ReplyOptions]":
    """What a model is told, and how it is to answer."""
    from dataclasses import replace

    from oss_cli import wiring
    from oss_cli.conversation.messages import user_message
    from oss_cli.conversation.tree import Node, shown_to_model, told

    options = wiring.reply_options(settings)
    question = Node("", None, user_message(prompt), 0.0)
    if resumed is None:
        return told(settings.system or "", [question]), options
    before = shown_to_model(resumed.conversation.path())
    system = settings.system or resumed.conversation.system
    return told(system, [*before, question]), replace(options, date=resumed.conversation.date)


def _with_standard_input(prompt: str | None, model: str | None) -> str:
    """Standard input, if it is no terminal, then the prompt.

    Raises:
        BadUsage: there is neither, or the input is no UTF-8 text.
    """
    piped = "" if _standard_input_is_a_terminal() else _read_standard_input()
    parts = [part for part in (piped.rstrip("\n"), prompt or "") if part.strip()]
    if not parts:
        named = f" -m {shlex.quote(model)}" if model else ""
        raise BadUsage("there is no prompt", hint=f'oss run{named} "Why is the sky blue?"')
    return "\n\n".join(parts)


def _standard_input_is_a_terminal() -> bool:
    """Whether a person could be typing; a closed standard input counts as an empty one."""
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def _read_standard_input() -> str:
    if sys.stdin is None or sys.stdin.closed:
        return ""
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadUsage(
            "standard input is not UTF-8 text",
            cause=f"byte {error.start:,} of {len(data):,} is 0x{data[error.start]:02x}",
        ) from error


def _print_prompt(choice: "ModelChoice", messages: "list[Message]", options: "ReplyOptions", *, as_json: bool) -> None:
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console

    prompt = wiring.render_dry(choice, messages, options)
    out = open_console().out
    if not as_json:
        out.write(prompt.text + "\n")
        return
    import json

    value = {"model": choice.name, "text": prompt.text, "tokens": prompt.tokens}
    out.write(json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n")


def _answer(
    choice: "ModelChoice", settings: "Settings", prompt: str, resumed: "Resumed | None", *, verbose: bool
) -> None:
    from contextlib import closing

    from oss_cli import wiring
    from oss_cli.conversation.habits import ReasoningView
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.reply import ReplyPrinter, describe_usage, show_cut_off, show_notice
    from oss_cli.terminal.status import LoadStatus

    console = open_console()
    with LoadStatus(console.err, choice.name) as status:
        backend = wiring.open_backend(
            choice, settings, is_one_shot=True, on_progress=status.show, log=console.err.write if verbose else None
        )
    with (
        closing(backend),
        _open_turn(backend, settings, prompt, resumed, console) as turn,
        ReplyPrinter(
            console, markdown=settings.markdown is not False, reasoning=settings.reasoning or ReasoningView.FOLD
        ) as printer,
        closing(iter(turn)) as events,
    ):
        if backend.is_plain:
            show_notice(console, f"{choice.name} has no chat format: it goes on with the text")
        ended = printer.show(events)
    if ended is not None:
        if verbose:
            console.err.write(f"seed {ended.seed} · {describe_usage(ended.usage)}\n")
        show_cut_off(console, ended, has_answer=printer.has_answer)


@contextmanager
def _open_turn(
    backend: "Backend", settings: "Settings", prompt: str, resumed: "Resumed | None", console: "Console"
) -> "Iterator[Turn]":
    """The turn that answers the prompt: by itself, or the next one of a kept conversation, which keeps it.

    Raises:
        ContextFull: the conversation has no room for it.
    """
    from contextlib import closing

    from oss_cli import wiring
    from oss_cli.conversation.habits import Overflow
    from oss_cli.session.session import Session
    from oss_cli.session.turn import Turn
    from oss_cli.session.window import make_room
    from oss_cli.terminal.errors import show_error
    from oss_cli.terminal.reply import show_notice

    if resumed is None:
        yield Turn(backend, *_request(settings, prompt))
        return
    with closing(wiring.open_journal(settings)) as journal:
        session = Session(
            backend, wiring.reply_options(settings), system=settings.system or "",
            conversation=resumed.conversation, journal=journal,
        )  # fmt: skip

        def show_summary(turn: "Turn") -> None:
            deque(turn, maxlen=0)
            if console.err.is_watched:
                console.err.dim(turn.reply.content.strip() + "\n")

        for left_out in make_room(session, prompt, settings.overflow or Overflow.STOP, show_summary):
            show_notice(console, str(left_out))
        with session.ask(prompt) as turn:
            yield turn
    if journal.trouble is not None:
        show_error(journal.trouble, console.err)
