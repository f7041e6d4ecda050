"""Which GPUs the system has, out of folders that look like /proc and /sys, and which build of llama.cpp is advised."""

from pathlib import Path

import pytest

from oss_cli.machine.graphics import Advice, SystemGpu, advise, find_system_gpus, has_avx2


@pytest.fixture(autouse=True)
def _no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_a_computer_without_cards_has_none(tmp_path: Path) -> None:
    assert find_system_gpus(tmp_path) == ()


def test_the_nvidia_driver_names_its_cards_and_itself(tmp_path: Path) -> None:
    files = {
        "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22\n",
        "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA GeForce RTX 4060 Laptop GPU\nIRQ: 1\n",
        "sys/class/drm/card0/device/vendor": "0x10de\n",
        "sys/class/drm/card1/device/vendor": "0x8086\n",
        "sys/class/drm/card1-eDP-1/device/vendor": "0x8086\n",
    }
    assert find_system_gpus(write(tmp_path, files)) == (
        SystemGpu("NVIDIA", "NVIDIA GeForce RTX 4060 Laptop GPU", "550.54.14"),
        SystemGpu("Intel", "Intel graphics"),
    )


def test_nvidia_smi_is_asked_where_it_is_installed(tmp_path: Path) -> None:
    program = write(tmp_path, {"bin/nvidia-smi": '#!/bin/sh\necho "NVIDIA H200, 570.86.15"\n'}) / "bin/nvidia-smi"
    program.chmod(0o755)
    assert find_system_gpus(tmp_path) == (SystemGpu("NVIDIA", "NVIDIA H200", "570.86.15"),)


def test_a_broken_nvidia_smi_is_passed_over(tmp_path: Path) -> None:
    program = write(tmp_path, {"bin/nvidia-smi": "#!/bin/sh\nexit 9\n"}) / "bin/nvidia-smi"
    program.chmod(0o755)
    assert find_system_gpus(tmp_path) == ()


@pytest.mark.parametrize(
    ("gpus", "libraries", "wheel"),
    [
        ((SystemGpu("NVIDIA", "RTX", "550.54"),), ("cudart",), "cu124"),
        ((SystemGpu("NVIDIA", "RTX", "550.54"),), (), "vulkan"),
        ((SystemGpu("NVIDIA", "RTX", "470.10"),), ("cudart",), "vulkan"),
        ((SystemGpu("NVIDIA", "RTX"),), ("cudart",), "vulkan"),
        ((SystemGpu("AMD", "AMD graphics"),), ("vulkan",), "vulkan"),
        ((SystemGpu("Intel", "Intel graphics"),), (), "vulkan"),
        ((SystemGpu("Intel", "Intel graphics"), SystemGpu("NVIDIA", "RTX", "560.1")), ("cudart",), "cu124"),
        ((SystemGpu("Apple", "Apple M2"),), (), "metal"),
    ],
)
def test_each_gpu_has_its_build(gpus: tuple[SystemGpu, ...], libraries: tuple[str, ...], wheel: str) -> None:
    advice = advise(gpus, libraries)
    assert advice is not None and advice.wheel == wheel


def test_without_a_gpu_there_is_nothing_to_advise() -> None:
    assert advise((), ()) is None


def test_the_command_is_complete() -> None:
    assert Advice("cpu", "").command("/my programs/python3", "").startswith("'/my programs/python3' -m pip install ")
    assert Advice("cu124", "").command("/usr/bin/python3", "0.3.36") == (
        "/usr/bin/python3 -m pip install --upgrade --force-reinstall --no-deps --no-cache-dir llama-cpp-python==0.3.36 "
        "--extra-index-url https://abetlen.github.io/llama-cpp-python/whl/cu124"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("flags\t: sse avx avx2 fma\n", True), ("flags\t: sse avx\n", False), ("Features: asimd", None)],
)
def test_avx2_is_read_from_the_kernels_list(tmp_path: Path, text: str, expected: bool | None) -> None:
    assert has_avx2(write(tmp_path, {"proc/cpuinfo": text})) is expected
    assert has_avx2(tmp_path / "elsewhere") is None
