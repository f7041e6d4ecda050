"""`oss batch`: many requests out of a file, their answers into another."""

import contextlib
import hashlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.options import (
    ContextOption,
    CpuMoeOption,
    EffortOption,
    GpuLayersOption,
    GrammarOption,
    KvTypeOption,
    MaxTokensOption,
    MinPOption,
    MlockOption,
    ModelOption,
    NoMmapOption,
    ReasoningBudgetOption,
    RepeatPenaltyOption,
    SchemaOption,
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
from oss_cli.errors import BadUsage, ExitCode, UnknownModel

if TYPE_CHECKING:
    from oss_cli.batch.output import OutputFile
    from oss_cli.batch.requests import Entry
    from oss_cli.conversation.answer_form import AnswerForm
    from oss_cli.settings import Settings
    from oss_cli.terminal.console import Console
    from oss_cli.wiring import ModelChoice, ServerChoice

_MOST_PARALLEL = 512
"""Requests to a cluster; each takes two threads here."""
_MOST_PARALLEL_HERE = 64
"""llama.cpp holds 256 sequences at most; on no machine that it runs on do so many bring anything."""


def batch(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="IN", help="JSONL, or CSV with --prompt-template; -: stdin.")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="OUT", help="Where the records go. Default: stdout.")
    ] = None,
    prompt_template: Annotated[
        str | None,
        typer.Option("--prompt-template", metavar="TEXT", help="IN is CSV; {column} stands for a column's value."),
    ] = None,
    parallel: Annotated[
        int | None,
        typer.Option(
            "--parallel",
            metavar="N",
            min=1,
            max=_MOST_PARALLEL,
            help="Replies at once. Default: by memory and cores; 8 of a server.",
        ),
    ] = None,
    ordered: Annotated[bool, typer.Option("--ordered", help="Write records in the order of IN.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Throw away what OUT holds and begin anew.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary and no progress.")] = False,
    model: ModelOption = None,
    server: ServerOption = None,
    system: SystemOption = None,
    effort: EffortOption = None,
    reasoning_budget: ReasoningBudgetOption = None,
    schema: SchemaOption = None,
    grammar: GrammarOption = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="A sampling option by its name, repeatable."),
    ] = None,
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
    """Answer many requests out of a file, several at the same time.

    A line is {"id": "a", "prompt": "Why is the sky blue?"}, or a request of OpenAI's batch format. With -o, the same
    command goes on where it was broken off.

    Examples: oss batch questions.jsonl -o answers.jsonl   oss batch words.csv --prompt-template 'Translate {text}'
    """
    from oss_cli import wiring
    from oss_cli.cli.batch_running import BatchPlan, run_batch
    from oss_cli.cli.run_request import refuse_beside_form
    from oss_cli.terminal.batch import show_summary
    from oss_cli.terminal.console import open_console

    command_line = settings_from(
        option, stop, model=model, system=system, effort=effort, max_tokens=max_tokens, ctx=ctx, seed=seed,
        temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p, repeat_penalty=repeat_penalty,
        gpu_layers=gpu_layers, cpu_moe=cpu_moe, kv_type=kv_type, threads=threads, no_mmap=no_mmap, mlock=mlock,
        reasoning_budget=reasoning_budget, server=server,
    )  # fmt: skip
    settings = wiring.load_settings(command_line)
    form = wiring.read_answer_form(schema, grammar)
    if form is not None:
        refuse_beside_form(settings)
    target = None if output in (None, "-") else Path(str(output))
    if restart and target is None:
        raise BadUsage("--restart goes with -o", hint=f"oss batch {shlex.quote(source)} -o OUT.jsonl --restart")
    data = _read_input(source, target)
    entries = _read_entries(data, source, prompt_template)
    choice = _choose_model(entries, settings, command_line, source)
    if parallel is not None and parallel > _MOST_PARALLEL_HERE and isinstance(choice, wiring.ModelChoice):
        raise BadUsage(
            f"--parallel cannot be {parallel} here", cause=f"on one computer it is at most {_MOST_PARALLEL_HERE}"
        )
    facts = _facts(data, choice, settings) | {"prompt_template": prompt_template, "ordered": ordered}
    facts |= _form_facts(form)
    console = open_console()
    if not quiet:
        _tell_of_other_models(entries, choice, model, console)
    plan = BatchPlan(choice, settings, tuple(entries), facts, parallel, ordered, verbose, quiet, _again(context), form)
    with _open_target(target, facts, restarts=restart) as kept:
        summary = run_batch(plan, kept, console)
    if not quiet:
        show_summary(summary, console.err)
    if summary.failed:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _read_input(source: str, target: Path | None) -> bytes:
    """All of the input.

    Raises:
        BadUsage: it cannot be read, or is the output as well.
    """
    if source == "-":
        return sys.stdin.buffer.read() if sys.stdin is not None and not sys.stdin.closed else b""
    path = Path(source)
    try:
        if target is not None and target.exists() and target.samefile(path):
            raise BadUsage("the input and the output are the same file", cause=source, hint="take another file: -o OUT")
        return path.read_bytes()
    except OSError as error:
        raise BadUsage(f"{source} cannot be read", cause=error.strerror or str(error)) from error


