"""The command line: its commands, and what bare `oss` does. Knows nothing of models."""

import contextlib
import importlib
import sys

import typer

from oss_cli.cli.options import OfflineOption
from oss_cli.errors import BadUsage, ClosedPipe, ExitCode, OssError

_COMMANDS = {
    "run": ("run", "run"),
    "chat": ("chat", "chat"),
    "batch": ("batch", "batch"),
    "serve": ("serve", "serve"),
    "list": ("models", "list_models"),
    "models": ("server", "models"),
    "show": ("models", "show"),
    "pull": ("pull", "pull"),
    "import": ("manage", "import_model"),
    "verify": ("manage", "verify"),
    "rm": ("manage", "rm"),
    "alias": ("manage", "alias"),
    "load": ("holders", "load"),
    "ps": ("holders", "ps"),
    "stop": ("holders", "stop"),
    "doctor": ("doctor", "doctor"),
    "bench": ("bench", "bench"),
    "history": ("history", "history"),
    "template": ("template", "template"),
    "config": ("config", "config"),
}
"""Every command, in the order in which help shows them: its module in this folder, and its function or group there."""

_HIDDEN = {"hold": ("hold", "hold")}
"""What our own processes call."""


def _build_app(arguments: list[str]) -> typer.Typer:
    """The commands; if the first argument names one, that one alone.

    To load the others and read their signatures takes 60 ms, of the 230 that `oss list` took.
    """
    app = typer.Typer(
        name="oss",
        no_args_is_help=False,
        add_completion=True,
        pretty_exceptions_enable=False,  # what goes wrong is shown in one place, `__main__`
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Talk to gpt-oss and other open-weight models on your own computer.",
    )
    app.callback(invoke_without_command=True)(bare)
    known = _COMMANDS | _HIDDEN
    named = [name for name in arguments[:1] if name in known]
    for name in named or _COMMANDS:
        module, attribute = known[name]
        command = getattr(importlib.import_module(f"oss_cli.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def bare(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", "-V", help="Show the version."),
    offline: OfflineOption = False,
) -> None:
    """Talk to gpt-oss and other open-weight models on your own computer."""
    if version:
        from oss_cli import __version__

        typer.echo(f"oss {__version__}")
        raise typer.Exit
    if context.invoked_subcommand not in ("config", "doctor"):  # these two say it themselves, in pipes as well
        _warn_of_unknown_settings()
    if context.invoked_subcommand is not None:
        return
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()):
        with contextlib.redirect_stdout(sys.stderr):  # Typer's own help writes itself, wherever it is asked to go
            typer.echo(context.get_help(), err=True)
        raise typer.Exit(ExitCode.USAGE)
    from oss_cli.cli.chat import start_chat

    start_chat()


def _warn_of_unknown_settings() -> None:
    """Tell a person of mistyped names in config.toml; a file that cannot be read is told by what needs it."""
    from oss_cli.terminal.console import open_console

    console = open_console()
    if console.err.is_watched:
        from oss_cli.cli import config

        with contextlib.suppress(OssError):
            config.warn_of_unknown_settings(console)


_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""What Typer raises for a command line that it cannot read; its own name for it is private (Typer 0.26 to 0.28)."""


def run_app(arguments: list[str]) -> int:
    """Run one command; its exit status. Our errors pass through.

    Raises:
        ClosedPipe: nobody reads the help.
        BadUsage: there is no such command or option, or one lacks its value.
    """
    try:
        status = _build_app(arguments)(arguments, prog_name="oss", standalone_mode=False)
    except typer.Exit as left:
        return left.exit_code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except SystemExit as error:
        if error.code in (ExitCode.TERMINATED, ExitCode.HUNG_UP):
            return ExitCode(error.code)
        raise ClosedPipe from error  # Typer's way to say that a pipe was closed while it wrote its help
    except _UsageError as error:
        raise _bad_usage(error) from error
    return status if isinstance(status, int) else ExitCode.DONE


def _bad_usage(error: BaseException) -> BadUsage:
    context: typer.Context | None = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "oss"
    message: str = getattr(error, "format_message", error.__str__)()
    return BadUsage(message[:1].lower() + message[1:].rstrip("."), hint=f"{command} --help")
