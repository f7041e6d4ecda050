"""What the catalogue says of a model, as plain values, and the finding of one by name. Reads no file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from oss_cli.conversation.options import SamplingOptions
from oss_cli.plan import ModelShape


class FormatName(StrEnum):
    """How conversations become tokens, where the GGUF cannot tell."""

    HARMONY = "harmony"
    TEMPLATE = "template"
    """The chat template inside the GGUF."""
    PLAIN = "plain"
    """A base model: it continues a text."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model."""

    name: str
    """Its path inside the repository or the package; case counts."""
    bytes: int
    sha256: str
    """64 hexadecimal digits, in lower case."""


@dataclass(frozen=True, slots=True)
class OlderRelease:
    """An earlier release of the same weights: good to use when it is here, not to be downloaded."""

    revision: str
    """The commit of the repository that holds it."""
    files: tuple[ModelFile, ...]


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """All that is known of a model before its file is here.

    It comes from a Hub repository, a Python package or a file on this disk: exactly one of `repository`, `package`
    and `path` is set. Texts may be empty and `files` may be missing in the user's own entries, never in ours.
    """

    name: str
    aliases: tuple[str, ...] = ()
    title: str = ""
    parameters: str = ""
    """For people: "20.9B (3.6B active)"."""
    licence: str = ""
    """An SPDX identifier where there is one, else the Hub's name of the licence."""
    good_for: str = ""
    """One line."""
    repository: str | None = None
    revision: str = "main"
    """The commit that `files` are pinned to."""
    package: str | None = None
    """A Python package that carries `files`; find it without importing it."""
    path: Path | None = None
    """A GGUF on this disk; absolute."""
    files: tuple[ModelFile, ...] = ()
    """In order: of a split model, its parts."""
    also: tuple[OlderRelease, ...] = ()
    format: FormatName | None = None
    """The architecture's when the entry says none; None: as the GGUF tells."""
    sampling: SamplingOptions = SamplingOptions()
    """What the makers recommend; where they say nothing, the architecture's defaults; else undecided."""
    shape: ModelShape | None = None
    """None only in the user's own entries."""
    checked: bool = False
    """Whether the tensor bytes in `shape` were held against a real header."""

    @property
    def total_bytes(self) -> int:
        """What there is to download; 0 when it is not known."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class ArchitectureDefaults:
    """What holds for any GGUF of one architecture, in the catalogue or not."""

    format: FormatName | None = None
    sampling: SamplingOptions = SamplingOptions()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The models that are known by name; iterates in the order of the file, the user's own last."""

    entries: tuple[CatalogueEntry, ...]
    by_name: Mapping[str, CatalogueEntry]
    """Every name and alias, in lower case."""
    architectures: Mapping[str, ArchitectureDefaults]

    def __iter__(self) -> Iterator[CatalogueEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def find(self, name: str) -> CatalogueEntry | None:
        """The model of that name or alias, in whatever case, or None."""
        return self.by_name.get(name.lower())

    def nearest(self, name: str) -> tuple[str, ...]:
        """Names of up to three models that a mistyped name may have meant, the likeliest first."""
        # Only after a mistake: importing it takes 0.8 ms, which every start would pay.
        from difflib import get_close_matches

        known = get_close_matches(name.lower(), self.by_name, n=8, cutoff=0.7)
        return tuple(dict.fromkeys(self.by_name[match].name for match in known))[:3]

    def defaults_for(self, architecture: str) -> ArchitectureDefaults:
        """What holds for GGUFs of this architecture; nothing decided when we know nothing of it."""
        return self.architectures.get(architecture, ArchitectureDefaults())
