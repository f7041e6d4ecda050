"""A model file becomes an open backend, or a prompt without one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oss_cli.errors import EngineFailed
from oss_cli.settings import Settings
from oss_cli.wiring.choice import ModelChoice, explain_bad_file, model_identity, note_use, sha256_of, shape_of
from oss_cli.wiring.drafting import guessed_tokens, plan_draft
from oss_cli.wiring.machine import known_speeds, note_gpus, probe, too_large, weights_bytes
from oss_cli.wiring.servers import ServerChoice, open_remote
from oss_cli.wiring.settings import open_catalogue

if TYPE_CHECKING:
    from oss_cli.backends.base import Backend
    from oss_cli.backends.local import LocalBackend
    from oss_cli.catalogue import CatalogueEntry
    from oss_cli.conversation.messages import Message
    from oss_cli.conversation.options import ReplyOptions, SamplingOptions
    from oss_cli.engine.llama.embedding import LlamaEmbedder
    from oss_cli.engine.llama.engine import LlamaEngine
    from oss_cli.engine.llama.model import LlamaModel
    from oss_cli.machine.fit import Wishes
    from oss_cli.plan import LoadPlan, ModelShape
    from oss_cli.prompts.base import Prompt, PromptFormat

_MOST_LAYERS = 4096
"""No model has more."""
_HARMONY_ARCHITECTURE = "gpt-oss"
"""Its prompts are written without templates."""


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A model in memory, and all that can be had from it. Close `chat`, which closes all of it."""

    chat: "LocalBackend"
    """In its own format."""
    plain: "LocalBackend"
    """Going on with texts as they stand."""
    embedder: "LlamaEmbedder | None"
    """Of a model that is made for vectors."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Who is told of a load."""

    on_progress: Callable[[float], None] | None = None
    """Gets the share loaded, 0 to 1, on another thread."""
    log: Callable[[str], None] | None = None
    """Gets llama.cpp's own log, and where the model is."""
    meanwhile: Callable[[], None] = lambda: None
    """Called once, while it loads: what can be done then costs no time."""


def open_backend(
    choice: ModelChoice | ServerChoice,
    settings: Settings,
    loading: Loading = Loading(),
    *,
    is_one_shot: bool,
    sequences: int = 1,
) -> "Backend":
    """A model in memory or on a server, ready to answer. Blocks while it loads; close it.

    sequences: how many replies can be made at the same time.

    Raises:
        BadModelFile: the file is no usable GGUF.
        EngineFailed: llama.cpp refused it.
        ModelTooLarge: the memory is too small for it, and the user has not decided where it is to go.
        ContextTooLong: the context asked for is larger than the model's.
        ServerFailed: the server cannot be reached.
    """
    if isinstance(choice, ServerChoice):
        return open_remote(choice, settings, is_batch=not is_one_shot)
    engine = _open_engine(choice, settings, loading, (is_one_shot, sequences))
    return _backend_on(engine, choice, settings)


def open_served(
    choice: ModelChoice,
    settings: Settings,
    loading: Loading = Loading(),
    *,
    parallel: int,
    is_one_shot: bool = False,
) -> "OpenModel":
    """A model in memory, as `open_backend`, for many requests at once.

    is_one_shot: loaded as for one reply alone.

    Raises:
        As `open_backend`.
    """
    from oss_cli.prompts.plain import PlainFormat

    engine = _open_engine(choice, settings, loading, (is_one_shot, parallel))
    backend = _backend_on(engine, choice, settings)
    return OpenModel(backend, backend.in_format(PlainFormat(engine.model.vocabulary)), engine.embedder())


def _open_engine(choice: ModelChoice, settings: Settings, loading: Loading, use: tuple[bool, int]) -> "LlamaEngine":
    """use: whether it is for one reply alone, and how many are made at the same time."""
    from oss_cli.engine.llama.api import LOG
    from oss_cli.engine.llama.engine import begin_engine, wait_freed

    LOG.sink = loading.log
    wait_freed()
    shape = shape_of(choice)
    plan, sentence = _plan_load(choice, shape, settings, is_one_shot=use[0], sequences=use[1])
    if loading.log is not None and sentence:
        loading.log(f"{choice.name}: {sentence}\n")
    engine = begin_engine(plan, loading.on_progress, choice.states)
    try:
        import oss_cli.backends.local  # noqa: F401 - what comes later is imported while it loads

        _import_format(choice, shape)
        loading.meanwhile()
    except BaseException:
        engine.stop_loading()
        raise
    try:
        engine.wait_loaded()
        return engine
    except EngineFailed:
        explain_bad_file(choice)
        raise


def _backend_on(engine: "LlamaEngine", choice: ModelChoice, settings: Settings) -> "LocalBackend":
    from oss_cli.backends.local import LocalBackend, LocalModel
    from oss_cli.plan import Speculation

    prompt_format = choose_format(engine.model, choice.entry, is_plain=choice.is_plain)
    model = LocalModel(
        choice.name, _model_sampling(engine.model, choice), sha256_of(choice),
        always_guesses=settings.speculation is Speculation.ON,
    )  # fmt: skip
    note_use(choice)
    return LocalBackend(engine, prompt_format, model)


