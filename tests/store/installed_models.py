"""Homes for tests: a catalogue with small models of the user's own, and a Hugging Face cache laid out by hand."""

import hashlib
from pathlib import Path

from tests.store.gguf_files import write_gguf

COMMIT = "1" * 40
OLD_COMMIT = "2" * 40


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def add_to_catalogue(home: Path, name: str, files: list[Path], *, repository: str = "org/tiny-GGUF") -> None:
    """Make `oss` know a model with exactly these files."""
    listed = ", ".join(
        f"{{ name = '{file.name}', bytes = {file.stat().st_size}, sha256 = '{sha256(file)}' }}" for file in files
    )
    home.mkdir(parents=True, exist_ok=True)
    with (home / "models.toml").open("a", encoding="utf-8") as catalogue:
        catalogue.write(f"[models.{name}]\nrepository = '{repository}'\nrevision = '{COMMIT}'\nfiles = [{listed}]\n")


class HubFolder:
    """A repository in a Hugging Face cache, as huggingface_hub 2.4 lays it out."""

    def __init__(self, cache: Path, repository: str = "org/tiny-GGUF") -> None:
        self.cache = cache
        self.folder = cache / f"models--{repository.replace('/', '--')}"

    def add(self, source: Path, *, commit: str = COMMIT, name: str = "", shared: str = "") -> Path:
        """Put a file in; its link in the snapshot. shared: the name of a blob in the cache-wide store to keep it in."""
        blob = self.folder / "blobs" / sha256(source)
        blob.parent.mkdir(parents=True, exist_ok=True)
        if shared:
            store = self.cache / "blobs"
            bytes_of_it = store / shared[:2] / shared
            bytes_of_it.parent.mkdir(parents=True, exist_ok=True)
            (store / ".huggingface-shared-blobs").write_text("1\n")
            bytes_of_it.write_bytes(source.read_bytes())
            with bytes_of_it.with_name(f"{shared}.refs").open("a") as refs:
                refs.write(f"{blob.relative_to(self.cache).as_posix()}\n")
            if not blob.is_symlink():
                blob.symlink_to(Path("../..") / "blobs" / shared[:2] / shared)
        else:
            blob.write_bytes(source.read_bytes())
        return self.link(blob, commit, name or source.name)

    def link(self, blob: Path, commit: str, name: str) -> Path:
        link = self.folder / "snapshots" / commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path("../../blobs") / blob.name)
        ref = self.folder / "refs" / "main"
        ref.parent.mkdir(exist_ok=True)
        ref.write_text(commit)
        return link

    def left(self) -> list[str]:
        """Everything that is left in the cache."""
        found = (path for path in self.cache.rglob("*") if path.is_symlink() or not path.is_dir())
        return sorted(path.relative_to(self.cache).as_posix() for path in found)


def small_model(folder: Path, name: str = "tiny-Q8_0.gguf") -> Path:
    """A GGUF of a few kB."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_gguf(folder / name)


def split_model(folder: Path, stem: str = "tiny-Q8_0", parts: int = 2) -> list[Path]:
    """The parts of one."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_gguf(
            folder / f"{stem}-{number + 1:05}-of-{parts:05}.gguf", tensors=number > 0, part=(number, parts), tokens=300
        )
        for number in range(parts)
    ]
