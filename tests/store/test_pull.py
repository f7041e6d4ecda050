"""Pulls from a fake Hub under the real huggingface_hub, in child processes that are killed, two at once, and whole."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.fakes.fake_hub import GOOD_TOKEN, FakeHub, Fault
from tests.store.noise import MIB, noise

WINDOW = MIB


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    with FakeHub(tmp_path) as hub:
        yield hub


def start_pull(hub: FakeHub, *arguments: str, window_mib: int = 1) -> "subprocess.Popen[str]":
    """`oss pull` as a process of its own, with a small window."""
    environment = {**os.environ, "HF_ENDPOINT": hub.endpoint, "OSS_DOWNLOAD_WINDOW_MIB": str(window_mib)}
    return subprocess.Popen(
        [sys.executable, "-m", "oss_cli", "pull", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def finish(child: "subprocess.Popen[str]") -> tuple[str, str, int]:
    out, err = child.communicate(timeout=60)
    return out, err, child.returncode


def kill_when(child: "subprocess.Popen[str]", wanted_bytes: int) -> None:
    """Let it fetch until so many bytes are kept, and kill it as only the system can."""
    folder = Path(os.environ["HF_HOME"]) / "hub"
    deadline = time.monotonic() + 30
    while child.poll() is None and kept_bytes(folder) < wanted_bytes:
        assert time.monotonic() < deadline, "the download does not get on"
        time.sleep(0.005)
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL, "it was done before it could be killed"


def kept_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("models--*/blobs/*"))


def check_ten_kills(hub: FakeHub, parts: int, seed: int) -> None:
    """Kill a pull of 24 windows ten times, let the eleventh finish, and count what was sent."""
    repository = hub.add_repository("org/model-GGUF")
    data = [noise(24 * MIB // parts, number) for number in range(parts)]
    for number, one in enumerate(data, 1):
        name = f"model-Q4_K_M-{number:05}-of-{parts:05}.gguf" if parts > 1 else "model-Q4_K_M.gguf"
        repository.add(name, one)
    # Slow enough that a kill finds it at work: 3 s in all.
    hub.add_fault("file", Fault("slow", bytes_per_second=MIB))
    chance = random.Random(seed)
    for stop in sorted(chance.randrange(WINDOW, 18 * MIB) for _ in range(10)):
        kill_when(start_pull(hub, "org/model-GGUF:Q4_K_M"), stop)
    hub.faults.clear()
    out, err, status = finish(start_pull(hub, "org/model-GGUF:Q4_K_M"))
    assert status == 0, err
    first = Path(out.strip())
    found = sorted(first.parent.iterdir())
    assert [sha256(path.read_bytes()).hexdigest() for path in found] == [sha256(one).hexdigest() for one in data]
    assert not list(first.parents[2].glob("blobs/*.incomplete"))
    header_reads = 11 * parts * 256 * 1024
    assert hub.sent_bytes <= 24 * MIB + 10 * WINDOW + header_reads


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 2], ids=["single", "split"])
def test_a_pull_killed_ten_times_ends_verified_and_sends_at_most_ten_windows_again(hub: FakeHub, parts: int) -> None:
    check_ten_kills(hub, parts, seed=7)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_wherever_a_pull_is_killed_at_most_a_window_is_lost(hub: FakeHub, seed: int) -> None:
    check_ten_kills(hub, parts=1 + seed % 2, seed=seed)


def test_of_two_processes_one_fetches_and_the_other_waits_for_it(hub: FakeHub) -> None:
    repository = hub.add_repository("org/model-GGUF")
    data = noise(8 * MIB)
    repository.add("model-Q8_0.gguf", data)
    hub.add_fault("file", Fault("slow", bytes_per_second=MIB // 3))  # 3 s: the second one comes in time
    children = [start_pull(hub, "org/model-GGUF:Q8_0", window_mib=8) for _ in range(2)]
    (out, err, status), (other_out, other_err, other_status) = map(finish, children)
    assert (status, other_status, out) == (0, 0, other_out)
    waited = "(another process is downloading model-Q8_0.gguf: waiting for it)\n"
    assert (waited in err) != (waited in other_err)
    assert Path(out.strip()).read_bytes() == data
    assert hub.sent_bytes <= 8 * MIB + 2 * 256 * 1024


def test_the_one_that_waits_goes_on_where_the_other_was_killed(hub: FakeHub) -> None:
    repository = hub.add_repository("org/model-GGUF")
    repository.add("model-Q8_0.gguf", noise(16 * MIB))
    hub.add_fault("file", Fault("slow", bytes_per_second=MIB))
    first = start_pull(hub, "org/model-GGUF:Q8_0")
    second = start_pull(hub, "org/model-GGUF:Q8_0")
    kill_when(first, 6 * MIB)
    hub.faults.clear()
    out, err, status = finish(second)
    assert status == 0, err
    assert hub.sent_bytes <= 17 * MIB + 2 * 256 * 1024


def test_a_corrupt_byte_never_enters_the_cache(hub: FakeHub) -> None:
    hub.add_repository("org/model-GGUF").add("model-Q8_0.gguf", noise(4 * MIB))
    hub.add_fault("file", Fault("corrupt", after=3 * MIB))
    out, err, status = finish(start_pull(hub, "org/model-GGUF:Q8_0"))
    assert (out, status) == ("", 6)
    assert "error: model-Q8_0.gguf arrived damaged\n" in err
    folder = Path(os.environ["HF_HOME"]) / "hub/models--org--model-GGUF"
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_an_update_that_is_interrupted_leaves_the_old_model_in_force(hub: FakeHub) -> None:
    repository = hub.add_repository("org/model-GGUF")
    old = noise(2 * MIB, 1)
    repository.add("model-Q8_0.gguf", old)
    finish(start_pull(hub, "org/model-GGUF:Q8_0"))
    repository.add("model-Q8_0.gguf", noise(8 * MIB, 2))
    hub.add_fault("file", Fault("slow", bytes_per_second=MIB))
    kill_when(start_pull(hub, "org/model-GGUF:Q8_0", "--update"), 4 * MIB)
    out, _, _ = finish(start_pull(hub, "org/model-GGUF:Q8_0"))
    assert Path(out.strip()).read_bytes() == old
    hub.faults.clear()
    out, _, _ = finish(start_pull(hub, "org/model-GGUF:Q8_0", "--update"))
    assert Path(out.strip()).read_bytes() == noise(8 * MIB, 2)


def test_the_token_file_of_hf_is_used(hub: FakeHub) -> None:
    hub.add_repository("org/model-GGUF", is_private=True).add("model-Q8_0.gguf", noise(1000))
    home = Path(os.environ["HF_HOME"])
    home.mkdir()
    (home / "token").write_text(GOOD_TOKEN)
    assert finish(start_pull(hub, "org/model-GGUF"))[2] == 0
