"""What the last probe found, kept on disk: `oss list` tells what fits without loading llama.cpp to ask for GPUs.

A record is a JSON file of our own that can be made again at any time: one that cannot be read is as good as none.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from oss_cli.json_file import read_json, write_json
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
    value = read_json(path)
    try:
        if value["version"] != _VERSION:
            return None
        gpus = tuple(Gpu(**gpu) for gpu in value["machine"].pop("gpus"))
        features = tuple(value["machine"].pop("features"))
        return ProbeRecord(Machine(**value["machine"], gpus=gpus, features=features), float(value["taken_at"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def write_record(path: Path, machine: Machine, taken_at: float) -> bool:
    """Keep a probe. False: it could not be written, which hurts nobody."""
    try:
        write_json(path, {"version": _VERSION, "taken_at": taken_at, "machine": asdict(machine)})
    except OSError:
        return False
    return True
