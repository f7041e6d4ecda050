"""What the last probe found, kept on disk: `oss list` tells what fits without loading llama.cpp to ask for GPUs.

A record is a JSON file of our own that can be made again at any time: one that cannot be read is as good as none.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from oss_cli.plan import Gpu, Machine

_VERSION = 1


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """A machine as it was seen at some time."""

    machine: Machine
    taken_at: float
    """Seconds since 1970."""

    @property
    def date(self) -> str:
        """The local day, as 2026-11-23."""
        return time.strftime("%Y-%m-%d", time.localtime(self.taken_at))


def read_record(path: Path) -> ProbeRecord | None:
    """The last probe; None if there was none, or nothing of use is left of it."""
    try:
        value: Any = json.loads(path.read_text("utf-8"))
        if value["version"] != _VERSION:
            return None
        gpus = tuple(Gpu(**gpu) for gpu in value["machine"].pop("gpus"))
        features = tuple(value["machine"].pop("features"))
        return ProbeRecord(Machine(**value["machine"], gpus=gpus, features=features), float(value["taken_at"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_record(path: Path, machine: Machine, taken_at: float) -> bool:
    """Keep a probe. False: it could not be written, which hurts nobody."""
    text = json.dumps({"version": _VERSION, "taken_at": taken_at, "machine": asdict(machine)}, sort_keys=True)
    own = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(text + "\n", "utf-8")
        own.replace(path)
    except OSError:
        return False
    return True
