"""When each model file was last used: a small JSON in the data folder. Knows no names, and nothing of what was said.

It is a convenience: a damaged file counts as empty, and where it cannot be written nothing happens.
"""

import contextlib
import os
from datetime import datetime
from pathlib import Path

from oss_cli.json_file import read_json, write_json

_MOST_ENTRIES = 200
"""The oldest go first; keeps the file small for people who run many files by their path."""


def read_uses(file: Path) -> dict[str, datetime]:
    """When each file was last used, by its real path (of a hub's blob: content, not name)."""
    values = read_json(file)
    uses = {}
    for path, text in values.items() if isinstance(values, dict) else ():
        try:
            when = datetime.fromisoformat(text)
        except (TypeError, ValueError):
            continue
        if when.tzinfo is not None:
            uses[path] = when
    return uses


def last_used(uses: dict[str, datetime], model: Path) -> datetime | None:
    """When a model was last used, or None."""
    return uses.get(os.path.realpath(model))


def note_use(file: Path, model: Path, when: datetime) -> None:
    """Remember that a model is used now. Two at once: the later one wins, and nothing breaks."""
    uses = {**read_uses(file), os.path.realpath(model): when}
    newest = sorted(uses.items(), key=lambda use: use[1], reverse=True)[:_MOST_ENTRIES]
    with contextlib.suppress(OSError):
        write_json(file, {path: one.isoformat(timespec="seconds") for path, one in newest}, indent=1)
