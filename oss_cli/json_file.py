"""Small JSON files of our own, readable by their owner alone. Knows nothing of what is in them."""

import json
import os
from pathlib import Path
from typing import Any, TypeAlias

JsonValue: TypeAlias = Any
"""Whatever `json.loads` gives."""


def read_json(path: Path) -> JsonValue:
    """What a file holds; None: there is none, or it cannot be read, and is as good as none."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def write_json(path: Path, value: object, *, indent: int | None = None) -> None:
    """Write a file, whole or not at all, and its folder where there is none.

    Raises:
        OSError: the system refuses.
    """
    text = json.dumps(value, sort_keys=True, indent=indent)
    own = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    own.unlink(missing_ok=True)  # of a process of that number which was killed
    try:
        with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text + "\n")
        own.replace(path)
    except OSError:
        own.unlink(missing_ok=True)
        raise
