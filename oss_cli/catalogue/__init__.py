"""Which models exist: models.toml, and the user's own laid over it, as entries that are found by name or alias.

Knows nothing of what is on this disk, and nothing of the network.
"""

from oss_cli.catalogue.entries import (
    ArchitectureDefaults,
    Catalogue,
    CatalogueEntry,
    FormatName,
    ModelFile,
    OlderRelease,
)
from oss_cli.catalogue.load import load_catalogue

__all__ = [
    "ArchitectureDefaults",
    "Catalogue",
    "CatalogueEntry",
    "FormatName",
    "ModelFile",
    "OlderRelease",
    "load_catalogue",
]
