"""Estimated speeds, against measured ones that people have published (llama.cpp's discussion 15396)."""

import pytest

from oss_cli.machine.fit import Wishes, fit
from oss_cli.machine.memory import read_bytes_per_token
from oss_cli.plan import LoadPlan, Machine
from tests.machine.machines import laptop, mac, without_gpu
from tests.machine.test_fit_properties import SHAPES


@pytest.mark.parametrize(("model", "gigabytes"), [("gpt-oss-20b", 2.574), ("gpt-oss-120b", 3.593)])
def test_a_token_reads_the_active_weights(model: str, gigabytes: float) -> None:
    plan = LoadPlan(Wishes().path, threads=1)
    on_cpu, on_gpu = read_bytes_per_token(SHAPES[model], plan, gpus=0)
    assert on_cpu / 1e9 == pytest.approx(gigabytes, rel=0.01)
    assert on_gpu == 0
    assert sum(read_bytes_per_token(SHAPES[model], plan, gpus=1)) == pytest.approx(on_cpu, abs=10)


@pytest.mark.parametrize(
    ("machine", "measured"),
    [
        (mac("M1 Pro", 32), 45.7),
        (mac("M1 Max", 64), 75.2),
        (mac("M4 Max", 36), 92.4),
        (laptop("RTX 3090", 24, 64), 162),
        (laptop("RTX 4090", 24, 64), 222),
        (laptop("RTX 5090", 32, 64), 283),
        (laptop("RTX 5060 Ti", 16, 64), 111.5),
        (laptop("RTX 4060 Laptop GPU", 8, 64), 42.3),
        (without_gpu(64), 16.1),
    ],
    ids=lambda value: value.processor[:12] if isinstance(value, Machine) else str(value),
)
def test_an_estimate_is_no_promise_but_the_right_size(machine: Machine, measured: float) -> None:
    estimated = fit(SHAPES["gpt-oss-20b"], machine).tokens_per_second
    assert 0.5 * measured < estimated < 1.6 * measured
