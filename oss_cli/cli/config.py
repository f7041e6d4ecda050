"""`oss config`: the settings of config.toml, shown, changed and explained."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.completion import complete_setting
from oss_cli.durations import describe_duration
from oss_cli.errors import BadUsage, OssError

if TYPE_CHECKING:
    from oss_cli.settings import Settings
    from oss_cli.terminal.console import Console
    from oss_cli.toml_file import TomlFile, Value

config = typer.Typer(no_args_is_help=False, help="Show and change the settings.")

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A setting: see oss config show.", autocompletion=complete_setting)
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


@config.callback(invoke_without_command=True)
def bare(context: typer.Context) -> None:
    """Show and change the settings."""
    if context.invoked_subcommand is None:
        show()


@config.command("show")
def show(as_json: JsonOption = False) -> None:
    """Show every setting, its value, and who decided it."""
    from oss_cli.server_settings import SERVER_RULES, is_server_setting
    from oss_cli.settings import SETTING_MEANINGS
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.tables import show_table

    console = open_console()
    decided = _decided()
    if as_json:
        import json

        values = {name: {"value": value, "from": source} for name, (value, source) in decided.items()}
        console.out.write(json.dumps(values, ensure_ascii=False, sort_keys=True) + "\n")
    else:
        rows = [
            (name, *((_shown(decided[name][0]), decided[name][1]) if name in decided else ("", "")), meaning)
            for name, meaning in SETTING_MEANINGS.items()
        ]
        rows += [
            (name, _shown(value), source, SERVER_RULES[name.rpartition(".")[2]].meaning)
            for name, (value, source) in decided.items()
            if is_server_setting(name)
        ]
        show_table(console.out, ("SETTING", "VALUE", "FROM", "MEANING"), rows)
    warn_of_unknown_settings(console)


@config.command("get")
def get(name: NameArgument) -> None:
    """Show the value in force of one setting; nothing when it is undecided."""
    from oss_cli.terminal.console import open_console

    decided = _decided().get(".".join(_keys(name)))
    if decided is not None:
        open_console().out.write(f"{_shown(decided[0])}\n")


# Numbers below zero are values, not options.
@config.command("set", context_settings={"ignore_unknown_options": True})
def set_value(
    name: NameArgument,
    values: Annotated[list[str], typer.Argument(metavar="VALUE", help="What it becomes; `stop` may have several.")],
) -> None:
    """Change a setting in config.toml: `oss config set model gpt-oss-20b` makes it your default."""
    from oss_cli.terminal.console import open_console

    console = open_console()
    keys = _keys(name)
    name = ".".join(keys)
    if len(values) > 1 and name != "stop":
        raise BadUsage(f"{name} has one value", cause=f"there are {len(values)}", hint=_quoted_hint(name, values))
    value = _checked_field(keys, values[0]) if len(keys) > 1 else _checked(name, values)
    if name == "model":
        value = _known_model(str(value), console)
    file = open_config_file()
    file.set(*keys, value=value)
    file.save()
    _warn_of_variable(name, console)


@config.command("unset")
def unset(name: NameArgument) -> None:
    """Take a setting out of config.toml."""
    from oss_cli.terminal.console import open_console

    file = open_config_file()
    # What we do not know can be taken out as well.
    keys = (name,) if file.get(name) is not None else _keys(name, may_be_whole=True)
    if file.remove(*keys):
        file.save()
    _warn_of_variable(name, open_console())


@config.command("edit")
def edit() -> None:
    """Open config.toml in your editor, and check it afterwards."""
    from oss_cli import wiring
    from oss_cli.cli.editor import check_editor, open_editor
    from oss_cli.settings import read_config
    from oss_cli.terminal.console import open_console

    check_editor(otherwise="oss config set NAME VALUE")
    path = wiring.config_file()
    if not path.exists():
        open_config_file().save()
    open_editor(path, again="oss config edit")
    try:
        read_config(path)
    except OssError as error:
        error.hint = "oss config edit"
        raise
    warn_of_unknown_settings(open_console())


@config.command("path")
def path() -> None:
    """Show where config.toml is, or would be."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console

    open_console().out.write(f"{wiring.config_file()}\n")


def _keys(name: str, *, may_be_whole: bool = False) -> tuple[str, ...]:
    """Where a setting stands in config.toml: its name as it is spelled there, or the three words of a server's.

    may_be_whole: whether servers.NAME alone is meant, too.

    Raises:
        BadUsage: there is none of that name.
    """
    from oss_cli.server_settings import TABLE, is_server_setting, split_name
    from oss_cli.settings import check_setting_name

    if not is_server_setting(name) or "." not in name:
        return (check_setting_name(name),)
    server, field = split_name(name)
    if not field and not may_be_whole:
        raise BadUsage(f"{name!r} is a server, not a setting", hint=f"oss config set {TABLE}.{server}.url URL")
    return (TABLE, server, field) if field else (TABLE, server)


