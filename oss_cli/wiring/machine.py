"""What this computer is, and what fits on it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from oss_cli.errors import ModelTooLarge
from oss_cli.paths import find_paths
from oss_cli.settings import Settings
from oss_cli.wiring.settings import keeps_nothing, load_settings, open_catalogue, open_store

if TYPE_CHECKING:
    from oss_cli.catalogue import CatalogueEntry
    from oss_cli.plan import Fit, Machine, MeasuredSpeed, ModelShape
    from oss_cli.store.local import InstalledModel


_LARGEST_SHARE = 0.9
"""Of the memory: larger files are not chosen unasked."""


def known_fits() -> "Callable[[ModelShape | None], str]":
    """Tells whether a model of some shape fits on the known machine.

    What it tells is empty where there was no probe yet, or the model's shape is not known. Loads no llama.cpp.
    """
    from oss_cli.machine.fit import fit
    from oss_cli.machine.record import read_record

    if _other_machine() is None and read_record(find_paths().probe_file) is None:
        return lambda shape: ""
    machine = known_machine()
    return lambda shape: str(fit(shape, machine).verdict) if shape is not None else ""


def known_speeds(identity: str, machine: "Machine") -> "list[MeasuredSpeed]":
    """What `oss bench` has measured of a model on a machine, the newest first."""
    path = find_paths().speeds_file
    if not path.exists():  # the usual case need not import what reads it
        return []
    from oss_cli.machine.measured import speeds_of

    return speeds_of(path, identity, machine)


def memory_table(shape: "ModelShape", identity: str = "") -> "list[Fit]":
    """How a model would be loaded here with contexts of 4k, 8k, 32k and 128k tokens, and what that takes.

    Its own longest context takes the place of those that it was not made for.
    identity: of the file, if it is here (`model_identity`).
    """
    from dataclasses import replace

    from oss_cli.machine.fit import Wishes, fit

    machine = known_machine()
    longest = min(shape.trained_context_tokens, 131_072)
    contexts = (*(tokens for tokens in (4096, 8192, 32_768) if tokens < longest), longest)
    measured = known_speeds(identity, machine) if identity else []
    settings = load_settings(Settings())
    wishes = Wishes(
        gpu_layers=settings.gpu_layers,
        cpu_moe_layers=settings.cpu_moe,
        kv_type=settings.kv_type,
        threads=settings.threads,
        repack=settings.repack,
        micro_batch_tokens=settings.batch,
    )
    return [fit(shape, machine, replace(wishes, context_tokens=tokens), measured) for tokens in contexts]


def describe_fit(shape: "ModelShape | None", weights_bytes: int) -> tuple[bool | None, str]:
    """Whether a model that is not here yet will run on this computer, and one line on how, or on what is lacking.

    None: nobody can tell, because its shape is not known. Loads llama.cpp if no probe says which GPUs it can use.
    """
    from oss_cli.errors import format_bytes
    from oss_cli.machine.fit import describe_lack, describe_room, fit
    from oss_cli.plan import Verdict

    machine = known_machine(asks_engine=True)
    if shape is None:
        room = describe_room(machine)
        return None, f"nobody can tell whether it fits: its weights take {format_bytes(weights_bytes)}, there is {room}"
    found = fit(shape, machine)
    if found.verdict is Verdict.TOO_LARGE:
        return False, describe_lack(found, machine)
    slowly = "only slowly, the memory is nearly too small: " if found.verdict is Verdict.SLOW else ""
    return True, slowly + found.sentence


def describe_installed_fit(model: "InstalledModel") -> tuple[bool | None, str]:
    """The same of a model that is here; reads its header where nothing else tells its shape."""
    return describe_fit(model.shape or shape_in(model.path), weights_bytes(model.path))


def shape_in(path: Path) -> "ModelShape | None":
    """A model's shape out of its file's header, which is read no more than once; None: it does not tell it."""
    from oss_cli.store.known_shapes import known_shape

    return known_shape(path, find_paths().shapes_file, may_keep=not keeps_nothing())


def next_best_model(than: "ModelShape | None") -> "CatalogueEntry | None":
    """A smaller model of the catalogue that fits here: one of the same family first, then one that is here, then the
    largest.
    """
    catalogue = open_catalogue()
    machine = known_machine()
    store = open_store(catalogue)
    limit = than.tensor_bytes if than is not None else sys.maxsize
    best, best_rank = None, (False, False, 0)
    for entry in catalogue:
        if entry.shape is None or entry.shape.tensor_bytes >= limit or not _fits(entry.shape, machine, easily=True):
            continue
        is_family = than is not None and entry.shape.architecture == than.architecture
        # The starter is there for a first try; it is no answer to somebody who wants a large model.
        is_here = entry.package is None and store.find(entry) is not None
        rank = (is_family, is_here, entry.shape.tensor_bytes)
        if rank > best_rank:
            best, best_rank = entry, rank
    return best


def probe() -> "Machine":
    """This computer as it is now, with the GPUs that llama.cpp can use. Loads llama.cpp."""
    from dataclasses import replace

    from oss_cli.engine.llama.devices import list_features, list_gpus
    from oss_cli.machine.probe import probe_machine

    return replace(probe_machine(), gpus=list_gpus(), features=list_features())


def known_machine(*, asks_engine: bool = False) -> "Machine":
    """The computer that $OSS_MACHINE describes, to tell what would fit there; without it, this one.

    Raises:
        BadSettings: $OSS_MACHINE is no probe.
    """
    return _other_machine() or this_machine(asks_engine=asks_engine)


def _other_machine() -> "Machine | None":
    from oss_cli.errors import BadSettings
    from oss_cli.machine.record import read_record

    name = "OSS_MACHINE"
    path = os.environ.get(name)
    if not path:
        return None
    record = read_record(Path(path))
    if record is None:
        cause = "it must be the path of a probe.json, as oss doctor keeps one in its cache folder"
        raise BadSettings(f"{name} cannot be {path!r}", cause=cause, hint="oss doctor")
    return record.machine


def this_machine(*, asks_engine: bool = False) -> "Machine":
    """This computer's memory as it is now, and its GPUs as the last probe kept on disk has them.

    asks_engine: where no probe was kept, load llama.cpp and keep one.
    """
    from dataclasses import replace

    from oss_cli.machine.probe import probe_machine
    from oss_cli.machine.record import read_record

    record = read_record(find_paths().probe_file)
    if record is not None:
        return replace(probe_machine(), gpus=record.machine.gpus, features=record.machine.features)
    if not asks_engine:
        return probe_machine()
    machine = probe()
    keep_probe(machine)
    return machine


def keep_probe(machine: "Machine") -> None:
    """Keep what was found, so that `oss list` can tell what fits."""
    import time

    from oss_cli.machine.record import write_record

    write_record(find_paths().probe_file, machine, time.time())


def note_gpus(machine: "Machine") -> None:
    """Keep a probe that shows other GPUs than the last one did; `oss run` leaves nothing else on disk."""
    from oss_cli.machine.record import read_record

    record = read_record(find_paths().probe_file)
    known = record.machine.gpus if record is not None else ()
    if [(gpu.name, gpu.total_bytes) for gpu in known] != [(gpu.name, gpu.total_bytes) for gpu in machine.gpus]:
        keep_probe(machine)


def may_fit(model: "InstalledModel", machine: "Machine") -> bool:
    """Whether a model fits; of one that the catalogue does not know, its size alone counts."""
    if model.shape is not None:
        return _fits(model.shape, machine)
    return _begins_as_gguf(model.path) and weights_bytes(model.path) <= machine.total_ram_bytes * _LARGEST_SHARE


def _begins_as_gguf(path: Path) -> bool:
    """Whether a file may be a model at all: one bad file must not stand in the way of those that are."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def _fits(shape: "ModelShape", machine: "Machine", *, easily: bool = False) -> bool:
    from oss_cli.machine.fit import fit
    from oss_cli.plan import Verdict

    verdict = fit(shape, machine).verdict
    return verdict is Verdict.FITS or (verdict is Verdict.SLOW and not easily)


def too_large(name: str, shape: "ModelShape", found: "Fit", machine: "Machine") -> ModelTooLarge:
    """The refusal of a model that needs more memory than there is, with the next best model."""
    from oss_cli.machine.fit import describe_needs, describe_room

    instead = next_best_model(shape)
    hint = "oss list"
    if instead is not None:
        is_here = open_store(open_catalogue()).find(instead) is not None
        hint = f"oss chat {instead.name}" if is_here else f"oss pull {instead.name}"
    return ModelTooLarge(name, needs=describe_needs(found), has=describe_room(machine), hint=hint)


def weights_bytes(path: Path) -> int:
    """Size of a model on disk, all its parts together."""
    from oss_cli.store.local import model_bytes

    return model_bytes(path)
