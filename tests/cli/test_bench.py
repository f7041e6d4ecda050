"""`oss bench` on real models: what it writes, what it keeps, and who uses that."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from oss_cli.paths import find_paths
from tests.harness import run_oss

COUNTS = "what does: ctx, threads, gpu_layers, cpu_moe, kv_type, no_mmap, mlock, batch, repack"
ESTIMATED = r"about [\d.]+ tokens/s by estimate"


def bench_json(*arguments: str) -> dict[str, object]:
    result = run_oss("bench", *arguments, "--json")
    assert (result.stderr, result.status) == ("", 0)
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


def kept() -> list[dict[str, object]]:
    rows = json.loads(find_paths().speeds_file.read_text("utf-8"))["results"]
    assert isinstance(rows, list)
    return rows


def change_kept_speed(speed: float, date: str) -> None:
    """As if another day had been measured."""
    value = json.loads(find_paths().speeds_file.read_text("utf-8"))
    value["results"][0] |= {"tokens_per_second": speed, "date": date}
    find_paths().speeds_file.write_text(json.dumps(value), "utf-8")


def test_json_has_every_figure_under_its_name(tiny_gpt_oss: Path) -> None:
    value = bench_json(str(tiny_gpt_oss), "--quick")
    assert list(value) == [
        "copy_bytes_per_second",
        "date",
        "depths",
        "first_token_cold_s",
        "first_token_warm_s",
        "llama_cpp_python",
        "load_s",
        "machine",
        "model",
        "peak_memory_bytes",
        "settings",
        "version",
    ]
    depths = value["depths"]
    assert isinstance(depths, list)
    assert [depth["context_tokens"] for depth in depths] == [0, 512]
    names = ("prompt_tokens_per_second", "reply_tokens_per_second", "bound_tokens_per_second")
    assert all(depth[name] > 0 for depth in depths for name in names)
    assert value["settings"] == {
        "batch": 512,
        "cpu_moe_layers": 0,
        "gpu_layers": 0,
        "kv_type": "f16",
        "mlock": False,
        "mmap": True,
        "repack": True,
        "threads": 1,
    }


def test_a_pipe_gets_a_plain_table(smollm2: Path) -> None:
    result = run_oss("bench", str(smollm2), "--quick", "--set", "repack=no", "--set", "batch=128", "--set", "ctx=100")
    assert (result.stderr, result.status) == ("", 0)
    number = r"[\d,.]+"
    assert re.fullmatch(
        rf"""SmolLM2-135M-Instruct.Q4_1
  .+, \d+ cores; llama-cpp-python {number}
  1 threads, batches of 128, f16 cache, weights not repacked
  load         {number} s
  first token  {number} s with the load, {number} s without
  memory       \d+ MB at most, the file's own pages included
  copy         {number} GB/s read and written

   CONTEXT           READS          WRITES  OF WHAT MEMORY ALLOWS
         0 +{number} tokens/s +{number} tokens/s  [█·]{{24}} \d+% of \d+
  not measured, too deep for the context or the time: 512 tokens
