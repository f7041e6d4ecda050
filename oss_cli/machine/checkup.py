"""What `oss doctor` found, as plain values, and what of it calls for something to be done. Asks nothing itself."""

from dataclasses import dataclass

from oss_cli.errors import format_bytes
from oss_cli.machine.graphics import Advice, SystemGpu
from oss_cli.plan import Fit, Machine, Verdict

_LOW_DISK_BYTES = 13_000_000_000
"""gpt-oss-20b, the model that most people come for, takes 12.1 GB."""


@dataclass(frozen=True, slots=True)
class Python:
    """The interpreter that runs us."""

    version: str
    executable: str
    platform: str


@dataclass(frozen=True, slots=True)
class Build:
    """The llama.cpp that is installed."""

    version: str
    """llama-cpp-python's."""
    features: tuple[str, ...]
    can_offload: bool
    problem: str = ""
    """Why it could not be loaded; empty: it was."""
    cure: str = ""
    """The command against that."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder where something is kept."""

    label: str
    path: str
    free_bytes: int | None
    """None: its disk does not say."""


@dataclass(frozen=True, slots=True)
class HubAnswer:
    """Whether the Hub could be reached."""

    endpoint: str
    took_s: float | None
    """None: it could not be reached, or was not asked."""
    problem: str = ""
    """Why it could not; empty: it was not asked."""
    not_asked: str = ""
    """Why it was not asked."""


@dataclass(frozen=True, slots=True)
class ModelFit:
    """A model of the catalogue on this computer."""

    name: str
    size_bytes: int
    is_here: bool
    fit: Fit


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to be done."""

    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """Everything that was looked at."""

    python: Python
    build: Build
    machine: Machine
    """With the GPUs that the build can use."""
    system_gpus: tuple[SystemGpu, ...]
    advice: Advice | None
    has_avx2: bool | None
    places: tuple[Place, ...]
    hub: HubAnswer
    has_token: bool
    models: tuple[ModelFit, ...]
    settings: tuple[Finding, ...] = ()
    """What is wrong with the settings, the user's models.toml and the folders of models."""

    @property
    def can_run(self) -> bool:
        """Whether any model of the catalogue can run here."""
        return not self.build.problem and any(model.fit.verdict is not Verdict.TOO_LARGE for model in self.models)


def find_warnings(checkup: Checkup) -> tuple[Finding, ...]:
    """What should be done, the worst first; each ends in a command."""
    return (*checkup.settings, *_build_warnings(checkup), *_place_warnings(checkup))


def _build_warnings(checkup: Checkup) -> list[Finding]:
    build, advice, python = checkup.build, checkup.advice, checkup.python.executable
    if build.problem:
        return [Finding(build.problem, build.cure)]
    warnings = []
    if checkup.system_gpus and advice is not None and not checkup.machine.gpus:
        names = " and ".join(dict.fromkeys(gpu.name for gpu in checkup.system_gpus))
        what = f"{names}: this build of llama.cpp is for the CPU alone and cannot use it"
        if build.can_offload:
            what = f"{names}: this build of llama.cpp could use a GPU, but finds none that it can drive"
        text = f"{what}; the {advice.wheel} build can, {advice.reason}"
        warnings.append(Finding(text, advice.command(python, build.version)))
    elif checkup.has_avx2 and "AVX2" not in build.features:
        text = "this build of llama.cpp does not use the processor's AVX2: on the CPU it is several times slower"
        wheel = Advice("vulkan" if checkup.machine.gpus else "cpu", "")
        warnings.append(Finding(text, wheel.command(python, build.version)))
    return warnings


def _place_warnings(checkup: Checkup) -> list[Finding]:
    warnings = []
    downloads = checkup.places[0]
    if downloads.free_bytes is not None and downloads.free_bytes < _LOW_DISK_BYTES:
        text = f"{format_bytes(downloads.free_bytes)} are free where downloads go: too little for gpt-oss-20b"
        warnings.append(Finding(text, "oss config set hub_cache FOLDER"))
    if checkup.hub.problem:
        text = f"{checkup.hub.endpoint} cannot be reached: {checkup.hub.problem}; installed models work without it"
        warnings.append(Finding(text, "oss config set offline true"))
    if not checkup.build.problem and not checkup.can_run:
        machine = checkup.machine
        text = f"no model of the catalogue fits into {format_bytes(machine.available_ram_bytes)} of free memory"
        warnings.append(Finding(text, "oss show smollm2-135m"))
    return warnings
