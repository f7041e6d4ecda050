"""Limits of containers and services: control groups of version 1, and groups deep inside the tree."""

from pathlib import Path

import pytest

from oss_cli.machine.probe import probe_machine
from oss_cli.plan import Machine

GB = 10**9
TOTAL, AVAILABLE = 64 * 10**6 * 1024, 48 * 10**6 * 1024


def probe(root: Path, files: dict[str, str]) -> Machine:
    """What a machine of 64 GB and four cores with these files is."""
    meminfo = f"MemTotal:  {TOTAL // 1024} kB\nMemAvailable:  {AVAILABLE // 1024} kB\n"
    for name, content in {"proc/meminfo": meminfo, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return probe_machine(root, {0, 1, 2, 3})


def memory(machine: Machine) -> tuple[int, int]:
    return machine.total_ram_bytes, machine.available_ram_bytes


def test_version_1_limits_memory(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/memory"
    files = {
        f"{folder}/memory.limit_in_bytes": f"{16 * GB}\n",
        f"{folder}/memory.usage_in_bytes": f"{14 * GB}\n",
        f"{folder}/memory.stat": f"cache {1 * GB}\ntotal_inactive_file {5 * GB}\ntotal_active_file {6 * GB}\n",
    }
    assert memory(probe(tmp_path, files)) == (16 * GB, 13 * GB)


def test_version_1_without_a_limit_changes_nothing(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}
    assert memory(probe(tmp_path, files)) == (TOTAL, AVAILABLE)


@pytest.mark.parametrize(("quota", "cores"), [("-1", 4), ("200000", 2), ("50000", 1)])
def test_version_1_limits_cores(tmp_path: Path, quota: str, cores: int) -> None:
    folder = "sys/fs/cgroup/cpu"
    files = {f"{folder}/cpu.cfs_quota_us": quota + "\n", f"{folder}/cpu.cfs_period_us": "100000\n"}
    assert probe(tmp_path, files).physical_cores == cores


def test_version_1_finds_its_own_group_by_controller(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "4:memory:/jobs/7\n3:cpu,cpuacct:/\n0::/\n",
        "sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes": f"{8 * GB}",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    }
    machine = probe(tmp_path, files)
    assert (machine.total_ram_bytes, machine.physical_cores) == (8 * GB, 1)


def test_a_service_is_limited_by_its_own_group_and_by_those_around_it(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/user.slice/app.service\n",
        "sys/fs/cgroup/user.slice/memory.max": f"{20 * GB}",
        "sys/fs/cgroup/user.slice/memory.current": f"{15 * GB}",
        "sys/fs/cgroup/user.slice/app.service/memory.max": f"{12 * GB}",
        "sys/fs/cgroup/user.slice/app.service/memory.current": f"{1 * GB}",
        "sys/fs/cgroup/user.slice/app.service/cpu.max": "300000 100000",
        "sys/fs/cgroup/user.slice/cpu.max": "200000 100000",
    }
    machine = probe(tmp_path, files)
    assert (*memory(machine), machine.physical_cores) == (12 * GB, 5 * GB, 2)


def test_a_group_outside_the_container_is_not_looked_for(tmp_path: Path) -> None:
    assert memory(probe(tmp_path, {"proc/self/cgroup": "0::/../../other\n"})) == (TOTAL, AVAILABLE)


def test_the_processor_has_the_name_that_the_kernel_gives_it(tmp_path: Path) -> None:
    files = {"proc/cpuinfo": "processor\t: 0\nmodel name\t: AMD Ryzen 7 7700 8-Core Processor\n"}
    assert probe(tmp_path, files).processor == "AMD Ryzen 7 7700 8-Core Processor"


@pytest.mark.parametrize(
    ("highest", "high", "total"),
    [("max", 8 * GB, 8 * GB), (16 * GB, 12 * GB, 12 * GB), (8 * GB, "max", 8 * GB), (8 * GB, 12 * GB, 8 * GB)],
)
def test_the_lower_limit_of_version_2_counts(tmp_path: Path, highest: object, high: object, total: int) -> None:
    folder = "sys/fs/cgroup"
    files = {
        f"{folder}/memory.max": f"{highest}\n",
        f"{folder}/memory.high": f"{high}\n",
        f"{folder}/memory.current": f"{GB}\n",
    }
    assert memory(probe(tmp_path, files)) == (total, total - GB)
