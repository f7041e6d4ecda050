"""The bytes of one file: fetched, kept when they stop coming, verified, and only then given their name.

The partial file is always a valid beginning of the whole: its size is all there is to know, no journal is kept. The
SHA-256 is taken of what is on disk, behind the writer, so that a resumed file is hashed from its first byte on.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Protocol

from oss_cli.errors import CacheNotReadable, DiskTooSmall, DownloadStopped, SizeLimitReached, WrongBytes
from oss_cli.http import READ_TIMEOUT_S, HttpClient
from oss_cli.store.ranges import GaveUp, Limits, NoRanges, RangeFetcher, Source
from oss_cli.store.repository import Address
from oss_cli.store.window import OrderedWindow

_HASH_BYTES = 1 << 20
_LIMITS = {
    errno.EFBIG: "files may not be larger: ulimit -f, or a file system such as FAT32, whose files end at 4.3 GB",
    errno.EDQUOT: "your quota on this disk is used up",
}


class Watcher(Protocol):
    """Who is told how a download gets on; from several threads."""

    def advance(self, new_bytes: int) -> None:
        """So many more bytes are here; negative when some had to be thrown away."""

    def say(self, text: str) -> None:
        """Something that a waiting person should know."""


@dataclass(frozen=True, slots=True)
class FileJob:
    """One file to be fetched."""

    name: str
    """For people."""
    bytes: int
    sha256: str
    partial: Path
    blob: Path
    again: str
    """The command that goes on with it after a failure."""
    move: str = "oss config set hub_cache FOLDER"
    """How to take another place for it."""


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """How to fetch."""

    window_bytes: int = 128 << 20
    """Memory for ranges that came before their turn; also the most that is ever lost."""
    workers: int = 8
    patience: Limits = Limits()


class Transfer:
    """Fetches files over one set of connections. Close it."""

    def __init__(
        self, options: TransferOptions, watcher: Watcher, open_to_hash: Callable[[Path], BinaryIO] | None = None
    ) -> None:
        self._options = options
        self._watcher = watcher
        self._open_to_hash = open_to_hash or _open_to_hash
        self._client = HttpClient(options.workers, read_timeout_s=min(READ_TIMEOUT_S, options.patience.give_up_s))

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def skip(self, new_bytes: int) -> None:
        """So many bytes are here without our doing."""
        if new_bytes:
            self._watcher.advance(new_bytes)

    def fetch(self, job: FileJob, sign: Callable[[], Address]) -> None:
        """Fetch a file, or the rest of it, and put it at `job.blob`. Ctrl-C keeps what has come.

        Raises:
            DownloadStopped: no byte came for too long; what came is kept.
            WrongBytes: it came damaged, and again when it was fetched a second time; nothing is kept.
            DiskTooSmall, SizeLimitReached: the disk or our share of it filled up; what came is kept.
            CacheNotReadable: the disk does not give back what was written to it; what came is kept.
            DownloadFailed: the Hub will not give it to us.
        """
        found = self._fetch_once(job, sign, workers=self._options.workers)
        if found != job.sha256:
            # A wrong byte may be the network's or a bad partial's: once more, from the beginning, the simplest way.
            self._watcher.say(f"{job.name} arrived damaged: fetching it once more")
            self._watcher.advance(-job.bytes)
            job.partial.unlink(missing_ok=True)
            found = self._fetch_once(job, sign, workers=1)
        if found != job.sha256:
            self._watcher.advance(-job.bytes)
            job.partial.unlink(missing_ok=True)
            raise WrongBytes(job.name, expected=job.sha256, found=found, again=job.again)
        _give_name(job)

    def _fetch_once(self, job: FileJob, sign: Callable[[], Address], *, workers: int) -> str:
        """Bring the partial file to its full size; its SHA-256."""
        job.partial.touch()
        with job.partial.open("r+b", buffering=0) as file:
            found = file.seek(0, 2)
            start = _cut_unwritten(file, found, self._options.window_bytes) if found <= job.bytes else file.truncate(0)
            if start < found:
                self._watcher.advance(start - min(found, job.bytes))
            hasher = _Hasher(job.partial, start, self._open_to_hash)
            try:
                # Closed at once, whatever happens: a traceback would keep the generator, and so the workers, alive.
                with contextlib.closing(self._bytes_from(start, job, sign, workers)) as chunks:
                    for chunk in chunks:
                        _write(file, start, chunk, job)
                        start += len(chunk)
                        hasher.follow(start)
            except GaveUp as error:
                raise DownloadStopped(
                    job.name, str(error), kept_bytes=file.seek(0, 2), total_bytes=job.bytes, again=job.again
                ) from error
            finally:
                hasher.finish(is_wanted=start == job.bytes)
            os.fsync(file.fileno())  # before it gets its name: a power cut must not leave a good name on lost bytes
        try:
            return hasher.digest()
        except OSError as error:
            raise CacheNotReadable(job.partial, error.strerror or str(error), again=job.again) from error

    def _bytes_from(
        self, start: int, job: FileJob, sign: Callable[[], Address], workers: int
    ) -> Generator[bytes | bytearray]:
        """What is missing, in order. The watcher is told of bytes as they come, and in the end of those handed out."""
        position, source = start, Source(sign)
        try:
            with self._counted_fetcher(source) as (fetcher, counted):
                for chunk in self._ranges_from(start, job, fetcher, workers):
                    yield chunk
                    position += len(chunk)
                    counted.handed_out += len(chunk)
        except NoRanges:
            self._watcher.say("the server sends whole files only: one connection, from the beginning")
            with self._counted_fetcher(source) as (fetcher, counted):
                for part in fetcher.read_whole(position, job.bytes):
                    yield part
                    counted.handed_out += len(part)

    @contextlib.contextmanager
    def _counted_fetcher(self, source: Source) -> Iterator[tuple[RangeFetcher, "_Count"]]:
        counted = _Count(self._watcher)
        fetcher = RangeFetcher(self._client, source, counted.add, self._watcher.say, self._options.patience)
        try:
            yield fetcher, counted
        finally:
            fetcher.stop.set()
            counted.settle()

    def _ranges_from(
        self, start: int, job: FileJob, fetcher: RangeFetcher, workers: int
    ) -> Iterator[bytearray | bytes]:
        window = OrderedWindow(
            lambda buffer: fetcher.fill(buffer, job.bytes), start, job.bytes,
            window_bytes=self._options.window_bytes, workers=workers,
        )  # fmt: skip
        try:
            yield from window.chunks()
        finally:
            window.close()


class _Count:
    """Tells a watcher of bytes as they come, in whatever order; corrected in the end to those that were of use."""

    def __init__(self, watcher: Watcher) -> None:
        self.handed_out = 0
        self._watcher = watcher
        self._told_bytes = 0
        self._is_settled = False
        self._lock = threading.Lock()

    def add(self, new_bytes: int) -> None:
        """So many have come."""
        with self._lock:
            if self._is_settled:
                return  # of a worker that hung in the network and does not know yet
            self._told_bytes += new_bytes
        self._watcher.advance(new_bytes)

    def settle(self) -> None:
        """No more will be handed out: what came before its turn is lost."""
        with self._lock:
            self._is_settled = True
        if self._told_bytes != self.handed_out:
            self._watcher.advance(self.handed_out - self._told_bytes)


class _Hasher:
    """Takes the SHA-256 of a file that grows, on a thread of its own, close behind its writer."""

    def __init__(self, path: Path, present_bytes: int, open_file: Callable[[Path], BinaryIO]) -> None:
        self._sha256 = hashlib.sha256()
        self._path = path
        self._open_file = open_file
        self._error: OSError | None = None
        self._limit = present_bytes
        self._is_ended = False
        self._is_wanted = True
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True, name="hash")
        self._thread.start()

    def follow(self, present_bytes: int) -> None:
        """The file has grown."""
        with self._changed:
            self._limit = present_bytes
            self._changed.notify()

    def finish(self, *, is_wanted: bool) -> None:
        """The file will not grow any more; waits for the last bytes if the hash is wanted."""
        with self._changed:
            self._is_ended, self._is_wanted = True, is_wanted
            self._changed.notify()
        while is_wanted and self._thread.is_alive():
            self._thread.join(0.5)  # in pieces: Ctrl-C is seen between them

    def digest(self) -> str:
        """The SHA-256 of all of it, in hexadecimal digits.

        Raises:
            OSError: it could not be read.
        """
        if self._error is not None:
            raise self._error
        return self._sha256.hexdigest()

    def _run(self) -> None:
        try:
            self._read()
        except OSError as error:
            self._error = error  # raised where the hash is asked for

    def _read(self) -> None:
        done = 0
        # Bytes that were just written come out of the page cache: 0.2 s per GB (measured), against 0.6 s for the hash.
        with self._open_file(self._path) as file:
            while self._wait_for(done):
                data = file.read(min(_HASH_BYTES, self._limit - done))
                if not data:
                    return  # shorter than it was: the hash will not match
                self._sha256.update(data)
                done += len(data)

    def _wait_for(self, done: int) -> bool:
        with self._changed:
            while done >= self._limit and not self._is_ended:
                self._changed.wait()
            return self._is_wanted and done < self._limit


def _open_to_hash(path: Path) -> BinaryIO:
    return path.open("rb", buffering=0)


def _cut_unwritten(file: FileIO, end: int, most_bytes: int) -> int:
    """Cut zeros off the end: after a power cut some file systems (XFS) leave them for what was not written yet.

    Zeros that belong there are fetched again, so no more than `most_bytes` are cut. The size that is left.
    """
    start, kept = end, b""
    while end > max(0, start - most_bytes) and not kept:
        begin = max(0, start - most_bytes, end - _HASH_BYTES)
        file.seek(begin)
        kept = file.read(end - begin).rstrip(b"\0")
        end = begin + len(kept)
    return file.truncate(end) if end < start else end


def _write(file: FileIO, at: int, data: bytes | bytearray, job: FileJob) -> None:
    """Write at an offset: where a lock is broken (NFS), two writers write the same bytes to the same place."""
    view = memoryview(data)
    try:
        file.seek(at)
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        kept_bytes = file.seek(0, 2)
        if error.errno in _LIMITS:
            raise SizeLimitReached(
                job.name, _LIMITS[error.errno], kept_bytes=kept_bytes, total_bytes=job.bytes, again=job.again,
                move=job.move,
            ) from error  # fmt: skip
        if error.errno != errno.ENOSPC:
            raise
        folder = job.partial.parent
        raise DiskTooSmall(
            folder, needed_bytes=job.bytes - kept_bytes, free_bytes=shutil.disk_usage(folder).free, again=job.again,
            move=job.move,
        ) from error  # fmt: skip


def _give_name(job: FileJob) -> None:
    try:
        job.partial.replace(job.blob)
    except FileNotFoundError:
        if not job.blob.exists():
            raise
        # Another process, past a lock that this file system does not keep, was first with the same verified bytes.
