"""What `oss bench` measured, kept on disk, readable by its owner alone: by model, machine, build and settings.

A file of our own that can be made again: one that cannot be read is as good as none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oss_cli.errors import CannotWrite
from oss_cli.json_file import read_json, write_json
from oss_cli.plan import KvType, LoadPlan, Machine, MeasuredSpeed

_VERSION = 1
_MOST_RESULTS = 200
"""The oldest go first."""


@dataclass(frozen=True, slots=True)
class KeptResult:
    """One result, and what it is the result of."""

    identity: str
    """Of the model's file."""
    machine: Machine
    build: str
    """Of llama-cpp-python."""
    plan: LoadPlan
    date: str
    reply_speed: float
    """Tokens a second with an empty context."""
    measured: Mapping[str, object]
    """All of it, as JSON has it."""


def keep(path: Path, result: KeptResult) -> None:
    """Keep a result in the place of an older one of the same model, machine, build and settings; whole or not at all.

    Raises:
        CannotWrite: the system refuses.
    """
    row: dict[str, object] = {
        "model": result.identity,
        "machine": machine_key(result.machine),
        "build": result.build,
        "settings": plan_key(result.plan),
    }
    kept = [one for one in _read(path) if any(one.get(name) != value for name, value in row.items())]
    row |= {"date": result.date, "tokens_per_second": result.reply_speed, "measured": dict(result.measured)}
    try:
        write_json(path, {"version": _VERSION, "results": [row, *kept][:_MOST_RESULTS]}, indent=1)
    except OSError as error:
        raise CannotWrite(path, error) from error


def speeds_of(path: Path, identity: str, machine: Machine) -> list[MeasuredSpeed]:
    """How fast a model wrote on a machine, the newest first."""
    found = []
    for row in _read(path):
        if row.get("model") != identity or row.get("machine") != machine_key(machine):
            continue
        try:
            settings = dict(row["settings"])
            found.append(
                MeasuredSpeed(
                    float(row["tokens_per_second"]),
                    str(row["date"]),
                    settings["threads"],
                    settings["gpu_layers"],
                    settings["cpu_moe_layers"],
                    KvType(settings["kv_type"]),
                )  # fmt: skip
            )
        except (KeyError, TypeError, ValueError):
            continue
    return found


def machine_key(machine: Machine) -> dict[str, object]:
    """What tells one machine from another: its processor, cores, memory and GPUs."""
    return {
        "processor": machine.processor,
        "cores": machine.physical_cores,
        "memory_bytes": machine.total_ram_bytes,
        "gpus": [gpu.description for gpu in machine.gpus],
    }


def plan_key(plan: LoadPlan) -> dict[str, object]:
    """The settings that a speed depends on."""
    return {
        "threads": plan.threads,
        "gpu_layers": plan.gpu_layers,
        "cpu_moe_layers": plan.cpu_moe_layers,
        "kv_type": str(plan.kv_type),
        "repack": plan.repack,
        "batch": plan.micro_batch_tokens,
        "mmap": plan.mmap,
        "mlock": plan.mlock,
    }


def _read(path: Path) -> list[dict[str, Any]]:
    value = read_json(path)
    try:
        rows = value["results"] if value["version"] == _VERSION else []
        return [row for row in rows if isinstance(row, dict)]
    except (KeyError, TypeError):
        return []
