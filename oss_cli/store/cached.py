"""The models of the Hugging Face cache: those that our manifest names, at once, and what else lies there, by looking.

Knows no other place where models are, and asks no hub.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from oss_cli.catalogue import Catalogue, CatalogueEntry, ModelFile
from oss_cli.store.at_path import bytes_at, found_in, is_link, may_be_there
from oss_cli.store.hub_cache import HubCache
from oss_cli.store.installed import InstalledModel, Origin
from oss_cli.store.manifest import Manifest, Record, RecordedFile, kept_from
from oss_cli.store.model_files import has_size, model_files
from oss_cli.store.repository import Listing, RemoteFile, is_repository_name, is_sha256
from oss_cli.store.selection import Offer, find_here, list_offers


@dataclass(frozen=True, slots=True)
class CachedModels:
    """One cache, seen with one manifest."""

    cache: HubCache
    manifest: Manifest
    catalogue: Catalogue

    def bound(self, entry: CatalogueEntry) -> InstalledModel | None:
        """What a catalogue name means since it was last pulled; None if that is not (any more) here."""
        record = self.manifest.find(entry.name)
        return self._of_record(record) if record is not None and record.repository == entry.repository else None

    def find(self, name: str) -> InstalledModel | None:
        """A model by its repository and quantisation, "org/repo:Q4_K_M" or "org/repo", or by its name in the manifest.

        A repository alone means what was last pulled by that name, or all there is of it here; None: it is not clear.
        """
        record = self.manifest.find(name)
        model = self._of_record(record) if record is not None else None
        repository, _, wanted = name.partition(":")
        if model is not None or not is_repository_name(repository):
            return model
        recorded = self._recorded(repository)
        for one in recorded:
            assert one.record is not None
            if one.record.also.lower() == name.lower() or (wanted and find_here(_listing(one.record), wanted)):
                return one
        found = self._looked_up(repository, recorded, wanted)
        if wanted:
            return found[0] if found else None
        both = [*recorded, *found]
        return both[0] if len(both) == 1 else None

    def names_of(self, repository: str) -> list[str]:
        """What all models of a repository that are here are called."""
        recorded = self._recorded(repository)
        return [model.name for model in (*recorded, *self._looked_up(repository, recorded))]

    def unknown(self) -> Iterator[InstalledModel]:
        """The models that the catalogue does not know: ours by name, then the others by repository."""
        known = {
            (entry.repository, file.sha256)
            for entry in self.catalogue
            for files in (entry.files, *(older.files for older in entry.also))
            for file in files
        }
        names = {(entry.repository, file.name) for entry in self.catalogue for file in entry.files}
        taken, called = set(), set()
        for _, record in sorted(self.manifest.models.items()):
            taken |= {(record.repository, record.commit, file.path) for file in record.files}
            is_known = known >= {(record.repository, sha256) for sha256 in record.hashes}
            is_known = is_known and kept_from(record.name) is None
            model = None if is_known or self._is_of_catalogue(record) else self._of_record(record)
            if model is not None:
                called.add(model.name.lower())
                yield model
        for folder in found_in(self.cache.folder, "models--*--*"):
            repository = folder.name.removeprefix("models--").replace("--", "/", 1)
            listing = self.cache.read_main(repository) if is_repository_name(repository) else None
            for offer in list_offers(listing) if listing is not None else ():
                first = offer.files[0]
                if listing is None or (repository, first.sha256) in known or (repository, first.path) in names:
                    continue
                model = self._of_offer(listing, offer)
                # A name means what we brought by it, also when another program has fetched something newer since.
                if (repository, listing.commit, first.path) not in taken and model.name.lower() not in called:
                    yield model

    def has_any(self, record: Record) -> bool:
        """Whether a file of a record is here, whole or in part."""
        folder = self.cache.snapshot(record.repository, record.commit)
        return any(
            may_be_there(place)
            for file in record.files
            for place in (
                folder / file.path,
                self.cache.blob(record.repository, file.sha256),
                self.cache.partial(record.repository, file.sha256),
            )
        )

    def record_of(self, model: InstalledModel) -> Record | None:
        """What our manifest says of a model of the cache; of one that we did not bring, what it would say."""
        if model.record is not None or model.origin is not Origin.HUB_CACHE:
            return model.record
        repository = model.entry.repository if model.entry is not None else model.name.partition(":")[0]
        snapshot = next(folder for folder in model.path.parents if folder.parent.name == "snapshots")
        files = tuple(
            RecordedFile(path.relative_to(snapshot).as_posix(), bytes_at(path) or 0, _hash_of(path, model.entry))
            for path in model_files(model.path)
        )
        return Record(model.name, files, repository=repository or "", commit=snapshot.name)

    def has_all_bytes(self, model: InstalledModel) -> bool:
        """Whether a model is as long as the manifest says, and its header, if nobody else has told its size."""
        seen = self.record_of(model)
        if seen is None or model.record is not None or model.entry is not None:
            return True  # it was found by its size
        known = {
            (record.commit, file.path): file.bytes
            for record in self.manifest.models.values()
            if record.repository.lower() == seen.repository.lower()
            for file in record.files
        }
        # its tables take 10 ms, and `oss list` needs none of it
        from oss_cli.store.gguf.files import is_damaged

        has_sizes = all(known.get((seen.commit, file.path), file.bytes) == file.bytes for file in seen.files)
        return has_sizes and not is_damaged(model.path)

    def _of_record(self, record: Record) -> InstalledModel | None:
        """None: not all of its files are here in full size."""
        folder = self.cache.snapshot(record.repository, record.commit)
        if not record.repository or not all(has_size(folder / file.path, file.bytes) for file in record.files):
            return None
        entry = self.catalogue.find(kept_from(record.name) or record.name)
        if entry is not None:
            entry = entry_of(record, entry) if entry.repository == record.repository else None
        return InstalledModel(record.name, folder / record.files[0].path, entry, Origin.HUB_CACHE, record)

    def _is_of_catalogue(self, record: Record) -> bool:
        entry = self.catalogue.find(record.name)
        return entry is not None and entry.repository == record.repository

    def _recorded(self, repository: str) -> list[InstalledModel]:
        found = (self._of_record(record) for record in self.manifest.of_repository(repository))
        return [model for model in found if model is not None]

    def _looked_up(self, repository: str, recorded: list[InstalledModel], wanted: str = "") -> list[InstalledModel]:
        """What the repository's main branch holds besides those that were recorded."""
        listing = self.cache.read_main(repository) if is_repository_name(repository) else None
        if listing is None:
            return []
        if wanted:
            offer = find_here(listing, wanted)
            return [self._of_offer(listing, offer)] if offer is not None else []
        known = {model.path for model in recorded}
        found = (self._of_offer(listing, offer) for offer in list_offers(listing))
        return [model for model in found if model.path not in known]

    def _of_offer(self, listing: Listing, offer: Offer) -> InstalledModel:
        path = self.cache.snapshot(listing.repository, listing.commit) / offer.files[0].path
        return InstalledModel(f"{listing.repository}:{offer.label}", path, None, Origin.HUB_CACHE)


