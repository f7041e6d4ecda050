"""`oss list`: which models there are, and which are here."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oss_cli.terminal.tables import Row


def list_models() -> None:
    """Show the models that oss knows, and which of them are on this computer."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.tables import show_table

    catalogue = wiring.open_catalogue()
    installed = {model.name: model for model in wiring.open_store(catalogue).installed()}
    rows: list[Row] = [
        (entry.name, _size(entry.total_bytes), "yes" if entry.name in installed else "", entry.good_for)
        for entry in catalogue
    ]
    own = [model for model in installed.values() if model.entry is None]
    rows += [(model.name, _size(model.path.stat().st_size), "yes", str(model.path)) for model in own]
    show_table(open_console().out, ("NAME", "SIZE", "HERE", "GOOD FOR"), rows)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB" if size_bytes else ""
