"""`oss models`: what a server elsewhere has. And how its waits are told."""

from typing import Annotated

import typer

from oss_cli.cli.options import OfflineOption, ServerOption, settings_from
from oss_cli.errors import BadUsage


def models(
    server: ServerOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    offline: OfflineOption = False,
) -> None:
    """Show the models of a server elsewhere: `oss models --server http://127.0.0.1:8000`."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.tables import show_table

    settings = wiring.load_settings(settings_from(None, server=server))
    chosen = wiring.chosen_server(settings)
    if chosen is None:
        raise BadUsage("no server is named", cause="oss list shows what is here", hint="oss models --server URL")
    served = wiring.list_served(chosen, settings, tell_person)
    out = open_console().out
    if as_json:
        import json

        values = [
            {"name": one.name, "context_tokens": one.context_tokens or None, "server": str(one.kind)} for one in served
        ]
        out.write(json.dumps(values, ensure_ascii=False, sort_keys=True, indent=1) + "\n")
        return
    if not served:
        tell_person(f"{chosen.called} does not list its models: name one with -m")
    rows = [(one.name, f"{one.context_tokens:,}" if one.context_tokens else "", str(one.kind)) for one in served]
    show_table(out, ("MODEL", "CONTEXT", "SERVER"), rows)


def tell_person(text: str) -> None:
    """A notice for a person at a terminal; a pipe is not told."""
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.errors import show_notice

    show_notice(open_console(needs_err=False), text)