def plan_load(
    choice: ModelChoice, settings: Settings, *, is_one_shot: bool, sequences: int = 1
) -> "tuple[LoadPlan, str]":
    """How a model is to be loaded here, and one sentence on it; the sentence is empty where its shape is not known.

    Raises:
        ModelTooLarge: the memory is too small, and the user has not decided where it is to go.
        ContextTooLong: the context asked for is larger than the model's.
    """
    return _plan_load(choice, shape_of(choice), settings, is_one_shot=is_one_shot, sequences=sequences)


def _plan_load(
    choice: ModelChoice, shape: "ModelShape | None", settings: Settings, *, is_one_shot: bool, sequences: int
) -> "tuple[LoadPlan, str]":
    from dataclasses import replace

    from oss_cli.errors import ContextTooLong
    from oss_cli.machine.fit import fit
    from oss_cli.machine.fit import plan_load as plan_without_shape
    from oss_cli.plan import Verdict

    machine = probe()
    note_gpus(machine)
    draft, machine = plan_draft(settings, machine, sequences=sequences, is_one_shot=is_one_shot)
    wishes = _wishes(choice, settings, is_one_shot=is_one_shot, sequences=sequences)
    if shape is None:
        weights = weights_bytes(choice.path)
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
            sequences=sequences,
            repack=plan.repack if wishes.repack is None else wishes.repack,
            micro_batch_tokens=settings.batch or plan.micro_batch_tokens,
            guessed_tokens=wishes.guessed_tokens,
            draft=draft,
        )
        return plan, ""
    if settings.ctx is not None and settings.ctx > shape.trained_context_tokens:
        raise ContextTooLong(context_tokens=settings.ctx, trained_tokens=shape.trained_context_tokens)
    found = fit(shape, machine, wishes, known_speeds(model_identity(choice), machine))
    is_forced = settings.gpu_layers is not None or settings.cpu_moe is not None
    if found.verdict is Verdict.TOO_LARGE and not is_forced:
        raise too_large(choice.name, shape, found, machine)
    return replace(found.plan, draft=draft), found.sentence


_SERVER_PARALLEL = 8
"""Servers batch by themselves; more is for those who know theirs."""


def suggest_parallel(choice: ModelChoice | ServerChoice, settings: Settings) -> int:
    """How many replies are worth being made at the same time, by memory and cores here. Loads llama.cpp for that."""
    if isinstance(choice, ServerChoice):
        return _SERVER_PARALLEL
    from oss_cli.machine.sequences import choose_sequences

    return choose_sequences(shape_of(choice), probe(), _wishes(choice, settings, is_one_shot=False, sequences=1))


def _wishes(choice: ModelChoice, settings: Settings, *, is_one_shot: bool, sequences: int) -> "Wishes":
    """What the settings decide of a load."""
    from oss_cli.machine.fit import Wishes

    return Wishes(
        path=choice.path,
        context_tokens=settings.ctx,
        gpu_layers=settings.gpu_layers,
        cpu_moe_layers=settings.cpu_moe,
        kv_type=settings.kv_type,
        threads=settings.threads,
        mmap=not settings.no_mmap,
        mlock=bool(settings.mlock),
        sequences=sequences,
        guessed_tokens=guessed_tokens(settings, sequences=sequences),
        is_one_shot=is_one_shot,
        repack=None if settings.repack is None else settings.repack and not is_one_shot,
        micro_batch_tokens=settings.batch,
    )


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
        explain_bad_file(choice)
        raise
    try:
        return render_prompt(choose_format(header, choice.entry, is_plain=choice.is_plain), messages, options)
    finally:
        header.close()


def choose_format(
    model: "LlamaModel", entry: "CatalogueEntry | None" = None, *, is_plain: bool = False
) -> "PromptFormat":
    """How a model's prompts are written: as the catalogue says, else in harmony where the vocabulary has its markers,
    else by the file's own template, else not at all.

    is_plain: not at all, whatever the model has.
    """
    vocabulary = model.vocabulary
    says = entry.format if entry is not None else None
    wanted = "plain" if is_plain else says
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


def _import_format(choice: ModelChoice, shape: "ModelShape | None") -> None:
    """Import what the model's prompts will most likely need; a template's language alone takes 16 ms."""
    entry = choice.entry
    if choice.is_plain or (entry is not None and entry.format is not None and entry.format != "template"):
        return
    if shape is not None and shape.architecture != _HARMONY_ARCHITECTURE:
        import oss_cli.prompts.template  # noqa: F401 - so that it is there when the model is


def _model_sampling(model: "LlamaModel", choice: ModelChoice) -> "SamplingOptions":
    """How this model is best sampled: by its catalogue entry, its own header, its architecture, our defaults."""
    from oss_cli.conversation.options import PLAIN_SAMPLING, SamplingOptions

    entry = choice.entry.sampling if choice.entry is not None else SamplingOptions()
    defaults = open_catalogue().defaults_for(model.architecture)
    return entry.over(model.recommended_sampling()).over(defaults.sampling).over(PLAIN_SAMPLING)


def engine_version(backend: "Backend | None" = None) -> str:
    """The version of llama-cpp-python; empty when it does not say. Loads llama.cpp, but where the backend knows it."""
    known = getattr(backend, "engine_version", None)
    if isinstance(known, str):
        return known
    from oss_cli.engine.llama.devices import build_version

    return build_version()
