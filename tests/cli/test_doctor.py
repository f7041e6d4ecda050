"""`oss doctor`: the whole screen on made-up findings, and on this computer."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.catalogue import load_catalogue
from oss_cli.machine.checkup import Build, Checkup, HubAnswer, ModelFit, Place, Python, find_warnings
from oss_cli.machine.fit import fit
from oss_cli.machine.graphics import Advice, SystemGpu
from oss_cli.plan import Machine
from oss_cli.terminal.console import Stream
from oss_cli.terminal.doctor import TerminalFacts, show_checkup
from tests.harness import Result, run_oss
from tests.machine.machines import GIB, laptop, without_gpu

TERMINAL = TerminalFacts(is_terminal=False, has_colour=False, has_unicode=True, columns=80)
RTX = SystemGpu("NVIDIA", "NVIDIA GeForce RTX 4060 Laptop GPU", "550.54.14")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_OFFLINE", "1")


def models(machine: Machine) -> tuple[ModelFit, ...]:
    names = ("gpt-oss-20b", "gpt-oss-120b", "llama-3.1-8b")
    entries = [entry for entry in load_catalogue(None) if entry.name in names]
    fits = [(entry, fit(entry.shape, machine)) for entry in entries if entry.shape is not None]
    return tuple(ModelFit(entry.name, entry.total_bytes, entry.name == "gpt-oss-20b", found) for entry, found in fits)


def make_checkup(machine: Machine) -> Checkup:
    """A healthy computer."""
    return Checkup(
        python=Python("3.12.1", "/usr/bin/python3", "Linux-6.8-x86_64"),
        build=Build("0.3.36", ("SSE3", "AVX2", "FMA", "OPENMP"), can_offload=bool(machine.gpus)),
        machine=machine,
        system_gpus=(),
        advice=None,
        has_avx2=True,
        places=(
            Place("downloads", "/home/me/.cache/huggingface/hub", 80 * 10**9),
            Place("cache", "/home/me/.cache/oss", None),
        ),
        hub=HubAnswer("https://huggingface.co", 0.123),
        has_token=False,
        models=models(machine),
    )


def screen(checkup: Checkup, tmp_path: Path, terminal: TerminalFacts = TERMINAL) -> str:
    path = tmp_path / "screen.txt"
    with path.open("w", encoding="utf-8") as file:
        show_checkup(Stream(file, is_watched=False, has_escapes=False, has_colour=False), checkup, terminal)
    return path.read_text("utf-8")


def test_a_healthy_computer_is_one_screen(tmp_path: Path) -> None:
    assert screen(make_checkup(without_gpu(32)), tmp_path) == (
        "python      3.12.1 on Linux-6.8-x86_64, /usr/bin/python3\n"
        "llama.cpp   llama-cpp-python 0.3.36, for the CPU alone: AVX2, OPENMP\n"
        "processor   AMD Ryzen 7 7700 8-Core Processor, 8 cores to run on\n"
        "memory      31.1 GB of 34.4 GB available\n"
        "GPU         none that the system knows of\n"
        "hub         https://huggingface.co answered in 0.1 s; no token, and none is needed for the models of the "
        "catalogue\n"
        "downloads   /home/me/.cache/huggingface/hub, 80.0 GB free\n"
        "cache       /home/me/.cache/oss\n"
        "terminal    none: standard output is a pipe or a file\n"
        "fits        gpt-oss-20b 9 (here), llama-3.1-8b 5; in tokens/s, by estimate\n"
        "too large   gpt-oss-120b\n"
        "\neverything is as it should be\n"
    )


def test_a_narrow_terminal_breaks_no_line_within_a_word(tmp_path: Path) -> None:
    checkup = replace(
        make_checkup(without_gpu(32)), hub=HubAnswer("https://hub.invalid", None, problem="no connection at all")
    )
    narrow = TerminalFacts(is_terminal=True, has_colour=False, has_unicode=True, columns=40)
    assert screen(checkup, tmp_path, narrow) == (
        "python      3.12.1 on Linux-6.8-x86_64,\n"
        "            /usr/bin/python3\n"
        "llama.cpp   llama-cpp-python 0.3.36,\n"
        "            for the CPU alone: AVX2,\n"
        "            OPENMP\n"
        "processor   AMD Ryzen 7 7700 8-Core\n"
        "            Processor, 8 cores to run\n"
        "            on\n"
        "memory      31.1 GB of 34.4 GB\n"
        "            available\n"
        "GPU         none that the system knows\n"
        "            of\n"
        "hub         https://hub.invalid cannot\n"
        "            be reached: no connection\n"
        "            at all; no token, and none\n"
        "            is needed for the models of\n"
        "            the catalogue\n"
        "downloads   /home/me/.cache/huggingface/hub,\n"
        "            80.0 GB free\n"
        "cache       /home/me/.cache/oss\n"
        "terminal    no colours (NO_COLOR),\n"
        "            Unicode, 40 columns\n"
        "fits        gpt-oss-20b 9 (here),\n"
        "            llama-3.1-8b 5; in\n"
        "            tokens/s, by estimate\n"
        "too large   gpt-oss-120b\n"
        "\n"
        "warning: https://hub.invalid cannot be\n"
        "reached: no connection at all;\n"
        "installed models work without it\n"
        "  do: oss config set offline true\n"
    )


def test_a_gpu_that_the_build_cannot_use_gets_the_command_that_installs_the_right_one(tmp_path: Path) -> None:
    checkup = replace(
        make_checkup(without_gpu(32)), system_gpus=(RTX,), advice=Advice("vulkan", "it needs only the driver")
    )
    text = screen(checkup, tmp_path)
    assert "GPU         NVIDIA GeForce RTX 4060 Laptop GPU: not used by this build of llama.cpp\n" in text
    assert text.endswith(
        "\nwarning: NVIDIA GeForce RTX 4060 Laptop GPU: this build of llama.cpp is for the CPU alone and cannot use it"
        "; the vulkan build can, it needs only the driver\n"
        "  do: /usr/bin/python3 -m pip install --upgrade --force-reinstall --no-deps --no-cache-dir "
        "llama-cpp-python==0.3.36 --extra-index-url https://abetlen.github.io/llama-cpp-python/whl/vulkan\n"
    )


def test_a_gpu_in_use_is_shown_with_its_memory_and_nothing_is_warned_of(tmp_path: Path) -> None:
    checkup = replace(
        make_checkup(laptop("RTX 4060 Laptop GPU", 8, 16)), system_gpus=(RTX,), advice=Advice("cu124", "")
    )
    text = screen(checkup, tmp_path)
    assert "GPU         NVIDIA GeForce RTX 4060 Laptop GPU (CUDA), 8.1 GB of 8.6 GB free\n" in text
    assert text.endswith("everything is as it should be\n")


MISSING = Build("", (), can_offload=False, problem="llama-cpp-python is not installed", cure="pip install it")
TINY = Machine(GIB, GIB, 1)
CHANGES: dict[str, tuple[dict[str, object], str]] = {
    "avx2": (
        {"build": Build("0.3.36", ("SSE3",), can_offload=False)},
        "this build of llama.cpp does not use the processor's AVX2",
    ),
    "no llama.cpp": ({"build": MISSING}, "llama-cpp-python is not installed"),
    "disk": ({"places": (Place("downloads", "/d", 5 * 10**9),)}, "5.0 GB are free where downloads go"),
    "hub": ({"hub": HubAnswer("https://hub.invalid", None, problem="no connection")}, "https://hub.invalid cannot be"),
    "memory": ({"models": models(TINY), "machine": TINY}, "no model of the catalogue fits into 1.1 GB"),
}


@pytest.mark.parametrize(("change", "warning"), CHANGES.values(), ids=CHANGES)
def test_every_warning_ends_in_a_command(tmp_path: Path, change: dict[str, object], warning: str) -> None:
    checkup = replace(make_checkup(without_gpu(32)), **change)  # type: ignore[arg-type]  # named fields, each of its type
    (found,) = find_warnings(checkup)
    assert found.text.startswith(warning) and found.command
    assert screen(checkup, tmp_path).endswith(f"\nwarning: {found.text}\n  do: {found.command}\n")


def test_without_llama_cpp_nothing_can_run() -> None:
    healthy = make_checkup(without_gpu(32))
    assert healthy.can_run
    broken = Build("", (), can_offload=False, problem="it cannot be loaded", cure="pip install llama-cpp-python")
    assert not replace(healthy, build=broken).can_run
    assert not replace(healthy, models=models(Machine(GIB, GIB, 1))).can_run


def test_this_computer_can_run_a_model_and_the_probe_is_kept(tmp_path: Path) -> None:
    result = run_oss("doctor")
    assert (result.stderr, result.status) == ("", 0)
    labels = re.findall(r"^(\S+(?: \w+)?)  ", result.stdout, re.MULTILINE)
    assert labels[:6] == ["python", "llama.cpp", "processor", "memory", "GPU", "hub"]
    assert "was not asked: the setting offline (--offline, OSS_OFFLINE) forbids the network" in result.stdout
    record = json.loads((tmp_path / "oss-home" / "cache" / "probe.json").read_text("utf-8"))
    assert record["machine"]["total_ram_bytes"] > 0


def test_json_has_names_that_stay() -> None:
    result = run_oss("doctor", "--json")
    value = json.loads(result.stdout)
    assert sorted(value) == [
        "build", "can_run", "has_token", "hub", "machine", "models", "places", "python", "system_gpus", "terminal",
        "warnings",
    ]  # fmt: skip
    assert (result.status, value["can_run"]) == (0, True)
    starter = next(model for model in value["models"] if model["name"] == "smollm2-135m")
    assert (starter["here"], starter["verdict"]) == (True, "fits")
    assert 0 < starter["needs_bytes"] < 10**9


def warnings_of(result: Result) -> str:
    """What stands under the findings, which are this machine's own."""
    return result.stdout[result.stdout.index("\nwarning:") :]


