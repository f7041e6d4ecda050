"""The fault table: what goes wrong on the way, row by row, with the bytes counted at the server."""

import errno
import hashlib
import io
import resource
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from oss_cli.errors import CacheNotReadable, DiskTooSmall, DownloadStopped, SizeLimitReached, WrongBytes
from oss_cli.store.hub import Hub
from oss_cli.store.ranges import Limits
from oss_cli.store.transfer import FileJob, Transfer, TransferOptions
from tests.fakes.fake_hub import GOOD_TOKEN, FakeHub, Fault, StoredFile
from tests.store.noise import MIB, noise

SIZE = 12 * MIB
DATA = noise(SIZE)
OPTIONS = TransferOptions(window_bytes=MIB, patience=Limits(give_up_s=2, first_pause_s=0.02))


class Watched:
    """Counts and listens."""

    def __init__(self) -> None:
        self.bytes = 0
        self.said: list[str] = []
        self._lock = threading.Lock()

    def advance(self, new_bytes: int) -> None:
        with self._lock:
            self.bytes += new_bytes

    def say(self, text: str) -> None:
        self.said.append(text)


class World:
    """One file on a fake Hub, and a place for it."""

    def __init__(self, hub: FakeHub, folder: Path) -> None:
        self.hub = hub
        self.watcher = Watched()
        self.repository = hub.add_repository("org/model")
        self.file = self.repository.add("m.gguf", DATA)
        self.folder = folder
        self.token: str | None = None

    @property
    def partial(self) -> Path:
        return self.folder / "blob.incomplete"

    @property
    def blob(self) -> Path:
        return self.folder / "blob"

    def fetch(
        self,
        file: StoredFile | None = None,
        options: TransferOptions = OPTIONS,
        open_to_hash: Callable[[Path], BinaryIO] | None = None,
    ) -> None:
        file = file or self.file
        job = FileJob("m.gguf", file.bytes, file.sha256, self.partial, self.blob, again="oss pull org/model")
        hub = Hub(self.hub.endpoint, token=self.token, again="oss pull org/model", say=self.watcher.say)
        transfer = Transfer(options, self.watcher, open_to_hash)
        try:
            transfer.fetch(job, lambda: hub.sign("org/model", self.repository.commit, "m.gguf"))
        finally:
            transfer.close()

    def fault(self, kind: str, part: str = "file", **how: object) -> None:
        self.hub.add_fault(part, Fault(kind, **how))  # type: ignore[arg-type]  # the fault's own fields

    def is_right(self) -> bool:
        return hashlib.sha256(self.blob.read_bytes()).digest() == hashlib.sha256(DATA).digest()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    folder = tmp_path / "blobs"
    folder.mkdir()
    with FakeHub(tmp_path) as hub:
        yield World(hub, folder)


def test_a_file_comes_over_several_connections_each_byte_once(world: World) -> None:
    world.fault("slow", bytes_per_second=16 * MIB)
    world.fetch()
    assert world.is_right() and not world.partial.exists()
    assert world.hub.sent_bytes == SIZE == world.watcher.bytes
    assert world.hub.most_connections > 4
    assert world.hub.count("sign", "HEAD") == 1


def test_the_rest_of_a_file_is_fetched_from_where_it_stopped(world: World) -> None:
    world.partial.write_bytes(DATA[: 7 * MIB + 123])
    world.fetch()
    assert world.is_right()
    assert world.hub.sent_bytes == SIZE - 7 * MIB - 123


def test_a_whole_partial_file_is_verified_and_used_without_a_request(world: World) -> None:
    world.partial.write_bytes(DATA)
    world.fetch()
    assert world.is_right() and not world.hub.requests


def test_a_partial_file_that_is_too_long_is_begun_anew(world: World) -> None:
    world.partial.write_bytes(DATA + b"more")
    world.fetch()
    assert world.is_right()


