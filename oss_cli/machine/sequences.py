"""How many replies are worth being made at the same time on a machine. Pure arithmetic; reads nothing."""

from dataclasses import replace

from oss_cli.machine.fit import Wishes, fit
from oss_cli.plan import Machine, ModelShape, Verdict

_ON_GPU = 16
_PER_CORE = 4
"""Replies for each core: see tests/bench/README.md, "Batches"."""
_MOST_ON_CPU = 16


def choose_sequences(shape: ModelShape | None, machine: Machine, wishes: Wishes) -> int:
    """As many as speed things up and find room beside the weights, halved until they do; at least one. None of the
    model leaves the GPU for them.

    Of a model whose shape nobody knows, what the memory allows is not known: few.
    """
    count = (
        _ON_GPU if machine.gpus and wishes.gpu_layers != 0 else min(_MOST_ON_CPU, _PER_CORE * machine.physical_cores)
    )
    if shape is None:
        return min(count, 4)
    alone = fit(shape, machine, wishes).plan
    while count > 1:
        found = fit(shape, machine, replace(wishes, sequences=count))
        is_as_quick = found.plan.gpu_layers >= alone.gpu_layers and found.plan.cpu_moe_layers <= alone.cpu_moe_layers
        if found.verdict is Verdict.FITS and is_as_quick:
            return count
        count //= 2
    return 1
