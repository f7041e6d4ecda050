"""The Hub and what may be fetched from it."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oss_cli.errors import BadSettings, BadUsage, CacheClosed, NotDownloaded, UnknownModel
from oss_cli.wiring.machine import describe_fit
from oss_cli.wiring.settings import (
    fetch_hint,
    find_offline_switch,
    find_places,
    is_set,
    missing_cause,
    open_catalogue,
    open_store,
)

if TYPE_CHECKING:
    from oss_cli.plan import ModelShape
    from oss_cli.store.hub_cache import HubCache
    from oss_cli.store.local import InstalledModel
    from oss_cli.store.puller import DescribeFit, Puller
    from oss_cli.store.transfer import TransferOptions


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model that is on the Hub and not here."""

    name: str
    files: tuple[str, ...]
    total_bytes: int
    shape: "ModelShape | None"
    """None: its header cannot be read."""
    offers: tuple[tuple[str, int], ...]
    """All models of the repository, by label, and their bytes; empty when one was asked for."""


def look_at_repository(name: str, say: Callable[[str], None]) -> "RemoteModel":
    """A model on the Hub, by its header alone: of a repository with several, the one that `oss pull` would take.

    Imports the hub library: 0.3 s. say: gets what a person should know.

    Raises:
        DownloadFailed: the Hub does not tell.
        NotDownloaded: the network is forbidden.
    """
    from oss_cli.store.puller import choose_offer

    shapes: list[ModelShape | None] = []

    def note_and_rate(shape: "ModelShape | None", weights_bytes: int) -> tuple[bool | None, str]:
        shapes.append(shape)
        return describe_fit(shape, weights_bytes)

    puller = open_puller(name, update=False, say=say, rate=note_and_rate)
    rated = puller.offers()
    plan = puller.plan(choose_offer(rated) if rated else None)
    puller.rate(plan)
    offers = tuple((one.offer.label, one.offer.bytes) for one in rated)
    return RemoteModel(plan.name, tuple(file.path for file in plan.files), plan.total_bytes, shapes[-1], offers)


def find_here(name: str) -> "InstalledModel | None":
    """A model that can be pulled, if all of it is on this computer; asks no hub.

    Raises:
        UnknownModel: it is neither a known model nor a repository's name.
        BadUsage: it is known, but not to be had from the Hub.
    """
    from oss_cli.store.puller_request import parse_repository

    catalogue = open_catalogue()
    store = open_store(catalogue)
    entry = catalogue.find(name)
    asked = parse_repository(name)
    if entry is None and asked is None and store.named(name) is None:
        raise UnknownModel(name, nearest=catalogue.nearest(name), hint="oss list, or oss pull ORGANISATION/REPOSITORY")
    text = name if entry is not None or asked is None else ":".join(part for part in asked if part)
    model = store.named(text)
    if model is None and entry is not None and entry.repository is None:
        raise BadUsage(f"{entry.name} is not on the Hub", cause=missing_cause(entry), hint=fetch_hint(entry))
    return model if model is not None and store.has_all_bytes(model) else None


def download_place() -> "HubCache":
    """Where downloads go; need not exist."""
    from oss_cli.store.hub_cache import HubCache

    has_links = not is_set("HF_HUB_DISABLE_SYMLINKS")
    # A variable goes before the setting.
    variables = ("OSS_HUB_CACHE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME")
    name = next((name for name in variables if os.environ.get(name)), None)
    if name is None:
        return HubCache(find_places().hub_cache, has_links)
    return HubCache(find_places().hub_cache, has_links, move=f"set {name} to FOLDER")


def open_puller(name: str, *, update: bool, say: Callable[[str], None], rate: "DescribeFit | None" = None) -> "Puller":
    """Whatever `oss pull` needs for one name. Imports the hub library: 0.3 s. say: gets what a person should know.

    rate: tells whether a model fits; None: `describe_fit`.

    Raises:
        NotDownloaded: the network is forbidden.
        BadUsage: the model is not on the Hub, or its name means a file of our own folder.
        UnknownModel: it is neither a known model nor a repository's name.
        BadSettings: a variable for downloads, or the Hub's address, cannot be used.
        CacheClosed: it may be here, in a folder that cannot be read.
    """
    from oss_cli.store.puller_request import PullRequest, parse_repository

    catalogue = open_catalogue()
    store = open_store(catalogue)
    entry = catalogue.find(name)
    if entry is not None and entry.repository is None:
        raise BadUsage(f"{entry.name} is not on the Hub", cause=missing_cause(entry), hint=fetch_hint(entry))
    asked = (entry.repository or "", "") if entry is not None else parse_repository(name)
    if asked is None:
        raise UnknownModel(name, nearest=catalogue.nearest(name), hint="oss list, or oss pull ORGANISATION/REPOSITORY")
    own = store.find_own(entry.name) if entry is not None and update else None
    if own is not None:
        cause = f"{own} goes first: the name would not mean what is fetched"
        raise BadUsage(
            f"{name} is a file of the models folder", cause=cause, hint=f"oss rm {name} && oss pull {name} --update"
        )
    repository, wanted = asked
    request = PullRequest(name, repository, wanted, entry, update)
    forbidden = find_offline_switch()
    if forbidden is not None:
        cause = f"{forbidden} forbids the network"
        raise NotDownloaded(name, cause=cause, hint=f"allow the network, then: {request.again}")

    closed = store.closed_for(repository, has_own=False)
    if closed is not None:
        raise CacheClosed(closed.path, closed.reason, command=closed.command, again=request.again)

    from oss_cli.store.hub import Hub, find_token
    from oss_cli.store.puller import HEADER_PATIENCE_S, Puller

    patience_s = min(HEADER_PATIENCE_S, transfer_options().patience.give_up_s)
    hub = Hub(hub_endpoint(), token=find_token(), again=request.again, say=say)
    return Puller(request, hub, download_place(), store, rate or describe_fit, header_patience_s=patience_s)


def transfer_options() -> "TransferOptions":
    """How to fetch: OSS_DOWNLOAD_WINDOW_MIB of memory, and OSS_DOWNLOAD_PATIENCE_S without a byte before giving up.

    Raises:
        BadSettings: one of them is no such number.
    """
    from oss_cli.store.transfer import TransferOptions

    usual = TransferOptions()
    window_mib = _read_number("OSS_DOWNLOAD_WINDOW_MIB", usual.window_bytes >> 20)
    patience_s = _read_number("OSS_DOWNLOAD_PATIENCE_S", int(usual.patience.give_up_s))
    return TransferOptions(window_bytes=window_mib << 20, patience=replace(usual.patience, give_up_s=patience_s))


def _read_number(variable: str, usual: int) -> int:
    text = os.environ.get(variable)
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= 65_536):
        raise BadSettings(f"{variable} cannot be {text!r}", cause="it must be a whole number from 1 to 65536")
    return int(text)


def hub_endpoint() -> str:
    """The Hub's address, or the mirror's that HF_ENDPOINT names.

    Raises:
        BadSettings: that is no address.
    """
    from oss_cli.store.hub import DEFAULT_ENDPOINT, is_endpoint

    address = os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
    if not is_endpoint(address):
        cause = f"it must be the address of a Hub, such as {DEFAULT_ENDPOINT}"
        raise BadSettings(f"HF_ENDPOINT cannot be {address!r}", cause=cause)
    return address.rstrip("/")