# What passes by itself, and how many bytes more than the file it may cost.
PASSING: dict[str, tuple[Callable[[World], None], int]] = {
    "closed in the middle": (lambda w: w.fault("cut", after=30_000, times=20), 0),
    "reset in the middle": (lambda w: w.fault("cut", after=30_000, reset=True, times=20), 64 * 1024),
    "nothing at all": (lambda w: w.fault("cut", after=0, times=10), 0),
    "500": (lambda w: w.fault("status", code=500, times=10), 0),
    "503": (lambda w: w.fault("status", code=503, times=10), 0),
    "408": (lambda w: w.fault("status", code=408, times=10), 0),
    "signature ended": (lambda w: w.fault("expired", times=3), 0),
    "404 from the store": (lambda w: w.fault("status", code=404, times=3), 0),
    "redirect refused once": (lambda w: w.fault("status", "sign", code=503, times=2), 0),
    "redirect limited": (lambda w: w.fault("status", "sign", code=429, headers={"RateLimit": '"r";t=0'}, times=1), 0),
    "mirror without headers": (lambda w: w.fault("bare", "sign"), 0),
    "mirror without a second origin": (lambda w: w.fault("direct", "sign"), 0),
    "mirror that speaks of Xet": (lambda w: w.fault("xet", "sign"), 0),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_costs_no_byte_twice(world: World, name: str) -> None:
    prepare, extra = PASSING[name]
    prepare(world)
    world.fetch()
    assert world.is_right()
    assert SIZE <= world.hub.sent_bytes <= SIZE + extra * 20
    assert world.watcher.bytes == SIZE


def test_a_server_that_asks_to_wait_is_left_alone_so_long(world: World) -> None:
    world.fault("status", code=429, headers={"Retry-After": "1"}, times=1)
    begun = time.monotonic()
    world.fetch(options=replace(OPTIONS, workers=1))
    assert world.is_right() and time.monotonic() - begun >= 1


def test_a_signature_that_ends_is_renewed_once_for_all_workers(world: World) -> None:
    world.hub.signature_life = 40
    world.fetch()
    assert world.is_right() and world.hub.sent_bytes == SIZE
    assert 4 <= world.hub.count("sign", "HEAD") <= 6  # 192 ranges


def test_a_connection_that_falls_silent_holds_nothing_up(world: World) -> None:
    world.fault("stall", after=20_000, seconds=20, times=1)
    begun = time.monotonic()
    world.fetch()
    assert world.is_right() and time.monotonic() - begun < 12
    assert world.watcher.bytes == SIZE


def test_a_server_without_ranges_is_read_in_one_stream(world: World) -> None:
    world.fault("norange")
    world.fetch()
    assert world.is_right() and world.watcher.bytes == SIZE
    assert world.watcher.said == ["the server sends whole files only: one connection, from the beginning"]


def test_a_server_without_ranges_that_breaks_is_read_again_but_written_once(world: World) -> None:
    world.partial.write_bytes(DATA[: 3 * MIB])
    world.fault("norange")
    world.fetch()
    assert world.is_right() and world.watcher.bytes == SIZE - 3 * MIB


def test_one_wrong_byte_never_gets_its_name(world: World) -> None:
    world.fault("corrupt", after=5 * MIB + 17)
    with pytest.raises(WrongBytes) as caught:
        world.fetch()
    wrong = bytearray(DATA)
    wrong[5 * MIB + 17] ^= 1
    assert caught.value.message == "m.gguf arrived damaged"
    assert caught.value.cause == (
        f"its SHA-256 should be {world.file.sha256}\n"
        f"but what came twice has {hashlib.sha256(wrong).hexdigest()}; it was thrown away"
    )
    assert caught.value.hint == "try another network or mirror, then: oss pull org/model"
    assert not list(world.folder.iterdir())


def test_a_byte_that_is_wrong_once_is_cured_by_a_second_download(world: World) -> None:
    world.fault("corrupt", after=17, times=1)
    world.fetch(options=replace(OPTIONS, workers=1))
    assert world.is_right() and world.watcher.bytes == SIZE
    assert world.watcher.said == ["m.gguf arrived damaged: fetching it once more"]


def test_a_partial_file_that_went_bad_on_the_disk_is_cured_too(world: World) -> None:
    world.partial.write_bytes(b"?" * 4 * MIB)
    world.fetch()
    assert world.is_right()


def test_zeros_that_a_power_cut_left_are_cut_off(world: World) -> None:
    world.partial.write_bytes(DATA[: 5 * MIB] + bytes(3 * MIB + 7))
    world.fetch(options=replace(OPTIONS, window_bytes=4 * MIB))
    assert world.is_right() and world.watcher.said == []
    assert world.hub.sent_bytes < 7 * MIB + 10


def test_zeros_that_belong_to_a_file_cost_no_more_than_a_window(world: World) -> None:
    data = DATA[: 4 * MIB] + bytes(20 * MIB) + DATA[4 * MIB :]
    file = world.repository.add("m.gguf", data)
    world.partial.write_bytes(data[: 22 * MIB])
    world.fetch(file)
    assert world.blob.read_bytes() == data
    assert world.hub.sent_bytes == 10 * MIB + OPTIONS.window_bytes
    assert world.watcher.bytes == 10 * MIB


def test_a_server_that_stops_to_know_ranges_has_its_bytes_counted_once(world: World) -> None:
    world.fault("norange", skip=40)
    world.fetch()
    assert world.is_right() and world.watcher.bytes == SIZE


def test_a_server_that_sends_more_than_the_file_has_is_not_listened_to(world: World) -> None:
    world.fault("norange")
    world.partial.write_bytes(DATA[:10])
    short = replace(world.file, bytes=1000, sha256=hashlib.sha256(DATA[:1000]).hexdigest())
    world.fetch(short)
    assert world.blob.read_bytes() == DATA[:1000]
    assert world.watcher.bytes == 990
    assert world.hub.sent_bytes < SIZE


class Unreadable(io.BytesIO):
    """A file on a disk that breaks."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(errno.EIO, "Input/output error")


def test_a_disk_that_cannot_be_read_is_no_damaged_download(world: World) -> None:
    with pytest.raises(CacheNotReadable) as caught:
        world.fetch(open_to_hash=lambda path: Unreadable())
    assert caught.value.message == f"{world.partial} cannot be read"
    assert caught.value.cause == "Input/output error; what has come is kept"
    assert caught.value.hint == "check the disk, then: oss pull org/model"
    assert world.partial.read_bytes() == DATA and not world.watcher.said


def test_a_server_that_fails_for_good_is_given_up_and_what_came_is_kept(world: World) -> None:
    world.fault("cut", after=0, skip=40)
    with pytest.raises(DownloadStopped) as caught:
        world.fetch(options=replace(OPTIONS, patience=Limits(0.5, first_pause_s=0.02)))
    kept = world.partial.stat().st_size
    assert 0 < kept < SIZE and world.partial.read_bytes() == DATA[:kept]
    assert caught.value.message == "the download of m.gguf stopped"
    assert caught.value.cause.startswith("no byte came for 0 s; the last answer was: ")
    assert caught.value.cause.endswith(f"\n{kept / 1e6:.0f} MB of 13 MB are kept")
    assert caught.value.hint == "to go on from there: oss pull org/model"


def test_addresses_that_are_refused_again_and_again_are_given_up(world: World) -> None:
    world.fault("expired")
    with pytest.raises(DownloadStopped) as caught:
        world.fetch()
    cause = "the server answered HTTP 403 to 5 freshly signed addresses\n0 kB of 13 MB are kept"
    assert caught.value.cause == cause
    assert world.hub.count("sign", "HEAD") <= 7


def test_a_copy_that_is_shorter_than_promised_is_told(world: World) -> None:
    world.fault("short", after=5)
    with pytest.raises(DownloadStopped) as caught:
        world.fetch()
    assert caught.value.cause.startswith(f"the server's copy has {SIZE - 5:,} bytes, the Hub says {SIZE:,}\n")


def test_a_server_that_asks_for_a_very_long_wait_is_told_of(world: World) -> None:
    world.fault("status", code=429, headers={"Retry-After": "3600"})
    with pytest.raises(DownloadStopped) as caught:
        world.fetch()
    assert caught.value.cause.startswith("HTTP 429; the server asks us to wait 3600 s\n")


@pytest.mark.parametrize("wait_s", [1, 30])
def test_a_server_that_asks_for_one_wait_after_the_other_is_given_up(world: World, wait_s: int) -> None:
    world.fault("status", code=503, headers={"Retry-After": str(wait_s)})
    with pytest.raises(DownloadStopped) as caught:
        world.fetch(options=replace(OPTIONS, patience=Limits(1, 3, 0.02)))
    assert caught.value.cause.startswith(f"HTTP 503; the server asks us to wait {wait_s} s\n")
    assert not world.watcher.said


def test_a_long_wait_that_a_server_asks_for_is_told_once(world: World) -> None:
    world.fault("status", code=429, headers={"Retry-After": "6"}, times=8)
    world.fetch()
    assert world.is_right()
    assert world.watcher.said == ["the server asks us to wait 6 s"]


def test_a_limit_on_the_size_of_files_is_called_that_and_loses_nothing(world: World) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    world.watcher.say("")  # the hub library is loaded and nothing else will be written
    resource.setrlimit(resource.RLIMIT_FSIZE, (5 * MIB + 1000, limits[1]))
    try:
        with pytest.raises(SizeLimitReached) as caught:
            world.fetch()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.message == "m.gguf may not grow beyond 5 MB"
    assert world.partial.read_bytes() == DATA[: 5 * MIB + 1000]
    assert world.watcher.bytes == 5 * MIB  # whole ranges
    world.hub.forget()
    world.fetch()
    assert world.is_right()
    straggling = OPTIONS.workers * 64 * 1024  # what the first try had still asked for
    assert world.hub.sent_bytes <= SIZE - 5 * MIB - 1000 + straggling


def test_a_full_disk_is_told(world: World) -> None:
    world.partial.symlink_to("/dev/full")
    with pytest.raises(DiskTooSmall) as caught:
        world.fetch()
    assert caught.value.needed_bytes == SIZE


def test_ctrl_c_keeps_what_came_and_stops_asking(world: World) -> None:
    world.fault("slow", bytes_per_second=MIB)

    def interrupt(new_bytes: int) -> None:
        Watched.advance(world.watcher, new_bytes)
        if world.watcher.bytes > 5 * MIB:
            raise KeyboardInterrupt

    world.watcher.advance = interrupt  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.fetch()
    kept = world.partial.stat().st_size
    assert kept + OPTIONS.window_bytes > 4 * MIB and world.partial.read_bytes() == DATA[:kept]
    time.sleep(0.3)
    asked = world.hub.count("file")
    time.sleep(0.3)
    assert world.hub.count("file") == asked


def test_two_writers_without_a_lock_make_one_good_file(world: World) -> None:
    others = [threading.Thread(target=world.fetch) for _ in range(2)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert world.is_right()


def test_the_token_goes_to_the_hub_and_never_to_the_other_origin(world: World) -> None:
    world.token = GOOD_TOKEN
    world.fetch()
    assert {one.token for one in world.hub.requests if one.part == "sign"} == {GOOD_TOKEN}
    assert {one.token for one in world.hub.requests if one.part == "file"} == {None}


def test_the_token_goes_along_where_the_hub_sends_the_bytes_itself(world: World) -> None:
    world.token = GOOD_TOKEN
    world.fault("direct", "sign")
    world.fetch()
    assert {one.token for one in world.hub.requests} == {GOOD_TOKEN}
