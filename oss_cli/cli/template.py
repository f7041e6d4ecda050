"""`oss template`: the user's saved prompts, written, listed, shown, edited and removed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.completion import complete_template
from oss_cli.cli.options import (
    EffortOption,
    GrammarOption,
    ModelOption,
    PairsOption,
    SchemaOption,
    StopOption,
    SystemOption,
    settings_from,
)
from oss_cli.errors import OssError

if TYPE_CHECKING:
    from oss_cli.settings import Settings
    from oss_cli.templates import Template
    from oss_cli.toml_file import Value

template = typer.Typer(no_args_is_help=False, help="Look after your saved prompts: oss run -t NAME.")

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A template: see oss template list.", autocompletion=complete_template)
]
NamesArgument = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Templates.", autocompletion=complete_template)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]


@template.callback(invoke_without_command=True)
def bare(context: typer.Context) -> None:
    """Look after your saved prompts."""
    if context.invoked_subcommand is None:
        list_templates()


@template.command("save")
def save(
    name: NameArgument,
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="[PROMPT]", help="With $name for variables, $input for the input; -: standard input."),
    ] = None,
    model: ModelOption = None,
    system: SystemOption = None,
    effort: EffortOption = None,
    option: PairsOption = None,
    stop: StopOption = None,
    default: Annotated[
        list[str] | None,
        typer.Option("--default", "-p", metavar="NAME=VALUE", help="A variable's value where none is given."),
    ] = None,
    extract: Annotated[bool, typer.Option("--extract", "-x", help="Write the first block of code alone.")] = False,
    extract_lang: Annotated[
        str, typer.Option("--extract-lang", metavar="LANG", help="Write the first block of code in this language.")
    ] = "",
    schema: SchemaOption = None,
    grammar: GrammarOption = None,
    raw: Annotated[bool, typer.Option("--raw", help="No chat format: go on with the text.")] = False,
    yes: YesOption = False,
) -> None:
    """Save a prompt under a name. Without PROMPT it is read from standard input."""
    from oss_cli import wiring
    from oss_cli.cli.run_input import InputSources, read_input
    from oss_cli.cli.run_words import split_pairs
    from oss_cli.templates import Template
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.question import confirm

    console, folder = open_console(), wiring.open_templates()
    options = _options(settings_from(option, stop, effort=effort), [*_stops(option), *(stop or ())])
    wiring.read_answer_form(schema, grammar)  # what no answer can be like is told now
    if folder.has(name) and not yes:
        again = f"oss template save {name} PROMPT --yes"
        if not confirm(console, f"Write over the template {name}?", otherwise=again):
            return
    # Standard input beside a prompt is not a part of it: a loop over names may have one.
    text = prompt if prompt not in (None, "-") else read_input(InputSources("-")).text
    path = folder.save(
        Template(
            name,
            text or "",
            system or "",
            _model(model),
            extract,
            extract_lang,
            raw,
            wiring.schema_text(schema) if schema is not None else "",
            wiring.grammar_text(grammar) if grammar is not None else "",
            options,
            split_pairs(default or (), option="-p"),
        )  # fmt: skip
    )
    console.err.write(f"saved: {path}\n")


@template.command("list")
def list_templates(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """List the saved prompts: their variables, and how they begin."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.tables import show_table

    console, folder = open_console(), wiring.open_templates()
    found: list[Template] = []
    broken: list[str] = []
    for name in folder.names():
        try:
            found.append(folder.load(name))
        except OssError as error:  # one that is broken does not hide the others
            broken.append(f"{error.message}: {error.cause}")
    if as_json:
        _write_json([_as_value(one) for one in found])
    elif found:
        rows = [(one.name, " ".join(f"${each}" for each in one.variables), _beginning(one)) for one in found]
        show_table(console.out, ("TEMPLATE", "VARIABLES", "PROMPT"), rows)
    elif not broken:
        console.err.write('no template is saved yet: oss template save NAME "PROMPT"\n')
    for sentence in broken:
        console.err.write(f"{sentence}\n")


@template.command("show")
def show(name: NameArgument, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show a saved prompt, as its file says it."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console

    folder = wiring.open_templates()
    if as_json:
        _write_json(_as_value(folder.load(name)))
        return
    text = folder.text(name)
    open_console().out.write(text if text.endswith("\n") else text + "\n")


@template.command("edit")
def edit(name: NameArgument) -> None:
    """Open a saved prompt in your editor, or begin a new one, and check it afterwards."""
    from oss_cli import wiring
    from oss_cli.cli.editor import check_editor, open_editor

    folder = wiring.open_templates()
    folder.path_of(name)
    check_editor(otherwise=f'oss template save {name} "PROMPT"')
    open_editor(folder.begin(name), again=f"oss template edit {name}")
    folder.load(name)


@template.command("rm")
def rm(names: NamesArgument, yes: YesOption = False) -> None:
    """Remove saved prompts for good."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.question import confirm

    console, folder = open_console(), wiring.open_templates()
    for name in names:
        folder.text(name)  # before anything goes: all of them are there
    joined = " ".join(names)
    if not yes and not confirm(console, f"Remove {joined}?", otherwise=f"oss template rm {joined} --yes"):
        return
    for name in names:
        folder.remove(name)


def _model(name: str | None) -> str:
    """A model as it can be found from everywhere."""
    return str(Path(name).absolute()) if name and Path(name).is_file() else name or ""


def _options(settings: "Settings", stops: list[str]) -> "dict[str, Value]":
    """The options as a file has them."""
    from oss_cli.conversation.json_form import sampling_to_json

    values: dict[str, Value] = {}
    for name, value in sampling_to_json(settings.sampling).items():
        if name == "stop":
            values[name] = stops  # as typed: escapes are read when the file is
        elif isinstance(value, dict):
            values[name] = ",".join(f"{token}:{bias:g}" for token, bias in value.items())
        elif isinstance(value, (int, float, str)):
            values[name] = value
    if settings.effort is not None:
        values["effort"] = str(settings.effort)
    return values


def _stops(pairs: list[str] | None) -> list[str]:
    parts = [pair.partition("=") for pair in pairs or ()]
    return [value for name, _, value in parts if name.strip().lower() == "stop"]


def _as_value(one: "Template") -> dict[str, object]:
    """A template under names that stay."""
    from dataclasses import asdict

    return {**asdict(one), "variables": list(one.variables)}


def _write_json(value: object) -> None:
    import json

    from oss_cli.terminal.console import open_console

    open_console().out.write(json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n")


def _beginning(one: "Template") -> str:
    text = " ".join((one.prompt or one.system).split())
    return text if len(text) <= 60 else text[:59].rstrip() + "…"