def test_mistyped_settings_are_warned_of_in_a_pipe_as_well(tmp_path: Path) -> None:
    (tmp_path / "oss-home").mkdir()
    (tmp_path / "oss-home" / "config.toml").write_text("modle = 'x'\n")
    result = run_oss("doctor")
    assert result.status == 0
    assert warnings_of(result).startswith(
        "\nwarning: config.toml: there is no setting called 'modle'; did you mean model?\n  do: oss config edit\n"
    )


BROKEN: dict[str, tuple[str, str, str, str]] = {
    "a value that cannot be": (
        "config.toml", "ctx = 0", "cannot be used: ctx cannot be '0': it must be a whole number from 1 to 2147483647",
        "oss config unset ctx",
    ),
    "no TOML": (
        "config.toml", "ctx", "cannot be read: Expected '=' after a key in a key/value pair (at end of document)",
        "oss config edit",
    ),
    "models.toml": (
        "models.toml", "[models.m]\n",
        "cannot be read: m: repository: missing: a model comes from a repository, a package or a path",
        "{editor} {path}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "problem", "command"), BROKEN.values(), ids=BROKEN)
def test_broken_settings_are_a_warning_with_its_command_and_the_rest_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, problem: str, command: str
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "nano")
    path = tmp_path / "oss-home" / name
    path.parent.mkdir()
    path.write_text(content)
    result = run_oss("doctor")
    assert (result.stderr, result.status) == ("", 0)
    text, do = warnings_of(result).splitlines()[1:3]
    assert text == f"warning: {path} {problem}"
    assert do == f"  do: {command.format(editor='nano', path=path)}"
    if name == "config.toml":
        assert "was not asked: the settings cannot be used, and may forbid the network; " in result.stdout


def test_a_bad_variable_is_a_warning_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_TOP_P", "2")
    assert warnings_of(run_oss("doctor")).startswith(
        "\nwarning: OSS_TOP_P cannot be used: top_p cannot be '2': it must be a number above 0, up to 1 (keep all)\n"
        "  do: unset OSS_TOP_P\n"
    )


def test_a_hub_that_nobody_serves_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OSS_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    result = run_oss("doctor")
    assert result.status == 0
    assert "hub         http://127.0.0.1:9 cannot be reached: no connection" in result.stdout
    assert "warning: http://127.0.0.1:9 cannot be reached" in result.stdout


def test_an_address_of_the_hub_that_is_none_does_not_stop_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OSS_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://[bad")
    result = run_oss("doctor")
    assert result.status == 0
    assert (
        "the Hub cannot be reached: HF_ENDPOINT cannot be 'http://[bad': "
        "it must be the address of a Hub, such as https://huggingface.co" in result.stdout
    )
