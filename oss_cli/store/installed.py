"""A model whose files are here, as a value. Knows not how it was found."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from oss_cli.catalogue import CatalogueEntry
from oss_cli.plan import ModelShape
from oss_cli.store.manifest import Record


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
    record: Record | None = None
    """What our manifest says of it; None: we did not bring it."""

    @property
    def shape(self) -> ModelShape | None:
        """What it is built like, as far as that is known without reading its header."""
        if self.entry is not None and self.entry.shape is not None:
            return self.entry.shape
        return self.record.shape if self.record is not None else None
