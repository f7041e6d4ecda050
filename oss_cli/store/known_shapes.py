"""Shapes that were read out of headers once, kept on disk: a large vocabulary takes 65 ms to read past.

A file of our own that can be made again. What it says holds for a file of that place, size, time and number alone.
"""

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oss_cli.json_file import read_json, write_json
from oss_cli.plan import ModelShape

_VERSION = 1
_MOST_SHAPES = 50
"""The oldest go first."""


def known_shape(path: Path, kept: Path, *, may_keep: bool = True) -> ModelShape | None:
    """A model's shape, as `readable_shape` gives it, read no more than once.

    kept: the file where shapes are kept. may_keep: whether a further one may be, which tells that a model was used.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    key = [str(path.absolute()), found.st_size, found.st_mtime_ns, found.st_ino]
    rows = _read(kept)
    for row in rows:
        if row.get("file") == key:
            with contextlib.suppress(TypeError, KeyError):
                return _shape(row["shape"])
    from oss_cli.store.gguf import readable_shape  # 3 ms, which a file that is known does not cost

    shape = readable_shape(path)
    if shape is not None and may_keep:
        others = [row for row in rows if row.get("file", [None])[:1] != key[:1]]
        rows = [{"file": key, "shape": asdict(shape)}, *others][:_MOST_SHAPES]
        with contextlib.suppress(OSError):  # a place that cannot be written to hurts nobody
            write_json(kept, {"version": _VERSION, "shapes": rows})
    return shape


def _read(kept: Path) -> list[dict[str, Any]]:
    value = read_json(kept)
    try:
        rows = value["shapes"] if value["version"] == _VERSION else []
        return [row for row in rows if isinstance(row, dict) and isinstance(row.get("file"), list)]
    except (KeyError, TypeError):
        return []


def _shape(value: dict[str, Any]) -> ModelShape:
    """Raises TypeError or KeyError where it was written by another version."""
    shape = ModelShape(**{**value, "window_pattern": tuple(value["window_pattern"])})
    if not all(type(number) is int for name, number in value.items() if name not in ("architecture", "window_pattern")):
        raise TypeError(value)
    return shape