def entry_of(record: Record, entry: CatalogueEntry | None = None) -> CatalogueEntry:
    """What a catalogue entry would say of a record; the given one, if the record is of the bytes that it names."""
    files = tuple(ModelFile(file.path, file.bytes, file.sha256) for file in record.files)
    if entry is None:
        return CatalogueEntry(record.name, repository=record.repository, revision=record.commit, files=files)
    releases = (entry.files, *(older.files for older in entry.also))
    if kept_from(record.name) is None and record.hashes in [{file.sha256 for file in one} for one in releases]:
        return entry
    return replace(entry, name=record.name, files=files, also=(), revision=record.commit, shape=record.shape)


def _listing(record: Record) -> Listing:
    files = tuple(RemoteFile(file.path, file.bytes, file.sha256) for file in record.files)
    return Listing(record.repository, record.commit, files)


def _hash_of(path: Path, entry: CatalogueEntry | None) -> str:
    """A file's SHA-256 as its blob's name tells, or the catalogue; empty: neither does."""
    name = path.readlink().name if is_link(path) else ""
    if is_sha256(name):
        return name
    releases = (entry.files, *(older.files for older in entry.also)) if entry is not None else ()
    size = bytes_at(path)
    return next((file.sha256 for files in releases for file in files if file.bytes == size), "")