""",
        result.stdout,
    )


def test_what_was_measured_takes_the_place_of_the_estimate(tiny_gpt_oss: Path) -> None:
    shown = run_oss("show", str(tiny_gpt_oss)).stdout.splitlines()[-1]
    assert re.search(rf", {ESTIMATED}$", shown)
    bench_json(str(tiny_gpt_oss), "--quick")
    change_kept_speed(1234.5, "2026-11-20")
    measured = ", 1200 tokens/s measured here on 2026-11-20"
    assert run_oss("show", str(tiny_gpt_oss)).stdout.splitlines()[-1] == re.sub(rf", {ESTIMATED}$", measured, shown)
    memory = json.loads(run_oss("show", str(tiny_gpt_oss), "--json").stdout)["memory"]
    assert {(one["tokens_per_second"], one["measured_on"]) for one in memory} == {(1234.5, "2026-11-20")}
    verbose = run_oss("run", "-v", "-m", str(tiny_gpt_oss), "--max-tokens", "1", "Hi").stderr
    assert re.search(rf"^tiny-gpt-oss: all 4 layers on the CPU, .*{measured}$", verbose, re.MULTILINE)


@pytest.mark.parametrize("option", [["--threads", "2"], ["--kv-type", "q8_0"]], ids=" ".join)
def test_another_way_to_load_is_estimated_still(tiny_gpt_oss: Path, option: list[str]) -> None:
    bench_json(str(tiny_gpt_oss), "--quick")
    verbose = run_oss("run", "-v", "-m", str(tiny_gpt_oss), "--max-tokens", "1", *option, "Hi").stderr
    assert re.search(rf"^tiny-gpt-oss: all 4 layers on the CPU, .*, {ESTIMATED}$", verbose, re.MULTILINE)


def test_another_file_of_that_name_is_estimated_still(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(tiny_gpt_oss.read_bytes())
    bench_json(str(model), "--quick")
    os.utime(model, (1, 1))
    assert re.search(rf", {ESTIMATED}$", run_oss("show", str(model)).stdout.splitlines()[-1])


def test_results_are_kept_for_their_owner_alone_and_each_setting_once(tiny_gpt_oss: Path) -> None:
    for _ in range(2):
        bench_json(str(tiny_gpt_oss), "--quick", "--set", "repack=false")
    bench_json(str(tiny_gpt_oss), "--quick", "--set", "threads=2")
    assert [(row["settings"]["threads"], row["settings"]["repack"]) for row in kept()] == [  # type: ignore[index]  # JSON
        (2, True),
        (1, False),
    ]
    assert oct(find_paths().speeds_file.stat().st_mode & 0o777) == "0o600"


def test_a_file_of_results_that_is_damaged_is_as_good_as_none(tiny_gpt_oss: Path) -> None:
    path = find_paths().speeds_file
    path.parent.mkdir(parents=True)
    for text in ("", "{", '{"version": 1, "results": [1, {"model": 3}]}', '{"version": 99}'):
        path.write_text(text, "utf-8")
        assert re.search(rf", {ESTIMATED}$", run_oss("show", str(tiny_gpt_oss)).stdout.splitlines()[-1])
    bench_json(str(tiny_gpt_oss), "--quick")
    assert len(kept()) == 1


def test_a_model_that_guesses_is_not_loaded_for_a_measurement_without_guesses(
    tiny_gpt_oss: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSS_SPECULATION", "auto")
    monkeypatch.setenv("OSS_DRAFT", "no-such-model")
    assert bench_json(str(tiny_gpt_oss), "--quick")["version"] == 1
    monkeypatch.setenv("OSS_DRAFT", str(tiny_gpt_oss))
    assert bench_json(str(tiny_gpt_oss), "--quick", "--compare", "-", "batch=64")["version"] == 1


def test_two_settings_are_compared_in_turn(tiny_gpt_oss: Path) -> None:
    result = run_oss("bench", str(tiny_gpt_oss), "--quick", "--compare", "-", "batch=64,kv_type=q8_0")
    assert (result.stderr, result.status) == ("", 0)
    row = r" +[\d,.]+ +[\d,.]+ +[\d.]+  [\d.]+ to [\d.]+\n"
    assert re.fullmatch(
        rf"MEASURED +-  batch=64,kv_type=q8_0  RATIO  LEAST TO MOST\n"
        rf"reads, tokens/s {row}writes, tokens/s{row}loads a second  {row}",
        result.stdout,
    )
    assert not find_paths().speeds_file.exists()


def test_a_comparison_as_json_tells_what_was_measured(tiny_gpt_oss: Path) -> None:
    value = bench_json(str(tiny_gpt_oss), "--quick", "--compare", "threads=1", "threads=2")
    assert list(value) == ["measured", "model", "sides", "version"]
    sides = value["sides"]
    assert isinstance(sides, list)
    assert [(side["asked"], side["settings"]["threads"]) for side in sides] == [("threads=1", 1), ("threads=2", 2)]


def test_tuning_writes_what_is_better_and_leaves_the_rest_of_the_settings(tiny_gpt_oss: Path) -> None:
    config = find_paths().config_file
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('# mine\nkv_type = "f16"\n', "utf-8")
    result = run_oss("bench", str(tiny_gpt_oss), "--quick", "--tune", "--json")
    assert result.status == 0
    value = json.loads(result.stdout)
    taken = {row["name"]: row["value"] for row in value["trials"] if row["taken"]}
    assert value["written"] == taken
    assert {row["name"] for row in value["trials"]} == {"batch", "repack"}
    # What is written to config.toml would have no effect: the tests set OSS_THREADS.
    assert result.stderr.splitlines()[0] == "(threads is not tried: OSS_THREADS decides it)"
    added = "".join(f"{name} = {str(setting).lower()}\n" for name, setting in taken.items())
    assert config.read_text("utf-8") == f'# mine\nkv_type = "f16"\n{added}'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--set", "threads"],
            "error: 'threads' is no setting\n  it must be NAME=VALUE\nhint: oss bench --set threads=2\n",
        ),
        (
            ["--compare", "-", "threads=0"],
            "error: threads cannot be '0'\n  it must be a whole number from 1 to 512\n",
        ),
        (
            ["--tune", "--compare", "-", "-"],
            "error: --tune and --compare exclude each other\nhint: oss bench --tune\n",
        ),
        (
            ["--set", "speculation=on"],
            f"error: speculation changes nothing that is measured\n  {COUNTS}\n",
        ),
        (
            ["--compare", "-", "threads=1,model=smollm2-135m"],
            f"error: model changes nothing that is measured\n  {COUNTS}\n",
        ),
        (
            ["--quick", "--set", "ctx=79"],
            "error: a context of 79 tokens is too short to measure in\n  reading and writing take 80\n"
            "hint: oss bench --set ctx=4096\n",
        ),
    ],
    ids=["no pair", "no value", "both", "no matter", "another model", "no room"],
)
def test_what_cannot_be_measured_is_said(tiny_gpt_oss: Path, arguments: list[str], message: str) -> None:
    result = run_oss("bench", str(tiny_gpt_oss), *arguments)
    assert (result.stdout, result.stderr, result.status) == ("", message, 2)


def test_a_file_that_is_no_model_is_an_error_of_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "no.gguf"
    path.write_bytes(b"GGUF and nothing else")
    result = run_oss("bench", str(path), "--quick")
    assert (result.stdout, result.status) == ("", 7)
    assert result.stderr.startswith("error: llama.cpp could not load ")


def test_an_interrupted_measurement_keeps_nothing(smollm2: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "oss_cli", "bench", str(smollm2)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    worker = wait_for_worker(child)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=60) == ("", "")
    assert child.returncode == 130
    assert not find_paths().speeds_file.exists()
    assert not worker.exists()


def wait_for_worker(child: "subprocess.Popen[str]") -> Path:
    """The process that measures, once its engine runs: its folder in /proc."""
    workers = Path(f"/proc/{child.pid}/task/{child.pid}/children")
    while True:
        assert child.poll() is None
        for number in workers.read_text("ascii").split():
            folder = Path("/proc", number)
            if (
                len(list((folder / "task").iterdir())) > 1
                and b"oss_cli.bench.worker" in (folder / "cmdline").read_bytes()
            ):
                return folder
        time.sleep(0.02)
