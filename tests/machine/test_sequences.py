"""How many replies at once: by cores and memory, and never at the cost of what is on a GPU."""

from dataclasses import replace

import pytest

from oss_cli.catalogue import load_catalogue
from oss_cli.machine.fit import Wishes
from oss_cli.machine.sequences import choose_sequences
from oss_cli.plan import Machine, ModelShape
from tests.machine.machines import laptop, mac, without_gpu, workstation


def shape_of(name: str) -> ModelShape:
    entry = next(one for one in load_catalogue(None) if one.name == name)
    assert entry.shape is not None
    return entry.shape


@pytest.mark.parametrize(
    ("machine", "model", "count"),
    [
        (without_gpu(16, 2), "smollm2-135m", 8),
        (without_gpu(64, 1), "smollm2-135m", 4),
        (without_gpu(64, 16), "smollm2-135m", 16),
        (without_gpu(64), "gpt-oss-20b", 16),
        (without_gpu(16), "gpt-oss-20b", 8),
        (workstation(), "gpt-oss-20b", 16),
        (mac("M2 Max", 64), "gpt-oss-20b", 16),
        (laptop("RTX 4060 Laptop GPU", 8, 64), "gpt-oss-20b", 1),
    ],
)
def test_by_cores_and_memory(machine: Machine, model: str, count: int) -> None:
    assert choose_sequences(shape_of(model), machine, Wishes()) == count


def test_a_model_of_unknown_shape_gets_few() -> None:
    assert choose_sequences(None, without_gpu(64), Wishes()) == 4


def test_a_context_that_is_asked_for_is_given_to_each() -> None:
    machine = replace(without_gpu(16), available_ram_bytes=3 << 30)
    assert choose_sequences(shape_of("smollm2-135m"), machine, Wishes(context_tokens=8192)) == 8