def _checked_field(keys: tuple[str, ...], text: str) -> "Value":
    """A value of a server, in the kind that config.toml keeps it in.

    Raises:
        BadUsage: it is none that the setting can have, or the server has no address yet.
    """
    from oss_cli.server_settings import check_value

    table, server, field = keys
    value = check_value(".".join(keys), field, text)
    if field != "url" and open_config_file().get(table, server, "url") is None:
        hint = f"oss config set {table}.{server}.url URL"
        raise BadUsage(f"{server} is no server yet", cause="its address comes first", hint=hint)
    assert isinstance(value, (str, int, float)), "a field is a text, a number or a switch"
    return value


def _decided() -> "dict[str, tuple[Value, str]]":
    """Every setting that is decided, and where.

    Raises:
        BadSettings: config.toml or a variable holds something that cannot be used.
    """
    from oss_cli import wiring
    from oss_cli.settings import SETTING_NAMES, deciding_variable, read_config, read_environment

    environment, file = read_environment(), read_config(wiring.config_file())
    decided: dict[str, tuple[Value, str]] = {}
    for name in SETTING_NAMES:
        for settings, source in ((environment, deciding_variable(name) or ""), (file, "config.toml")):
            value = _value_of(settings, name)
            if value is not None:
                decided[name] = (value, source)
                break
    return decided | _decided_of_servers()


def _decided_of_servers() -> "dict[str, tuple[Value, str]]":
    from oss_cli import wiring
    from oss_cli.server_settings import SERVER_RULES, TABLE
    from oss_cli.settings import read_servers

    servers = read_servers(wiring.config_file())
    values = {
        f"{TABLE}.{name}.{field}": getattr(server, field) for name, server in servers.items() for field in SERVER_RULES
    }
    return {name: (value, "config.toml") for name, value in values.items() if value is not None}


def _value_of(settings: "Settings", name: str) -> "Value | None":
    value = getattr(settings, name) if hasattr(settings, name) else getattr(settings.sampling, name)
    if isinstance(value, dict):  # logit_bias, as it is written on a command line
        return ",".join(f"{token}:{bias:g}" for token, bias in value.items())
    if name == "keep_alive" and value is not None:
        return describe_duration(value)
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, (str, Path)) else value


def _shown(value: "Value") -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(repr(one) for one in value) if isinstance(value, list) else str(value)


def warn_of_unknown_settings(console: "Console") -> None:
    """Say what stands in config.toml and decides nothing.

    Raises:
        BadSettings: it cannot be read or is not TOML.
    """
    from oss_cli import wiring
    from oss_cli.settings import unknown_settings
    from oss_cli.terminal.errors import show_warning

    for sentence in unknown_settings(wiring.config_file()):
        show_warning(sentence, console.err)


def _checked(name: str, texts: list[str]) -> "Value":
    """A value in the kind that config.toml keeps it in.

    Raises:
        BadUsage: it is none that the setting can have.
    """
    from oss_cli.settings import Settings, set_setting

    settings = Settings()
    for text in texts:
        settings = set_setting(settings, name, text)
    if name == "stop":
        return texts[0] if len(texts) == 1 else texts  # as typed: an escape is read when the file is
    if name == "server":
        _check_server(texts[0])
    value = _value_of(settings, name)
    if name in ("hub_cache", "models_folder") and texts[0].startswith(("~", "$")):
        return texts[0]  # as typed: the same file may serve on several computers
    assert value is not None
    return value


def _check_server(text: str) -> None:
    """Refuse what leads to no server.

    Raises:
        BadUsage: it is no server's name, and no address.
    """
    from oss_cli import wiring
    from oss_cli.server_settings import find_server
    from oss_cli.settings import read_servers

    find_server(text, lambda: read_servers(wiring.config_file()))


def _known_model(name: str, console: "Console") -> str:
    """A model's name as the catalogue spells it, or the absolute path of a file; a notice if it is not here.

    Raises:
        UnknownModel: nothing is called that.
        BadModelFile: there is no such file.
    """
    from oss_cli import wiring
    from oss_cli.errors import NotDownloaded

    try:
        choice = wiring.choose_model(name)
    except NotDownloaded as error:
        console.err.write(f"{error.message} yet: {error.hint}\n")
        return error.name
    is_named = wiring.is_model_name(name) and not os.path.isfile(os.path.expanduser(name))  # noqa: PTH111, PTH113 - as in wiring
    # Not resolve(): a link may be what is meant to be kept.
    return choice.name if is_named else os.path.abspath(choice.path)  # noqa: PTH100 - as said


def open_config_file() -> "TomlFile":
    """config.toml to be changed; a new one begins with what can be set."""
    from oss_cli import wiring
    from oss_cli.settings import SETTING_MEANINGS
    from oss_cli.toml_file import TomlFile

    lines = ["# The settings of oss: NAME = VALUE, texts in quotes. `oss config show` tells which are in force.", "#"]
    width = max(map(len, SETTING_MEANINGS))
    lines += [f"# {name:{width}} {meaning}" for name, meaning in SETTING_MEANINGS.items()]
    return TomlFile(wiring.config_file(), beginning="\n".join(lines) + "\n")


def _warn_of_variable(name: str, console: "Console") -> None:
    from oss_cli.settings import deciding_variable

    variable = deciding_variable(name)
    if variable is not None:
        console.err.write(f"{variable} is set, and wins over config.toml\n")


def _quoted_hint(name: str, values: list[str]) -> str:
    return f'oss config set {name} "{" ".join(values)}"'
