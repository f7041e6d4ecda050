"""The Hub under the real huggingface_hub, and the cache that we write held against its own readers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oss_cli.errors import DiskTooSmall, HubBroken, NotOffered
from oss_cli.http import HttpTrouble
from oss_cli.store.hub import Hub
from oss_cli.store.hub_cache import HubCache
from oss_cli.store.pull import PullGoal, check_disk, plan_pull, run_pull
from oss_cli.store.transfer import TransferOptions
from tests.fakes.fake_hub import FakeHub, Fault
from tests.store.noise import noise

NAME = "org/model-GGUF"


class Listener:
    def __init__(self) -> None:
        self.said: list[str] = []

    def advance(self, new_bytes: int) -> None: ...

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeHub]:
    with FakeHub(tmp_path) as fake:
        fake.add_repository(NAME).add("folder/model-Q8_0.gguf", noise(100_000))
        yield fake


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def hub(fake: FakeHub, listener: Listener) -> Hub:
    return Hub(fake.endpoint, token=None, again="oss pull x", say=listener.say, pause_unit_s=0.01)


def pull(hub: Hub, cache: HubCache, listener: Listener, *, is_main: bool = True) -> Path:
    listing = hub.list_files(NAME)
    assert listing is not None
    plan = plan_pull(PullGoal("model", "oss pull x", listing, listing.files, is_main), cache)
    return run_pull(plan, hub, cache, listener, TransferOptions()).paths[0]


def test_a_listing_tells_names_sizes_and_hashes_in_one_request(fake: FakeHub, hub: Hub) -> None:
    listing = hub.list_files(NAME)
    repository = fake.repositories[NAME]
    assert listing is not None and listing.commit == repository.commit
    (file,) = listing.files
    stored = repository.files["folder/model-Q8_0.gguf"]
    assert (file.path, file.bytes, file.sha256) == (stored.path, stored.bytes, stored.sha256)
    assert len(fake.requests) == 1


def test_a_revision_that_is_gone_is_no_error_yet(hub: Hub) -> None:
    assert hub.list_files(NAME, "0" * 40) is None


@pytest.mark.parametrize(("code", "times"), [(500, 1), (503, 3), (429, 2)])
def test_a_hub_that_is_busy_is_asked_again(fake: FakeHub, hub: Hub, code: int, times: int) -> None:
    fake.add_fault("api", Fault("status", code=code, times=times))
    assert hub.list_files(NAME) is not None
    assert fake.count("api") == times + 1


def test_a_wait_that_the_hub_asks_for_is_told(fake: FakeHub, hub: Hub, listener: Listener) -> None:
    fake.add_fault("api", Fault("status", code=429, headers={"Retry-After": "20"}, times=1))
    assert hub.list_files(NAME) is not None
    assert listener.said == ["the Hub asks us to wait 20 s"]


def test_a_hub_that_stays_busy_is_given_up(fake: FakeHub, hub: Hub) -> None:
    fake.add_fault("api", Fault("status", code=503))
    with pytest.raises(HubBroken) as caught:
        hub.list_files(NAME)
    assert caught.value.message == f"{fake.endpoint} cannot serve us now"
    assert caught.value.cause == "HTTP 503, four times in a row"
    assert caught.value.hint == "try again later: oss pull x"
    assert fake.count("api") == 4


def test_a_file_that_is_gone_is_told(fake: FakeHub, hub: Hub) -> None:
    commit = fake.repositories[NAME].commit
    with pytest.raises(NotOffered) as caught:
        hub.sign(NAME, commit, "other.gguf")
    assert caught.value.message == f"{NAME} has no file other.gguf"
    assert caught.value.cause == f"at commit {commit[:12]}"


def test_a_redirect_that_fails_may_be_asked_for_again(fake: FakeHub, hub: Hub) -> None:
    fake.add_fault("sign", Fault("status", code=503, headers={"Retry-After": "7"}))
    with pytest.raises(HttpTrouble) as caught:
        hub.sign(NAME, fake.repositories[NAME].commit, "folder/model-Q8_0.gguf")
    assert (caught.value.status, caught.value.wait_s) == (503, 7)


READERS = """
import json, sys, warnings
warnings.simplefilter("error")
from huggingface_hub import hf_hub_download, scan_cache_dir, try_to_load_from_cache
name = "folder/model-Q8_0.gguf"
scan = scan_cache_dir()
print(json.dumps([
    str(try_to_load_from_cache("org/model-GGUF", name)),
    hf_hub_download("org/model-GGUF", name, local_files_only=True),
    [str(warning) for warning in scan.warnings],
    [[r.repo_id, r.size_on_disk, sorted(r.refs)] for r in scan.repos],
]))
"""


@pytest.mark.parametrize("has_links", [True, False], ids=["links", "no links"])
def test_what_we_put_there_is_found_by_huggingface_hub(
    tmp_path: Path, hub: Hub, listener: Listener, has_links: bool
) -> None:
    path = pull(hub, HubCache(tmp_path / "cache", has_links=has_links), listener)
    assert path.is_symlink() == has_links
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    child = subprocess.run(
        [sys.executable, "-c", READERS], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(child.stdout) == [str(path), str(path), [], [[NAME, 100_000, ["main"]]]]


@pytest.mark.parametrize("has_links", [True, False], ids=["links", "no links"])
def test_a_second_pull_asks_for_no_bytes(
    tmp_path: Path, fake: FakeHub, hub: Hub, listener: Listener, has_links: bool
) -> None:
    cache = HubCache(tmp_path / "cache", has_links=has_links)
    first = pull(hub, cache, listener)
    fake.forget()
    assert pull(hub, cache, listener) == first
    assert fake.count("file") == 0


def test_a_blob_that_somebody_else_put_there_is_used(
    tmp_path: Path, fake: FakeHub, hub: Hub, listener: Listener
) -> None:
    cache = HubCache(tmp_path / "cache")
    stored = fake.repositories[NAME].files["folder/model-Q8_0.gguf"]
    shared = tmp_path / "shared"
    shared.write_bytes(noise(100_000))
    cache.prepare(NAME, stored.sha256)
    cache.blob(NAME, stored.sha256).symlink_to(shared)
    assert pull(hub, cache, listener).read_bytes() == noise(100_000)
    assert fake.count("file") == 0


def test_a_link_that_leads_nowhere_is_replaced(tmp_path: Path, fake: FakeHub, hub: Hub, listener: Listener) -> None:
    cache = HubCache(tmp_path / "cache")
    stored = fake.repositories[NAME].files["folder/model-Q8_0.gguf"]
    cache.prepare(NAME, stored.sha256)
    cache.blob(NAME, stored.sha256).symlink_to(tmp_path / "gone")
    assert pull(hub, cache, listener).read_bytes() == noise(100_000)
    assert not cache.blob(NAME, stored.sha256).is_symlink()


def test_a_pinned_commit_does_not_move_a_main_that_is_here(tmp_path: Path, hub: Hub, listener: Listener) -> None:
    cache = HubCache(tmp_path / "cache")
    cache.snapshot(NAME, "b" * 40).mkdir(parents=True)
    cache.write_ref(NAME, "b" * 40)
    pull(hub, cache, listener, is_main=False)
    assert cache.read_ref(NAME) == "b" * 40


def test_a_pinned_commit_becomes_main_where_none_is_here(
    tmp_path: Path, fake: FakeHub, hub: Hub, listener: Listener
) -> None:
    cache = HubCache(tmp_path / "cache")
    pull(hub, cache, listener, is_main=False)
    assert cache.read_ref(NAME) == fake.repositories[NAME].commit


class NearlyFull(HubCache):
    """A cache on a disk that has no room for another model."""

    def free_bytes(self) -> int:
        return 1000


def test_a_false_twin_does_not_get_past_the_check_of_the_disk(
    tmp_path: Path, fake: FakeHub, hub: Hub, listener: Listener
) -> None:
    twin = tmp_path / "twin.gguf"
    twin.write_bytes(noise(100_000)[:-1] + b"?")
    cache = NearlyFull(tmp_path / "cache")
    listing = hub.list_files(NAME)
    assert listing is not None
    plan = plan_pull(PullGoal("model", "oss pull x", listing, listing.files, is_main=True), cache, lambda _: twin)
    check_disk(plan)
    with pytest.raises(DiskTooSmall) as caught:
        run_pull(plan, hub, cache, listener, TransferOptions())
    assert (caught.value.needed_bytes, caught.value.free_bytes) == (100_000, 1000)
    assert listener.said == [f"{twin} is not the same file, or cannot be linked: fetching it"]
    assert fake.count("file") == 0


def test_telemetry_is_off_before_the_library_loads(fake: FakeHub) -> None:
    program = (
        "import sys, oss_cli.store.hub as hub\n"
        "h = hub.Hub(sys.argv[1], token=None, again='', say=print)\n"
        f"h.list_files('{NAME}')\n"
        "from huggingface_hub import constants as c\n"
        "print(c.HF_HUB_DISABLE_TELEMETRY, c.HF_HUB_DISABLE_XET)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DO_NOT_TRACK"}
    child = subprocess.run(
        [sys.executable, "-c", program, fake.endpoint], env=environment, capture_output=True, text=True, check=True
    )
    assert child.stdout == "True True\n"
    assert [one.path for one in fake.requests] == [f"/api/models/{NAME}/revision/main"]
