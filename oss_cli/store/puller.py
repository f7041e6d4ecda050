"""One request for a model, `oss pull NAME`, from the name to the files. Asks the Hub; prints nothing, asks nobody.

The name is a catalogue entry's, or a repository's with what is wanted of it: "org/repo", "org/repo:Q4_K_M",
"org/repo:file.gguf".
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from oss_cli.catalogue import CatalogueEntry, ModelFile
from oss_cli.errors import BadModelFile, CacheClosed, CacheNotWritable, CannotWrite, DownloadFailed, NotOffered
from oss_cli.http import HttpClient
from oss_cli.plan import ModelShape
from oss_cli.store.closed import opening_command
from oss_cli.store.elsewhere import find_elsewhere
from oss_cli.store.gguf import GgufHeader, parse_header, readable_shape, shape
from oss_cli.store.hub import Hub
from oss_cli.store.hub_cache import HubCache
from oss_cli.store.local import LocalStore
from oss_cli.store.manifest import Record, RecordedFile, change_manifest
from oss_cli.store.pull import PulledModel, PullGoal, PullPlan, check_disk, kept_bytes, plan_pull, run_pull
from oss_cli.store.puller_request import PullRequest
from oss_cli.store.ranges import GaveUp, Limits, NoRanges, RangeFetcher, Source
from oss_cli.store.repository import Listing, RemoteFile
from oss_cli.store.selection import (
    Offer,
    choose_best,
    find_entry_files,
    find_offer,
    find_successor,
    list_offers,
    not_offered,
)
from oss_cli.store.transfer import TransferOptions, Watcher

DescribeFit = Callable[[ModelShape | None, int], tuple[bool | None, str]]
"""Whether a model of that shape (None: unknown) and so many bytes of weights fits, and a sentence about it."""

HEADER_PATIENCE_S = 10.0
"""Without a byte of a header, asked to wait or not: it is good to have, not needed."""

_HEADER_PARTS = 8
_HEADER_FIRST_BYTES = 256 << 10
_HEADER_LOCAL_BYTES = 16 << 20  # gpt-oss's header has 13 MB


@dataclass(frozen=True, slots=True)
class RatedOffer:
    """A model of a repository, and whether it fits."""

    offer: Offer
    fits: bool | None
    fit: str


class Puller:
    """Carries out one request."""

    def __init__(
        self,
        request: PullRequest,
        hub: Hub,
        cache: HubCache,
        store: LocalStore,
        describe_fit: DescribeFit,
        *,
        header_patience_s: float = HEADER_PATIENCE_S,
    ) -> None:
        self._request = request
        self._hub = hub
        self._cache = cache
        self._store = store
        self._describe_fit = describe_fit
        self._header_patience_s = header_patience_s
        self._listing: Listing | None = None
        self._shapes: dict[str, ModelShape | None] = {}

    def offers(self) -> tuple[RatedOffer, ...]:
        """What there is to choose from, the smallest first; nothing when the request already says it all.

        Raises:
            DownloadFailed: the Hub does not tell; NotOffered: the repository holds no model.
        """
        if self._request.entry is not None or self._request.wanted:
            return ()
        listing = self._list("main")
        offers = list_offers(listing)
        if not offers:
            raise not_offered(listing, "no model that could be run", ())
        smallest = offers[0]
        known = self._read_shape(self._plan_of(smallest))
        return tuple(
            RatedOffer(offer, *self._describe_fit(_scaled(known, offer.bytes / smallest.bytes), offer.bytes))
            for offer in offers
        )

    def plan(self, offer: Offer | None = None) -> PullPlan:
        """What is to be done, for the whole request or for one of its offers.

        Raises:
            DownloadFailed: the Hub does not tell; NotOffered: what was asked for is not there.
        """
        request = self._request
        if request.entry is None:
            plan = self._plan_of(offer or find_offer(self._list("main"), request.wanted))
            self._hub.again = plan.again
            return plan
        files, is_main = self._update_files(request.entry) if request.update else self._entry_files(request.entry)
        assert self._listing is not None
        return self._plan_files(files, name=request.entry.name, again=request.again, is_main=is_main)

    def rate(self, plan: PullPlan) -> tuple[bool | None, str]:
        """Whether the model fits this computer, and a sentence about it; may read its header over the network."""
        entry = self._request.entry
        known = entry.shape if entry is not None and not self._request.update else None
        return self._describe_fit(known or self._read_shape(plan), plan.total_bytes)

    def check_disk(self, plan: PullPlan) -> None:
        """Make sure that there is room for all of it.

        Raises:
            DiskTooSmall: there is not.
        """
        check_disk(plan)

    def run(self, plan: PullPlan, watcher: Watcher, options: TransferOptions) -> PulledModel:
        """Fetch it, and let its name mean it once all of it is here.

        Raises:
            DiskTooSmall: the disk fills up while the bytes come.
            CacheNotWritable: the cache's folder belongs to somebody else, or its disk is read-only.
            CacheClosed: an earlier download has left something that cannot be read.
            CannotWrite: its name means something else, and goes on to, because our manifest cannot be written.
            DownloadFailed: it did not work; what has come is kept.
        """
        self._check_partials(plan)
        older = self._store.record_of(plan.name)
        record = self._record_of(plan)
        with contextlib.suppress(CannotWrite):  # it makes `oss rm` find what has come; a pull is good without
            change_manifest(self._store.manifest_file, lambda manifest: manifest.with_begun(record))
        self._hub.say = watcher.say
        try:
            pulled = run_pull(plan, self._hub, self._cache, watcher, options)
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or plan.folder}"
            raise CacheNotWritable(plan.folder, reason, again=plan.again, move=plan.move) from error
        return self._note(pulled, record, older)

    def _check_partials(self, plan: PullPlan) -> None:
        for file in plan.missing:
            partial = self._cache.partial(plan.repository, file.sha256)
            try:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    partial.open("rb").close()
            except PermissionError as error:
                reason, command = error.strerror or str(error), opening_command(partial)
                raise CacheClosed(partial, reason, command=command, again=plan.again) from error

    def _record_of(self, plan: PullPlan) -> Record:
        request = self._request
        is_short = request.entry is None and not request.wanted
        return Record(
            plan.name, tuple(RecordedFile(file.path, file.bytes, file.sha256) for file in plan.files),
            repository=plan.repository, commit=plan.commit, cache=str(self._cache.folder),
            also=request.repository if is_short else "",
        )  # fmt: skip

    def _note(self, pulled: PulledModel, begun: Record, older: Record | None) -> PulledModel:
        """Write down what is here now, and what became of what the name meant before."""
        stats = [path.stat() for path in pulled.paths]
        files = tuple(replace(file, mtime_ns=stat.st_mtime_ns) for file, stat in zip(begun.files, stats, strict=True))
        record = replace(begun, files=files, shape=readable_shape(pulled.paths[0]))
        replaced = older if older is not None and _differ(older, record) else None
        try:
            change_manifest(
                self._store.manifest_file,
                lambda manifest: manifest.only(self._store.is_recorded_here).with_model(record, older=replaced),
            )
        except CannotWrite:
            if replaced is not None:
                raise
        kept = replace(replaced, name=replaced.kept_name) if replaced is not None else None
        return replace(pulled, older=kept)

    def kept_bytes(self, plan: PullPlan) -> int:
        """How much of it is on this disk now."""
        return kept_bytes(plan, self._cache)

    def _plan_of(self, offer: Offer) -> PullPlan:
        """The plan for one model of a repository that the catalogue does not know."""
        name = f"{self._request.repository}:{offer.label}"
        again = replace(self._request, text=name).again
        return self._plan_files(offer.files, name=name, again=again, is_main=True)

    def _plan_files(self, files: tuple[RemoteFile, ...], *, name: str, again: str, is_main: bool) -> PullPlan:
        assert self._listing is not None, "files come out of a listing"
        goal = PullGoal(name, again, self._listing, files, is_main)
        return plan_pull(goal, self._cache, lambda file: find_elsewhere(ModelFile(file.path, file.bytes, file.sha256)))

    def _list(self, revision: str) -> Listing:
        listing = self._hub.list_files(self._request.repository, revision)
        if listing is None:
            raise NotOffered(
                f"{self._request.repository} has no branch {revision}", cause="it is empty", hint="oss list"
            )
        self._listing = listing
        return listing

    def _entry_files(self, entry: CatalogueEntry) -> tuple[tuple[RemoteFile, ...], bool]:
        """The very bytes that the catalogue names: in the commit that it is pinned to, else in what is there now."""
        pinned = self._hub.list_files(self._request.repository, entry.revision)
        files = find_entry_files(pinned, entry) if pinned is not None else None
        if pinned is not None and files is not None:
            self._listing = pinned
            return files, entry.revision == "main"
        listing = self._list("main")
        files = find_entry_files(listing, entry)
        if files is not None:
            return files, True
        cause = f"{entry.repository} no longer holds the file that oss knows as {entry.name}"
        hint = f"to take what it holds now: oss pull {entry.name} --update"
        raise NotOffered(f"{entry.name} has moved", cause=cause, hint=hint)

    def _update_files(self, entry: CatalogueEntry) -> tuple[tuple[RemoteFile, ...], bool]:
        listing = self._list("main")
        files = find_entry_files(listing, entry)
        if files is not None:
            return files, True
        successor = find_successor(listing, entry)
        if successor is None:
            raise not_offered(listing, f"nothing in the place of {entry.name}", list_offers(listing))
        return successor.files, True

    def _read_shape(self, plan: PullPlan) -> ModelShape | None:
        """The model's shape, out of its headers: of what is here already, else on the Hub; None if that takes long."""
        key = plan.files[0].sha256
        if key not in self._shapes and len(plan.files) <= _HEADER_PARTS:
            client = HttpClient(1)
            try:
                headers = [self._read_header(client, plan, file) for file in plan.files]
                tensors = tuple(tensor for header in headers for tensor in header.tensors)
                self._shapes[key] = shape(replace(headers[0], tensors=tensors))
            except (BadModelFile, DownloadFailed, GaveUp, NoRanges):
                self._shapes[key] = None
            finally:
                client.close()
        return self._shapes.get(key)

    def _read_header(self, client: HttpClient, plan: PullPlan, file: RemoteFile) -> GgufHeader:
        source = Source(lambda: self._hub.sign(plan.repository, plan.commit, file.path))
        limits = Limits(self._header_patience_s, self._header_patience_s)
        fetcher = RangeFetcher(client, source, lambda _: None, self._hub.say, limits)
        local = self._cache.find_beginning(plan.repository, plan.commit, file)
        reader = _HeaderReader(lambda start, end: fetcher.read(start, end, file.bytes), file.bytes, local)
        return parse_header(reader.read, file.path, file_bytes=file.bytes, chunk_bytes=1)


