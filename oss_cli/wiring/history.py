"""The conversations that are kept, opened from where they live."""

from typing import TYPE_CHECKING

from oss_cli.paths import find_paths

if TYPE_CHECKING:
    from oss_cli.history.database import Database
    from oss_cli.history.library import History


def open_history() -> "History":
    """The conversations on this disk; makes no file. A history that cannot be used is told by its calls."""
    from oss_cli.history.library import History

    return History(open_database())


def open_database() -> "Database":
    """Where they are; need not exist."""
    from oss_cli.history.database import Database

    return Database(find_paths().history_file)
