"""The conversations that are kept, opened from where they live."""

from typing import TYPE_CHECKING

from oss_cli.paths import find_paths

if TYPE_CHECKING:
    from oss_cli.history.journal import HistoryJournal
    from oss_cli.history.library import History


def open_history() -> "History":
    """The conversations on this disk; makes no file. A history that cannot be used is told by its calls."""
    from oss_cli.history.database import Database
    from oss_cli.history.library import History

    return History(Database(find_paths().history_file))


def open_journal() -> "HistoryJournal":
    """Where a conversation is kept as it goes; close it. It never fails: its `trouble` says why nothing is kept."""
    from oss_cli.history.database import Database
    from oss_cli.history.journal import HistoryJournal

    return HistoryJournal(Database(find_paths().history_file))
