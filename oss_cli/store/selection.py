"""Which files of a repository are a model, and which of its models was meant. Pure: asks nobody.

A file is found by its SHA-256 first, because names change (ggml-org renamed gpt-oss's in 2026), then by its name. Parts
of a split model go together. What only helps a model (drafts, projectors, importance matrices) is never one by itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from oss_cli.catalogue import CatalogueEntry
from oss_cli.errors import NotOffered, format_bytes
from oss_cli.store.repository import Listing, RemoteFile

_PART = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)  # llama_split_path
_HELPER = re.compile(
    r"(^|[-_.])(eagle\d*|draft|mtp|mmproj|imatrix|lora|adapter|vocab|tokenizer)([-_.]|$)", re.IGNORECASE
)
_QUANT = re.compile(
    r"(?:^|[-_./])(?P<quant>(?:UD-)?(?:I?Q\d(?:_[A-Z0-9]+)*|MXFP4(?:_MOE)?|NVFP4|TQ\d_\d|BF16|FP?16|FP?32))(?=[-_./]|$)",
    re.IGNORECASE,
)
# More bits than these cost memory and time, and nobody sees the difference (llama.cpp, discussion 15396).
_CAREFUL = ("MXFP4", "Q4_K_M", "Q4_0", "Q8_0")  # what llama.cpp and Ollama take unasked
_WASTEFUL = ("BF16", "F16", "FP16", "F32", "FP32")


@dataclass(frozen=True, slots=True)
class Offer:
    """One model of a repository: a file, or all parts of a split one."""

    label: str
    """How it is asked for: its quantisation where that names it alone, else the path of its first file."""
    files: tuple[RemoteFile, ...]

    @property
    def bytes(self) -> int:
        """All parts together."""
        return sum(file.bytes for file in self.files)

    @property
    def is_native(self) -> bool:
        """Whether these are the weights as they were trained (gpt-oss's MXFP4): others are made of them."""
        return self.label.upper().startswith("MXFP4")

    @property
    def is_wasteful(self) -> bool:
        """Whether it has more bits than can be noticed."""
        return self.label.upper() in _WASTEFUL


def list_offers(listing: Listing) -> tuple[Offer, ...]:
    """The models of a repository, the smallest first; split ones only when no part is missing."""
    groups: dict[tuple[str, int], list[RemoteFile]] = {}
    for file in listing.files:
        name = PurePosixPath(file.path).name
        if not name.lower().endswith(".gguf") or not file.sha256 or is_helper(name):
            continue
        part = _PART.fullmatch(file.path)
        groups.setdefault((part["stem"], int(part["count"])) if part else (file.path, 1), []).append(file)
    whole = {
        stem: tuple(sorted(files, key=lambda one: one.path))
        for (stem, count), files in groups.items()
        if len(files) == count
    }
    quants = {stem: _quant(stem) for stem in whole}
    labels = list(quants.values())
    offers = [
        Offer(quants[stem] if quants[stem] and labels.count(quants[stem]) == 1 else files[0].path, files)
        for stem, files in whole.items()
    ]
    return tuple(sorted(offers, key=lambda offer: (offer.bytes, offer.label)))


def is_helper(file_name: str) -> bool:
    """Whether a file only helps a model, by its name: a draft, a projector, an importance matrix."""
    return _HELPER.search(file_name.removesuffix(".gguf")) is not None


def find_offer(listing: Listing, wanted: str) -> Offer:
    """The model of that quantisation or file name, in whatever case; a part stands for all parts.

    Raises:
        NotOffered: there is none, or several; names those that there are.
    """
    offers = list_offers(listing)
    asked = wanted.lower()
    for names in (_exact_names, _quant_names):
        found = [offer for offer in offers if asked in names(offer)]
        if len(found) == 1:
            return found[0]
    helper = listing.by_path(wanted)
    if helper is not None and helper.sha256 and wanted.lower().endswith(".gguf") and not _PART.fullmatch(wanted):
        return Offer(helper.path, (helper,))  # asked for by its own name: no accident
    raise not_offered(listing, f"no {wanted!r}", offers)


def find_here(listing: Listing, wanted: str) -> Offer | None:
    """The model that was meant among those on this disk; None if it is not there, or not clear."""
    offers = list_offers(listing)
    if not wanted:
        return offers[0] if len(offers) == 1 else None
    found = [offer for offer in offers if wanted.lower() in _exact_names(offer) | _quant_names(offer)]
    return found[0] if len(found) == 1 else None


def find_entry_files(listing: Listing, entry: CatalogueEntry) -> tuple[RemoteFile, ...] | None:
    """A catalogue entry's own files, under whatever names; None if the repository no longer holds these bytes."""
    found = tuple(listing.by_sha256(file.sha256) for file in entry.files)
    files = tuple(file for file in found if file is not None)
    return files if files and len(files) == len(found) else None


def find_successor(listing: Listing, entry: CatalogueEntry) -> Offer | None:
    """What the repository now holds in the place of an entry's files: by name, else by quantisation."""
    wanted = entry.files[0].name if entry.files else ""
    offers = list_offers(listing)
    by_name = [offer for offer in offers if wanted.lower() in _exact_names(offer)]
    quant = _quant(wanted)
    by_quant = [offer for offer in offers if quant and quant.lower() in _quant_names(offer)]
    best = by_name or by_quant or (list(offers) if len(offers) == 1 else [])
    return best[0] if len(best) == 1 else None


def choose_best(offers: Sequence[Offer], fitting: Sequence[bool | None]) -> Offer:
    """The best that fits: the weights as trained, else the most bits that can be noticed; if none fits, the smallest.

    fitting: whether each fits; None: nobody knows. Then a careful choice is made, with about half the bits.
    """
    those = [offer for offer, fits in zip(offers, fitting, strict=True) if fits]
    if those:
        return max(those, key=lambda offer: (offer.is_native, not offer.is_wasteful, offer.bytes))
    careful = [offer for label in _CAREFUL for offer in offers if offer.label == label]
    if careful and None in fitting:
        return careful[0]
    return min(offers, key=lambda offer: offer.bytes)


def not_offered(listing: Listing, what: str, offers: Sequence[Offer]) -> NotOffered:
    """The error that names what there is instead."""
    there = ", ".join(f"{offer.label} ({format_bytes(offer.bytes)})" for offer in offers)
    cause = f"it has {there}" if there else "it holds no GGUF file; other formats cannot be run"
    hint = (
        f"oss pull {listing.repository}:{offers[0].label}"
        if offers
        else "look for a repository whose name ends in -GGUF"
    )
    return NotOffered(f"{listing.repository} has {what}", cause=cause, hint=hint)


def _exact_names(offer: Offer) -> set[str]:
    paths = [offer.label, *(file.path for file in offer.files)]
    return {name.lower() for path in paths for name in (path, PurePosixPath(path).name)}


def _quant_names(offer: Offer) -> set[str]:
    quant = _quant(offer.files[0].path).lower()
    return {quant, quant.removeprefix("ud-")} if quant else set()


def _quant(path: str) -> str:
    """The quantisation that a file's name ends with; the folder's, where only that has one."""
    stem = path.removesuffix(".gguf")
    part = _PART.fullmatch(path)
    for text in (PurePosixPath(part["stem"] if part else stem).name, stem):
        found = [match["quant"] for match in _QUANT.finditer(text)]
        if found:
            return found[-1].upper()
    return ""
