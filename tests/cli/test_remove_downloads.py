"""`oss rm` beside downloads: of half of a model, and while one runs."""

import json
import shutil
import time
from pathlib import Path

from tests.cli.pulling import NAME
from tests.fakes.fake_hub import FakeHub, Fault
from tests.harness import Result, run_oss
from tests.store.installed_models import HubFolder, split_model
from tests.store.noise import MIB, noise
from tests.store.test_pull import finish, kept_bytes, start_pull


def cache(tmp_path: Path) -> Path:
    return tmp_path / "hugging-face/hub"


def begun(tmp_path: Path) -> list[str]:
    return list(json.loads((tmp_path / "oss-home/manifest.json").read_text())["begun"])


def test_a_download_that_was_broken_off_is_removed_by_its_name(hub: FakeHub, tmp_path: Path) -> None:
    file = hub.add_repository(NAME).add("model-Q8_0.gguf", noise(4 * MIB))
    hub.add_fault("file", Fault("status", code=418, skip=3))
    assert run_oss("pull", NAME).status == 6
    partial = cache(tmp_path) / f"models--org--model-GGUF/blobs/{file.sha256}.incomplete"
    partial.write_bytes(noise(3 * 10**6))  # how much has come is a matter of luck
    assert begun(tmp_path) == [f"{NAME}:Q8_0"]
    assert run_oss("rm", f"{NAME}:Q8_0", "--yes") == Result(
        f"{NAME}:Q8_0 is removed; 3 MB are free again\n",
        f"{partial}  (a download that was broken off: 3 MB)\n",
        0,
    )
    assert HubFolder(cache(tmp_path)).left() == ["CACHEDIR.TAG"]
    assert begun(tmp_path) == []
    assert run_oss("rm", f"{NAME}:Q8_0", "--yes").status == 3


def test_the_short_name_will_do(hub: FakeHub, tmp_path: Path) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(4 * MIB))
    hub.add_fault("file", Fault("status", code=418, skip=3))
    run_oss("pull", NAME)
    assert run_oss("rm", NAME, "--yes").stdout.startswith(f"{NAME}:Q8_0 is removed; ")


def test_the_parts_of_a_split_model_that_are_here_go_as_well(hub: FakeHub, tmp_path: Path) -> None:
    parts = split_model(tmp_path / "parts")
    repository = hub.add_repository(NAME)
    for part in parts:
        repository.add(part.name, part.read_bytes())
    hub.add_fault("sign", Fault("status", code=403, path=f"*{parts[1].name}"))
    assert run_oss("pull", f"{NAME}:Q8_0").status == 6
    first = parts[0].stat().st_size / 1e3
    assert run_oss("rm", f"{NAME}:Q8_0", "--yes").stdout == (f"{NAME}:Q8_0 is removed; {first:.0f} kB are free again\n")
    assert HubFolder(cache(tmp_path)).left() == ["CACHEDIR.TAG"]


def test_a_download_that_somebody_else_removed_is_nothing(hub: FakeHub, tmp_path: Path) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(4 * MIB))
    hub.add_fault("file", Fault("status", code=418, skip=3))
    run_oss("pull", NAME)
    shutil.rmtree(cache(tmp_path))
    assert run_oss("rm", f"{NAME}:Q8_0", "--yes") == Result(
        "",
        f"error: {NAME}:Q8_0 is not on this computer\n  there is nothing to remove\nhint: oss list\n",
        4,
    )


def test_nothing_is_removed_under_a_running_pull(hub: FakeHub, tmp_path: Path) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(8 * MIB))
    hub.add_fault("file", Fault("slow", bytes_per_second=MIB // 4))
    child = start_pull(hub, f"{NAME}:Q8_0")
    deadline = time.monotonic() + 30
    while not kept_bytes(cache(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert run_oss("rm", f"{NAME}:Q8_0", "--yes") == Result(
        "",
        f"error: {NAME}:Q8_0 cannot be removed now\n"
        "  another process is downloading it\n"
        f"hint: let that end, or stop it, then: oss rm {NAME}:Q8_0\n",
        2,
    )
    hub.faults.clear()
    path, said, status = finish(child)
    assert status == 0, said
    assert Path(path.strip()).read_bytes() == noise(8 * MIB)
    assert run_oss("rm", f"{NAME}:Q8_0", "--yes").stdout == f"{NAME}:Q8_0 is removed; 8 MB are free again\n"
