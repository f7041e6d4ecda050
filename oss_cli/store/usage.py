"""When each model file was last used: a small JSON in the data folder. Knows no names, and nothing of what was said.

It is a convenience: a damaged file counts as empty, and where it cannot be written nothing happens.
"""

import contextlib
import json
import os
from datetime import datetime
from pathlib import Path

_MOST_ENTRIES = 200
"""The oldest go first; keeps the file small for people who run many files by their path."""


def read_uses(file: Path) -> dict[str, datetime]:
    """When each file was last used, by its real path (of a hub's blob: content, not name)."""
    try:
        values = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
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
    text = json.dumps({path: one.isoformat(timespec="seconds") for path, one in newest}, indent=1)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as new:
            new.write(text + "\n")
        temporary.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
