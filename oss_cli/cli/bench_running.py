"""The three things that `oss bench` does: measure once, compare two settings, find better ones."""

import json
import os
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from oss_cli import wiring
from oss_cli.bench.results import BenchJob, BenchResult, Ratio, ratio_of
from oss_cli.bench.search import Trial, Value, search
from oss_cli.bench.worker import measure_apart
from oss_cli.cli.bench import as_value, with_pairs
from oss_cli.cli.config import open_config_file
from oss_cli.errors import DoesNotFit
from oss_cli.machine.fit import REPACK_SHARE
from oss_cli.machine.measured import plan_key
from oss_cli.settings import Settings, deciding_variable
from oss_cli.terminal.bench import BenchCard, show_bench, show_ratios
from oss_cli.terminal.console import Console
from oss_cli.terminal.status import StatusLine

if TYPE_CHECKING:
    from oss_cli.wiring import Bench, ModelChoice

_WHOLE = BenchJob((0, 1024, 4096), prompt_tokens=256, reply_tokens=64, rounds=3, limit_s=15)
_QUICK = BenchJob((0, 512), prompt_tokens=64, reply_tokens=16, rounds=1, limit_s=5)
_ONE = replace(_WHOLE, depths=(0,), rounds=1, reads_memory=False)
_ONE_QUICK = replace(_QUICK, depths=(0,), reads_memory=False)
_PAIRS, _QUICK_PAIRS = 5, 2
_BATCHES = (128, 256, 512, 1024)


def measure_once(choice: "ModelChoice", settings: Settings, console: Console, *, quick: bool, as_json: bool) -> None:
    """Measure, keep, and show."""
    bench = wiring.plan_bench(choice, settings, _QUICK if quick else _WHOLE)
    with _Status(console) as status:
        result = measure_apart(bench.plan, bench.job, status.tell)
    bounds = [bench.bound(result.copy_bytes_per_second, depth.tokens) for depth in result.depths]
    value = as_value(bench, result, bounds)
    wiring.keep_result(bench, result, value)
    if as_json:
        _write_json(console, value)
        return
    asked, reached = (_QUICK if quick else _WHOLE).depths, result.depths[-1].tokens
    deeper = [f"{depth:,}" for depth in asked if depth > reached]
    left_out = f"not measured, too deep for the context or the time: {', '.join(deeper)} tokens" if deeper else ""
    show_bench(console.out, BenchCard(_title(bench), result, bounds, left_out))


def compare_settings(
    choice: "ModelChoice",
    settings: Settings,
    sides: tuple[str, str],
    console: Console,
    *,
    quick: bool,
    as_json: bool,
) -> None:
    """Measure with one setting and the other in turn, and show the ratios of the second to the first."""
    job = _ONE_QUICK if quick else _ONE
    benches = [wiring.plan_bench(choice, _side(settings, side), job) for side in sides]
    found: tuple[list[BenchResult], list[BenchResult]] = ([], [])
    pairs = _QUICK_PAIRS if quick else _PAIRS
    with _Status(console) as status:
        for number in range(pairs):
            for bench, results, side in zip(benches, found, sides, strict=True):
                status.say_before(f"{side}, {number + 1} of {pairs}: ")
                results.append(measure_apart(bench.plan, bench.job, status.tell))
    rows = [_compared(name, read, found) for name, read in _MEASURED.items()]
    if as_json:
        _write_json(console, _compared_value(benches, sides, rows))
        return
    show_ratios(console.out, *sides, rows)


def tune_settings(choice: "ModelChoice", settings: Settings, console: Console, *, quick: bool, as_json: bool) -> None:
    """Find better settings, and write them to config.toml."""
    job = _ONE_QUICK if quick else _ONE
    start = wiring.plan_bench(choice, settings, job)
    trials: list[Trial] = []

    with _Status(console) as status:

        def measure(changed: Mapping[str, Value]) -> float:
            pairs = [f"{name}={str(value).lower()}" for name, value in changed.items()]
            status.say_before(f"{', '.join(pairs) or 'as it is'}: ")
            bench = wiring.plan_bench(choice, with_pairs(settings, pairs), job)
            return measure_apart(bench.plan, bench.job, status.tell).turn_s

        def tell(trial: Trial) -> None:
            trials.append(trial)
            verdict = "better" if trial.is_better else "no better"
            share = trial.seconds / trial.against_s
            status.note(f"{trial.name} {str(trial.value).lower()}: {share:.2f} of the time, {verdict}")

        best = search(_open_candidates(start, settings, status), measure, tell)
    if best:
        file = open_config_file()
        for name, value in best.items():
            file.set(name, value=value)
        file.save()
    if as_json:
        rows = [{"name": one.name, "value": one.value, "turn_s": one.seconds, "against_s": one.against_s,
                 "taken": one.is_better} for one in trials]  # fmt: skip
        _write_json(console, {"version": 1, "model": choice.name, "written": best, "trials": rows})
        return
    if not best:
        console.out.write("the settings in force are the best ones; nothing was written\n")
    for name, value in best.items():
        console.out.write(f"{name} = {str(value).lower()}  (to undo it: oss config unset {name})\n")
    if best:
        console.out.write(f"written to {wiring.config_file()}\n")


