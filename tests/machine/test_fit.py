"""How a model is to be loaded: arithmetic on what the machine has."""

from pathlib import Path

import pytest

from oss_cli.machine.fit import plan_load
from oss_cli.plan import LoadPlan, Machine

PATH = Path("m.gguf")
MACHINE = Machine(total_ram_bytes=100, available_ram_bytes=1, physical_cores=6)


def test_a_plan_uses_every_core_and_every_layer_of_a_gpu() -> None:
    assert plan_load(PATH, MACHINE, weights_bytes=90, context_tokens=4096, is_one_shot=False) == LoadPlan(
        path=PATH, threads=6, context_tokens=4096, gpu_layers=-1, repack=False, sequences=1
    )


@pytest.mark.parametrize(
    ("weights", "is_one_shot", "repack"),
    [
        (1, False, True),
        (45, False, True),
        (46, False, False),
        (1000, False, False),
        (1, True, False),
        (45, True, False),
    ],
)
def test_weights_are_repacked_for_many_replies_where_the_memory_holds_them_twice(
    weights: int, is_one_shot: bool, repack: bool
) -> None:
    plan = plan_load(PATH, MACHINE, weights_bytes=weights, context_tokens=None, is_one_shot=is_one_shot)
    assert plan == LoadPlan(path=PATH, threads=6, context_tokens=None, repack=repack)


def test_a_machine_whose_memory_is_unknown_gets_no_second_copy() -> None:
    plan = plan_load(PATH, Machine(0, 0, 1), weights_bytes=1, context_tokens=None, is_one_shot=False)
    assert plan == LoadPlan(path=PATH, threads=1)
