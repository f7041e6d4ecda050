"""What a computer has: this one against its own kernel, others as folders that look like /proc and /sys."""

import os
from pathlib import Path

import pytest

from oss_cli.machine.probe import probe_machine
from oss_cli.plan import Machine

GB = 10**9
TOTAL, AVAILABLE = 64_000_000 * 1024, 48_000_000 * 1024


def make_machine(root: Path, files: dict[str, str]) -> Path:
    """A root folder with these files, and the memory above."""
    meminfo = f"MemTotal:  {TOTAL // 1024} kB\nMemAvailable:  {AVAILABLE // 1024} kB\nHugePages_Total: 0\n"
    for name, content in {"proc/meminfo": meminfo, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def memory_of(root: Path, files: dict[str, str]) -> tuple[int, int]:
    machine = probe_machine(make_machine(root, files), {0})
    return machine.total_ram_bytes, machine.available_ram_bytes


def cores_of(root: Path, files: dict[str, str], cpus: set[int]) -> int:
    return probe_machine(make_machine(root, files), cpus).physical_cores


def siblings(masks: dict[int, str]) -> dict[str, str]:
    return {f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings": mask + "\n" for cpu, mask in masks.items()}


FOUR_CORES_OF_TWO = siblings({0: "11", 1: "22", 2: "44", 3: "88", 4: "11", 5: "22", 6: "44", 7: "88"})


def test_this_computer_has_what_its_kernel_says() -> None:
    machine = probe_machine()
    assert 0 < machine.total_ram_bytes <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < machine.available_ram_bytes <= machine.total_ram_bytes
    assert 1 <= machine.physical_cores <= (os.cpu_count() or 1)


def test_a_computer_that_tells_nothing_has_one_core_and_no_memory_that_we_know_of(tmp_path: Path) -> None:
    assert probe_machine(tmp_path, {0}) == Machine(0, 0, 1)


def test_without_a_control_group_the_memory_is_the_kernels(tmp_path: Path) -> None:
    assert memory_of(tmp_path, {}) == (TOTAL, AVAILABLE)


@pytest.mark.parametrize("limit", ["max", str(100 * GB * 1024), "0", "", "nonsense"])
def test_a_control_group_without_a_lower_limit_changes_nothing(tmp_path: Path, limit: str) -> None:
    assert memory_of(tmp_path, {"sys/fs/cgroup/memory.max": limit + "\n"}) == (TOTAL, AVAILABLE)


def test_a_control_groups_limit_counts_and_what_it_uses_is_gone(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory.max": f"{16 * GB}\n", "sys/fs/cgroup/memory.current": f"{6 * GB}\n"}
    assert memory_of(tmp_path, files) == (16 * GB, 10 * GB)


def test_a_control_groups_page_cache_is_available(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/memory.max": f"{16 * GB}",
        "sys/fs/cgroup/memory.current": f"{14 * GB}",
        "sys/fs/cgroup/memory.stat": f"anon {2 * GB}\nfile {12 * GB}\ninactive_file {5 * GB}\nactive_file {6 * GB}\n",
    }
    assert memory_of(tmp_path, files) == (16 * GB, 13 * GB)


def test_a_control_group_never_has_more_available_than_the_computer(tmp_path: Path) -> None:
    assert memory_of(tmp_path, {"sys/fs/cgroup/memory.max": f"{60 * GB}"}) == (60 * GB, AVAILABLE)


def test_a_control_group_over_its_limit_has_nothing_left(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory.max": f"{2 * GB}", "sys/fs/cgroup/memory.current": f"{3 * GB}"}
    assert memory_of(tmp_path, files) == (2 * GB, 0)


def test_two_threads_of_a_core_are_one_core(tmp_path: Path) -> None:
    assert cores_of(tmp_path, FOUR_CORES_OF_TWO, set(range(8))) == 4


@pytest.mark.parametrize(("cpus", "cores"), [({0}, 1), ({0, 4}, 1), ({0, 1}, 2), ({0, 4, 5}, 2)])
def test_only_cores_that_we_may_run_on_count(tmp_path: Path, cpus: set[int], cores: int) -> None:
    assert cores_of(tmp_path, FOUR_CORES_OF_TWO, cpus) == cores


@pytest.mark.parametrize(
    ("fast", "cpus", "cores"),
    [
        ("0-1,4-5", set(range(8)), 2),
        ("0,4", set(range(8)), 1),
        ("0-1", {2, 3}, 2),
        ("", set(range(8)), 4),
    ],
)
def test_of_hybrids_the_performance_cores_count_where_we_may_run_on_any(
    tmp_path: Path, fast: str, cpus: set[int], cores: int
) -> None:
    files = {**FOUR_CORES_OF_TWO, "sys/devices/cpu_core/cpus": fast + "\n"}
    assert cores_of(tmp_path, files, cpus) == cores


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 4),
        ("200000 100000", 2),
        ("250000 100000", 2),
        ("50000 100000", 1),
        ("900000 100000", 4),
        ("", 4),
        ("x", 4),
    ],
)
def test_a_control_groups_time_is_counted_in_whole_cores(tmp_path: Path, quota: str, cores: int) -> None:
    files = {**FOUR_CORES_OF_TWO, "sys/fs/cgroup/cpu.max": quota + "\n"}
    assert cores_of(tmp_path, files, set(range(8))) == cores


@pytest.mark.parametrize(("cpus", "cores"), [(1, 1), (2, 2), (4, 4), (5, 2), (6, 3), (16, 8)])
def test_without_a_topology_more_than_four_cpus_count_as_half_as_many_cores(
    tmp_path: Path, cpus: int, cores: int
) -> None:
    assert cores_of(tmp_path, {}, set(range(cpus))) == cores


def test_a_topology_with_holes_is_none(tmp_path: Path) -> None:
    assert cores_of(tmp_path, siblings({0: "1", 1: "2"}), {0, 1, 2}) == 3