_MEASURED: dict[str, Callable[[BenchResult], float]] = {
    "reads, tokens/s": lambda result: result.depths[0].prompt_speed,
    "writes, tokens/s": lambda result: result.depths[0].reply_speed,
    "loads a second": lambda result: 1 / result.load_s,
}
"""What is compared: more is better, each time."""

_Row = tuple[str, float, float, Ratio]


def _compared(
    name: str, read: Callable[[BenchResult], float], found: tuple[list[BenchResult], list[BenchResult]]
) -> _Row:
    first, second = ([read(result) for result in results] for results in found)
    return name, statistics.median(first), statistics.median(second), ratio_of(second, first)


def _compared_value(benches: "list[Bench]", sides: tuple[str, str], rows: list[_Row]) -> dict[str, Any]:
    names = ("prompt_tokens_per_second", "reply_tokens_per_second", "loads_per_second")
    asked = zip(sides, benches, strict=True)
    return {
        "version": 1,
        "model": benches[0].choice.name,
        "sides": [{"asked": side, "settings": plan_key(bench.plan)} for side, bench in asked],
        "measured": {
            name: {"medians": [round(first, 2), round(second, 2)], "ratio": asdict(ratio)}
            for name, (_, first, second, ratio) in zip(names, rows, strict=True)
        },
    }


def _side(settings: Settings, text: str) -> Settings:
    return settings if text == "-" else with_pairs(settings, text.split(","))


def _open_candidates(start: "Bench", settings: Settings, status: "_Status") -> dict[str, list[Value]]:
    """Those that config.toml, where what is found goes, can decide."""
    found = _candidates(start, settings)
    for name in list(found):
        variable = deciding_variable(name)
        if variable is not None:
            del found[name]
            status.note(f"{name} is not tried: {variable} decides it")
    return found


def _candidates(start: "Bench", settings: Settings) -> dict[str, list[Value]]:
    """What is worth a try beside what is in force."""
    cores = start.machine.physical_cores
    threads = sorted({max(1, cores // 2), cores, os.cpu_count() or cores})
    weights = wiring.weights_bytes(start.choice.path)
    has_room = weights <= REPACK_SHARE * start.machine.total_ram_bytes and _fits(start, settings, "repack=true")
    found: dict[str, list[Value]] = {
        "threads": list(threads),
        "batch": list(_BATCHES),
        "repack": [True, False] if has_room else [False],
    }
    now: dict[str, Value] = {
        "threads": start.plan.threads, "batch": start.plan.micro_batch_tokens, "repack": start.plan.repack,
    }  # fmt: skip
    return {name: [value for value in values if value != now[name]] for name, values in found.items()}


def _fits(start: "Bench", settings: Settings, pair: str) -> bool:
    """Whether the model could be measured with a setting."""
    try:
        wiring.plan_bench(start.choice, with_pairs(settings, [pair]), start.job)
    except DoesNotFit:
        return False
    return True


def _title(bench: "Bench") -> str:
    plan, machine = bench.plan, bench.machine
    processor = machine.processor or "an unknown processor"
    gpus = "".join(f", {gpu.description}" for gpu in machine.gpus)
    copied = "repacked" if plan.repack else "not repacked"
    return (
        f"{bench.choice.name}\n"
        f"{processor}, {machine.physical_cores} cores{gpus}; llama-cpp-python {bench.build}\n"
        f"{plan.threads} threads, batches of {plan.micro_batch_tokens}, {plan.kv_type} cache, weights {copied}"
    )


def _write_json(console: Console, value: Mapping[str, object]) -> None:
    console.out.write(json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n")


class _Status:
    """What is being measured, for a person who waits."""

    def __init__(self, console: Console) -> None:
        self._line = StatusLine(console.err)
        self._err = console.err
        self._before = ""

    def __enter__(self) -> "_Status":
        return self

    def __exit__(self, *_: object) -> None:
        self._line.clear()

    def say_before(self, text: str) -> None:
        """What the next lines begin with."""
        self._before = text

    def tell(self, text: str) -> None:
        """What goes on now."""
        self._line.update(f"measuring: {self._before}{text}")

    def note(self, text: str) -> None:
        """A line that stays."""
        self._line.clear()
        self._err.write(f"({text})\n")
