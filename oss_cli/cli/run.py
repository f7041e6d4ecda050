"""`oss run`: one prompt, one answer."""

from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.completion import complete_prompt, complete_template
from oss_cli.cli.options import (
    ContextOption,
    ContinueOption,
    ConversationOption,
    CpuMoeOption,
    DraftOption,
    EffortOption,
    GpuLayersOption,
    GrammarOption,
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

if TYPE_CHECKING:
    from oss_cli.cli.run_request import Request


def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROMPT]",
            help="The prompt; standard input, if piped, goes before it; - is standard input.",
            autocompletion=complete_prompt,
        ),
    ] = None,
    model: ModelOption = None,
    server: ServerOption = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            "--file", "-f", metavar="PATH", help="A text file, folder or pattern to go before; -: standard input."
        ),
    ] = None,
    encoding: Annotated[
        str, typer.Option("--encoding", metavar="NAME", help="Of standard input and files. Default: UTF-8.")
    ] = "",
    template: Annotated[
        str | None,
        typer.Option(
            "--template", "-t", metavar="NAME", help="A saved prompt (oss template).", autocompletion=complete_template
        ),
    ] = None,
    variable: Annotated[
        list[str] | None, typer.Option("--variable", "-p", metavar="NAME=VALUE", help="A variable of the template.")
    ] = None,
    goes_on: ContinueOption = False,
    conversation: ConversationOption = None,
    save: Annotated[bool, typer.Option("--save", help="Keep this as a new conversation (oss history).")] = False,
    cache: Annotated[
        bool, typer.Option("--cache", help="Keep what the model reads on disk, for the same files again.")
    ] = False,
    extract: Annotated[bool, typer.Option("--extract", "-x", help="Write the first block of code alone.")] = False,
    extract_lang: Annotated[
        str, typer.Option("--extract-lang", metavar="LANG", help="Write the first block of code in this language.")
    ] = "",
    schema: SchemaOption = None,
    grammar: GrammarOption = None,
    raw: Annotated[bool, typer.Option("--raw", help="No chat format: go on with the text.")] = False,
    system: SystemOption = None,
    effort: EffortOption = None,
    show_reasoning: Annotated[
        bool, typer.Option("--show-reasoning", "-R", help="Write the reasoning to standard error, in pipes as well.")
    ] = False,
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
    draft: DraftOption = None,
    seed: SeedOption = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    top_k: TopKOption = None,
    min_p: MinPOption = None,
    repeat_penalty: RepeatPenaltyOption = None,
    stop: StopOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the exact prompt; load no weights.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object: answer, reasoning, seed, usage and more.")
    ] = False,
    as_json_lines: Annotated[
        bool, typer.Option("--jsonl", help="What comes as it comes, a JSON object a line; then the one of --json.")
    ] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Write what it cost to standard error.")] = False,
    verbose: VerboseOption = False,
    # Habits from ollama and llm.
    hide_reasoning: Annotated[bool, typer.Option("--hidethinking", hidden=True)] = False,
    usage: Annotated[bool, typer.Option("--usage", "-u", hidden=True)] = False,
    conversation_too: Annotated[str | None, typer.Option("--cid", hidden=True)] = None,
) -> None:
    """Write one answer to standard output and exit.

    The answer alone goes to standard output; reasoning, progress and notices go to standard error.

    Examples: oss run "Why is the sky blue?"   git diff | oss run "Write a commit message"
    oss run --schema 'city, people int' "Portugal's capital?"
    """
    from oss_cli.cli.run_request import Given, Wishes, build_request

    command_line = settings_from(
        option, stop, model=model, system=system, effort=effort, max_tokens=max_tokens, ctx=ctx, seed=seed,
        temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p, repeat_penalty=repeat_penalty,
        gpu_layers=gpu_layers, cpu_moe=cpu_moe, kv_type=kv_type, threads=threads, no_mmap=no_mmap, mlock=mlock,
        draft=draft, reasoning_budget=reasoning_budget, overflow=overflow, cache=cache, server=server,
    )  # fmt: skip
    wishes = Wishes(
        extract=extract or bool(extract_lang), extract_lang=extract_lang, is_raw=raw,
        is_json=as_json, is_json_lines=as_json_lines,
        schema=schema, grammar=grammar, shows_reasoning=show_reasoning, hides_reasoning=hide_reasoning,
        shows_stats=stats or usage, shows_log=verbose, saves=save, is_dry_run=dry_run,
    )  # fmt: skip
    given = Given(
        tuple(words or ()), tuple(file or ()), encoding, template, tuple(variable or ()), goes_on,
        conversation or conversation_too,
    )  # fmt: skip
    request = build_request(given, command_line, wishes)
    if dry_run:
        _print_prompt(request, as_json=as_json or as_json_lines)
        return
    from oss_cli.cli.run_opening import write_answer

    write_answer(request)


def _print_prompt(request: "Request", *, as_json: bool) -> None:
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console

    assert isinstance(request.choice, wiring.ModelChoice), "a server shows no prompt"
    prompt = wiring.render_dry(request.choice, *request.messages())
    out = open_console().out
    if not as_json:
        out.write(prompt.text + "\n")
        return
    import json

    value = {"model": request.choice.name, "text": prompt.text, "tokens": prompt.tokens}
    out.write(json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n")
