"""How the next tokens of a reply are guessed, and what a smaller model that guesses takes beside the model itself."""

from typing import TYPE_CHECKING

from oss_cli.settings import Settings
from oss_cli.wiring.choice import choose_model, shape_of
from oss_cli.wiring.machine import weights_bytes

if TYPE_CHECKING:
    from oss_cli.plan import LoadPlan, Machine, MemoryEstimate


def guessed_tokens(settings: Settings, *, sequences: int) -> int:
    """Most tokens that are guessed for one step; none where several replies are made at once."""
    from oss_cli.engine.llama.speculation import MOST_GUESSED
    from oss_cli.plan import Speculation

    return 0 if sequences > 1 or settings.speculation is Speculation.OFF else MOST_GUESSED


def plan_draft(
    settings: Settings, machine: "Machine", *, sequences: int, is_one_shot: bool
) -> "tuple[LoadPlan | None, Machine]":
    """How the smaller model that the settings name is to be loaded, and what it leaves of the machine.

    Raises:
        UnknownModel, NotDownloaded, BadUsage, BadModelFile: it cannot be had.
    """
    from dataclasses import replace

    from oss_cli.machine.fit import Wishes, fit
    from oss_cli.machine.fit import plan_load as plan_without_shape

    if settings.draft is None or not guessed_tokens(settings, sequences=sequences):
        return None, machine
    choice = choose_model(settings.draft)
    shape = shape_of(choice)
    if shape is None:
        size = weights_bytes(choice.path)
        plan = plan_without_shape(
            choice.path, machine, weights_bytes=size, context_tokens=None, is_one_shot=is_one_shot
        )
        return replace(plan, threads=settings.threads or plan.threads), machine
    found = fit(shape, machine, Wishes(path=choice.path, threads=settings.threads, is_one_shot=is_one_shot))
    return found.plan, _without(machine, found.estimate)


def _without(machine: "Machine", taken: "MemoryEstimate") -> "Machine":
    """What is left of a machine when a load has taken its part, of the first GPU first."""
    from dataclasses import replace

    gpus, wanted = [], taken.gpu.total_bytes
    for gpu in machine.gpus:
        part = min(gpu.free_bytes, wanted)
        wanted -= part
        gpus.append(replace(gpu, free_bytes=gpu.free_bytes - part))
    left = max(0, machine.available_ram_bytes - taken.cpu.total_bytes)
    return replace(machine, available_ram_bytes=left, gpus=tuple(gpus))
