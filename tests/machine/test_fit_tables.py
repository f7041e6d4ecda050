"""Which plan each of many computers gets for each of three models: tables to be read by people, in tests/golden/fit.

After a change that is meant: OSS_WRITE_GOLDEN=1 python -m pytest tests/machine/test_fit_tables.py, and read the diff.
"""

import os
from pathlib import Path

import pytest

from oss_cli.catalogue import load_catalogue
from oss_cli.machine.fit import fit
from oss_cli.plan import Fit, Machine, ModelShape, Verdict
from tests.machine.machines import MACHINES

GOLDEN = Path(__file__).parents[1] / "golden" / "fit"
MODELS = ("gpt-oss-20b", "gpt-oss-120b", "llama-3.1-8b")
HEADS = ("computer", "model", "verdict", "GPU layers", "experts on CPU", "context", "GPU GB", "CPU GB", "tokens/s")


def shape_of(model: str) -> ModelShape:
    entry = load_catalogue(None).find(model)
    assert entry is not None and entry.shape is not None
    return entry.shape


def row(name: str, model: str, machine: Machine) -> tuple[str, ...]:
    found = fit(shape_of(model), machine)
    if found.verdict is Verdict.TOO_LARGE:
        return name, model, found.verdict.value, "", "", "", "", f"needs {found.estimate.total_bytes / 1e9:.1f}", ""
    return (name, model, found.verdict.value, *placement(found), f"{found.tokens_per_second:.0f}")


def placement(found: Fit) -> tuple[str, ...]:
    plan, estimate = found.plan, found.estimate
    grows = "" if plan.context_tokens else "to "
    return (
        str(plan.gpu_layers),
        str(plan.cpu_moe_layers),
        f"{grows}{found.context_tokens:,}",
        f"{estimate.gpu.total_bytes / 1e9:.1f}",
        f"{estimate.cpu.total_bytes / 1e9:.1f}",
    )


@pytest.mark.parametrize("group", MACHINES)
def test_the_plans_are_those_of_the_table(group: str) -> None:
    rows = [HEADS, *(row(name, model, machine) for name, machine in MACHINES[group].items() for model in MODELS)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEADS))]
    text = "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in rows
    )
    path = GOLDEN / f"{group}.txt"
    if os.environ.get("OSS_WRITE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")
