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
from typing import Protocol

from oss_cli.errors import DiskTooSmall, DownloadStopped, WrongBytes
from oss_cli.http import READ_TIMEOUT_S, HttpClient
from oss_cli.store.ranges import GaveUp, Limits, NoRanges, RangeFetcher, Source
from oss_cli.store.repository import Address
from oss_cli.store.window import OrderedWindow

_HASH_BYTES = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
"""The disk, the file system's largest file, the user's share of the disk."""


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


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """How to fetch."""

    window_bytes: int = 128 << 20
    """Memory for ranges that came before their turn; also the most that is ever lost."""
    workers: int = 8
    patience: Limits = Limits()


class Transfer:
    """Fetches files over one set of connections. Close it."""

    def __init__(self, options: TransferOptions, watcher: Watcher) -> None:
        self._options = options
        self._watcher = watcher
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
            DiskTooSmall: the disk filled up; what came is kept.
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
            start = file.seek(0, 2)
            start = _cut_unwritten(file, start) if start <= job.bytes else file.truncate(0)
            hasher = _Hasher(job.partial, start)
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
        return hasher.digest()

    def _bytes_from(
        self, start: int, job: FileJob, sign: Callable[[], Address], workers: int
    ) -> Generator[bytes | bytearray]:
        """What is missing, in order."""
        fetcher = RangeFetcher(
            self._client, Source(sign), self._watcher.advance, self._watcher.say, self._options.patience
        )  # fmt: skip
        position = start
        try:
            try:
                for chunk in self._ranges_from(start, job, fetcher, workers):
                    position += len(chunk)
                    yield chunk
            except NoRanges:
                self._watcher.say("the server sends whole files only: one connection, from the beginning")
                yield from fetcher.read_whole(position, job.bytes)
        finally:
            fetcher.stop.set()

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


class _Hasher:
    """Takes the SHA-256 of a file that grows, on a thread of its own, close behind its writer."""

    def __init__(self, path: Path, present_bytes: int) -> None:
        self._sha256 = hashlib.sha256()
        self._path = path
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
        """The SHA-256 of all of it, in hexadecimal digits."""
        return self._sha256.hexdigest()

    def _run(self) -> None:
        done = 0
        # Bytes that were just written come out of the page cache: 0.2 s per GB (measured), against 0.6 s for the hash.
        with self._path.open("rb", buffering=0) as file:
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


def _cut_unwritten(file: FileIO, end: int) -> int:
    """Cut zeros off the end: after a power cut some file systems (XFS) leave them for what was not written yet.

    Zeros that belong there are fetched again. The size that is left.
    """
    while end:
        begin = max(0, end - _HASH_BYTES)
        file.seek(begin)
        kept = file.read(end - begin).rstrip(b"\0")
        end = begin + len(kept)
        if kept:
            break
    return file.truncate(end)


def _write(file: FileIO, at: int, data: bytes | bytearray, job: FileJob) -> None:
    """Write at an offset: where a lock is broken (NFS), two writers write the same bytes to the same place."""
    view = memoryview(data)
    try:
        file.seek(at)
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        if error.errno not in _FULL:
            raise
        free_bytes = shutil.disk_usage(job.partial.parent).free
        needed_bytes = job.bytes - file.seek(0, 2)
        raise DiskTooSmall(
            job.partial.parent, needed_bytes=needed_bytes, free_bytes=free_bytes, again=job.again
        ) from error


def _give_name(job: FileJob) -> None:
    try:
        job.partial.replace(job.blob)
    except FileNotFoundError:
        if not job.blob.exists():
            raise
        # Another process, past a lock that this file system does not keep, was first with the same verified bytes.