def _read_entries(data: bytes, source: str, template: str | None) -> "list[Entry]":
    """The input's entries.

    Raises:
        BadUsage: there are none, ids are not unique, or it is a table that cannot be read.
    """
    from oss_cli.batch.reading import read_jsonl, settle_ids
    from oss_cli.batch.table import read_table

    name = "standard input" if source == "-" else source
    ending = Path(source).suffix.lower()
    if template is None and ending in (".csv", ".tsv"):
        hint = f"oss batch {shlex.quote(source)} --prompt-template 'Translate {{text}}'"
        raise BadUsage(
            f"{source} is a table, and there is no prompt", cause="its rows have to be put in one", hint=hint
        )
    if template is not None and ending in (".jsonl", ".ndjson", ".json"):
        raise BadUsage("--prompt-template goes with CSV", cause=f"{source} has prompts of its own")
    entries = read_jsonl(data) if template is None else read_table(data, template, name)
    return settle_ids(entries, name)


def _choose_model(
    entries: "list[Entry]", settings: "Settings", command_line: "Settings", source: str
) -> "ModelChoice | ServerChoice":
    """The model of the command line, else the one that the requests ask for, else that of the settings.

    Raises:
        BadUsage: they ask for several.
        UnknownModel: they ask for one that nobody knows.
    """
    from oss_cli import wiring
    from oss_cli.cli.server import tell_person

    server = wiring.chosen_server(settings, command_line)
    asked = sorted(_models_asked_for(entries))
    if command_line.model is not None or not asked:
        if server is not None:
            return wiring.choose_served(server, settings, command_line.model, tell_person)
        return wiring.choose_model(settings.model)
    hint = f"oss batch {shlex.quote(source)} -m MODEL lets one model answer them all"
    if len(asked) > 1:
        raise BadUsage("the requests ask for several models", cause=", ".join(asked), hint=hint)
    try:
        if server is not None:
            return wiring.choose_served(server, settings, asked[0], tell_person)
        return wiring.choose_model(asked[0])
    except UnknownModel as error:
        raise UnknownModel(error.name, nearest=error.nearest, hint=hint) from error


def _models_asked_for(entries: "list[Entry]") -> dict[str, int]:
    """Each model that requests name, and how many do."""
    from oss_cli.batch.requests import Request

    counts: dict[str, int] = {}
    for entry in entries:
        if isinstance(entry.request, Request) and entry.request.model:
            counts[entry.request.model] = counts.get(entry.request.model, 0) + 1
    return counts


def _tell_of_other_models(
    entries: "list[Entry]", choice: "ModelChoice | ServerChoice", named: str | None, console: "Console"
) -> None:
    others = {name: count for name, count in _models_asked_for(entries).items() if name not in (named, choice.name)}
    if named is not None and others:
        asked = ", ".join(f"{name} ({count:,})" for name, count in sorted(others.items()))
        console.err.write(f"{choice.name} answers all requests, those that ask for {asked} as well\n")


def _facts(data: bytes, choice: "ModelChoice | ServerChoice", settings: "Settings") -> dict[str, object]:
    """What must be the same for a batch to go on: all that an answer depends on."""
    from oss_cli import wiring
    from oss_cli.conversation.json_form import sampling_to_json

    if isinstance(choice, wiring.ServerChoice):
        place: dict[str, object] = {"server": choice.server.url}
    else:
        place = {"model_sha256": wiring.sha256_of(choice) or None, "model_bytes": wiring.weights_bytes(choice.path)}
    return {
        "input_sha256": hashlib.sha256(data).hexdigest(),
        "model": choice.name,
        **place,
        "system": settings.system,
        "effort": str(settings.effort) if settings.effort is not None else None,
        "reasoning_budget": settings.reasoning_budget,
        "options": sampling_to_json(settings.sampling),
    }


def _form_facts(form: "AnswerForm | None") -> dict[str, object]:
    """What of the form belongs to them; nothing where there is none, as in batches of earlier versions."""
    from oss_cli.conversation.answer_form import SchemaForm

    if form is None:
        return {}
    return {"schema": form.schema} if isinstance(form, SchemaForm) else {"grammar": form.source}


@contextlib.contextmanager
def _open_target(target: Path | None, facts: dict[str, object], *, restarts: bool) -> "Iterator[OutputFile | None]":
    """The file for the records, ours alone while we write to it; None: they go to standard output.

    Raises:
        BadUsage: it holds something else, or another process writes to it.
        CannotWrite: it cannot be written.
    """
    from oss_cli import wiring
    from oss_cli.batch.output import BatchState, open_output

    if target is None:
        yield None
        return
    with (
        _locked(target),
        contextlib.closing(open_output(target, BatchState(facts, wiring.today()), restarts=restarts)) as kept,
    ):
        yield kept


@contextlib.contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Keep a second `oss batch` away from a file.

    Raises:
        BadUsage: there is one.
    """
    from oss_cli import wiring
    from oss_cli.store.locks import LockHeld, hold_at_once

    name = hashlib.sha256(str(target.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(hold_at_once(wiring.find_places().cache / "locks" / f"batch-{name}.lock"))
        except LockHeld as error:
            raise BadUsage(f"another oss batch writes to {target}", hint="wait for it, or take another file") from error
        except OSError:  # a home that cannot be written to: then nobody keeps locks
            pass
        yield


def _again(context: typer.Context) -> str:
    """The command as it was given, but for --restart: what goes on with the batch."""
    words = ["oss", "batch"]
    for parameter in context.command.params:
        name = parameter.name or ""
        value = context.params.get(name)
        if name == "restart" or value in (None, False, [], ()):
            continue
        if isinstance(parameter, typer.core.TyperArgument):
            words.append(str(value))
        else:
            flag = max(parameter.opts, key=len)
            values = value if isinstance(value, (list, tuple)) else [value]
            words += [flag] if value is True else [word for one in values for word in (flag, str(one))]
    return shlex.join(words)
