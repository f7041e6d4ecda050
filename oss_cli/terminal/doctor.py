"""What `oss doctor` shows: one screen of findings, then what should be done, each with its command."""

import locale
import os
import shutil
import textwrap
from dataclasses import dataclass

from oss_cli.errors import format_bytes
from oss_cli.machine.checkup import Checkup, HubAnswer, ModelFit, find_warnings
from oss_cli.plan import Verdict
from oss_cli.terminal.console import Stream

_LABEL_WIDTH = 12
_WARNING = "warning:"
_JOINED = "\u00a0"
"""A space where no line ends."""
_TELLING = ("AVX2", "AVX512", "AVX512_VNNI", "NEON", "DOTPROD", "SVE", "AMX_INT8", "CUDA", "ROCm", "Vulkan", "Metal",
            "MTL", "SYCL", "ACCELERATE", "OPENMP", "REPACK")  # fmt: skip
"""Of a build's features, those that decide how fast it is."""


@dataclass(frozen=True, slots=True)
class TerminalFacts:
    """What the terminal can do."""

    is_terminal: bool
    has_colour: bool
    has_unicode: bool
    columns: int


def look_at_terminal(stream: Stream) -> TerminalFacts:
    """What the stream's terminal can do; a pipe can do everything but colours."""
    encoding = (getattr(stream.file, "encoding", "") or locale.getpreferredencoding(False)).lower().replace("-", "")
    return TerminalFacts(stream.is_watched, stream.has_colour, encoding == "utf8", shutil.get_terminal_size().columns)


def show_checkup(stream: Stream, checkup: Checkup, terminal: TerminalFacts) -> None:
    """Write everything that was found."""
    for label, text in _rows(checkup, terminal):
        stream.bold(f"{label:{_LABEL_WIDTH}}")
        _write_wrapped(stream, text, terminal)
    warnings = find_warnings(checkup)
    if not warnings:
        stream.write("\neverything is as it should be\n")
    for warning in warnings:
        stream.write("\n")
        stream.alarm("warning:")
        # The first line has the word before it; a command stays in one piece, to be copied.
        lines = _wrap(f"{_WARNING} {warning.text}", terminal, 0)
        stream.write("\n".join(lines).removeprefix(_WARNING) + "\n")
        stream.bold("  do:")
        stream.write(f" {warning.command}\n")


def _write_wrapped(stream: Stream, text: str, terminal: TerminalFacts) -> None:
    stream.write(f"\n{'':{_LABEL_WIDTH}}".join(_wrap(text, terminal, _LABEL_WIDTH)) + "\n")


def _wrap(text: str, terminal: TerminalFacts, indent: int) -> list[str]:
    """A text in lines that a terminal has room for; paths stay in one piece, to be copied, and so do _JOINED words."""
    lines = [text]
    if terminal.is_terminal:
        width = max(20, terminal.columns - indent - 1)
        lines = textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
    return [line.replace(_JOINED, " ") for line in lines]


def _rows(checkup: Checkup, terminal: TerminalFacts) -> list[tuple[str, str]]:
    machine, python = checkup.machine, checkup.python
    memory = f"{format_bytes(machine.available_ram_bytes)} of {format_bytes(machine.total_ram_bytes)} available"
    processor = f"{machine.processor or 'unknown'}, {machine.physical_cores} cores to run on"
    rows = [
        ("python", f"{python.version} on {python.platform}, {python.executable}"),
        ("llama.cpp", _describe_build(checkup)),
        ("processor", processor),
        ("memory", memory if machine.total_ram_bytes else "unknown"),
        ("GPU", _describe_gpus(checkup)),
        ("hub", _describe_hub(checkup.hub, has_token=checkup.has_token)),
    ]
    for place in checkup.places:
        free = "" if place.free_bytes is None else f", {format_bytes(place.free_bytes)} free"
        rows.append((place.label, f"{place.path}{free}"))
    rows.append(("terminal", _describe_terminal(terminal)))
    return rows + _model_rows(checkup)


def _describe_build(checkup: Checkup) -> str:
    build = checkup.build
    if build.problem:
        return "cannot be loaded"
    telling = [feature for feature in build.features if feature in _TELLING]
    gpu = "can use GPUs" if build.can_offload else "for the CPU alone"
    return f"llama-cpp-python {build.version or 'of unknown version'}, {gpu}: {', '.join(telling) or 'plain code'}"


def _describe_gpus(checkup: Checkup) -> str:
    if checkup.machine.gpus:
        used = [
            f"{gpu.description} ({gpu.backend}), {format_bytes(gpu.free_bytes)} of {format_bytes(gpu.total_bytes)} free"
            for gpu in checkup.machine.gpus
        ]
        return "; ".join(used)
    if checkup.system_gpus:
        return "; ".join(gpu.name for gpu in checkup.system_gpus) + ": not used by this build of llama.cpp"
    return "none that the system knows of"


def _describe_hub(hub: HubAnswer, *, has_token: bool) -> str:
    token = "a token is set" if has_token else "no token, and none is needed for the models of the catalogue"
    if hub.not_asked:
        return f"{hub.endpoint} was not asked: {hub.not_asked}; {token}"
    if hub.took_s is None:
        return f"{hub.endpoint} cannot be reached: {hub.problem}; {token}"
    return f"{hub.endpoint} answered in {hub.took_s:.1f} s; {token}"


def _describe_terminal(terminal: TerminalFacts) -> str:
    if not terminal.is_terminal:
        return "none: standard output is a pipe or a file"
    colour = "colours" if terminal.has_colour else "no colours"
    if not terminal.has_colour and os.environ.get("NO_COLOR"):
        colour += " (NO_COLOR)"
    letters = "Unicode" if terminal.has_unicode else "no Unicode"
    return f"{colour}, {letters}, {terminal.columns} columns"


def _model_rows(checkup: Checkup) -> list[tuple[str, str]]:
    """Which models fit, those that are here first; by size, the largest first."""
    groups = {
        "fits": [model for model in checkup.models if model.fit.verdict is Verdict.FITS],
        "fits slowly": [model for model in checkup.models if model.fit.verdict is Verdict.SLOW],
        "too large": [model for model in checkup.models if model.fit.verdict is Verdict.TOO_LARGE],
    }
    rows = []
    for label, models in groups.items():
        models.sort(key=lambda model: -model.size_bytes)
        if models:
            speeds = "" if label == "too large" else "; in tokens/s, by estimate"
            rows.append((label, ", ".join(_describe_model(model) for model in models) + speeds))
    return rows


def _describe_model(model: ModelFit) -> str:
    here = f"{_JOINED}(here)" if model.is_here else ""
    if model.fit.verdict is Verdict.TOO_LARGE:
        return model.name + here
    return f"{model.name}{_JOINED}{max(1.0, model.fit.tokens_per_second):.0f}{here}"