class _HeaderReader:
    """The beginning of a file, from this disk as far as it is here, else from the Hub in pieces that grow."""

    def __init__(self, fetch: Callable[[int, int], bytes], file_bytes: int, local: Path | None) -> None:
        self._fetch = fetch
        self._file_bytes = file_bytes
        self._data = b""
        if local is not None:
            with contextlib.suppress(OSError), local.open("rb") as file:  # what is wrong is told when it is used
                self._data = file.read(_HEADER_LOCAL_BYTES)

    def read(self, offset: int, length: int) -> bytes:
        """At least these bytes; all that is at hand after the offset."""
        while len(self._data) < min(offset + length, self._file_bytes):
            size = max(_HEADER_FIRST_BYTES, len(self._data), offset + length - len(self._data))
            end = min(len(self._data) + size, self._file_bytes)
            self._data += self._fetch(len(self._data), end)
        return self._data[offset:]


def _differ(older: Record, record: Record) -> bool:
    if "" in older.hashes:  # a cache without links does not tell the hash of what others put there
        return older.commit != record.commit
    return older.hashes != record.hashes


def _scaled(known: ModelShape | None, factor: float) -> ModelShape | None:
    """The shape of the same model in another quantisation, as far as a file's size tells it."""
    if known is None:
        return None
    return replace(
        known,
        embedding_bytes=int(known.embedding_bytes * factor),
        output_bytes=int(known.output_bytes * factor),
        dense_bytes=int(known.dense_bytes * factor),
        expert_bytes=int(known.expert_bytes * factor),
        other_bytes=int(known.other_bytes * factor),
    )


def choose_offer(rated: tuple[RatedOffer, ...]) -> Offer:
    """The one to take when nobody says which: the best that fits."""
    return choose_best([one.offer for one in rated], [one.fits for one in rated])
