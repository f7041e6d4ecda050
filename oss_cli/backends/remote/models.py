"""Which models a server has, which server it is, and how many tokens a context holds there. Makes no replies."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from oss_cli.backends.remote.connection import Connection, Refused
from oss_cli.backends.remote.wire import Refusal, count, items, parse, table, text
from oss_cli.errors import BadUsage, UnknownModel, quoted

GUESSED_CONTEXT_TOKENS = 32_768
"""Where nobody tells: most models hold as many; `ctx` says otherwise."""
_OLLAMA_CONTEXT_TOKENS = 4_096
"""Ollama's own default for computers with little memory. It cuts longer prompts without a word: better too few."""
_NOT_TOLD = (404, 405, 501)


class ServerKind(StrEnum):
    """Which program a server is, as far as it lets us know."""

    LLAMA_SERVER = "llama-server"
    VLLM = "vLLM"
    SGLANG = "SGLang"
    OLLAMA = "Ollama"
    OSS = "oss serve"
    OTHER = "an OpenAI-compatible server"

    @property
    def takes_grammars(self) -> bool:
        """Whether it holds an answer to a GBNF grammar."""
        return self is ServerKind.LLAMA_SERVER

    @property
    def goes_on(self) -> bool:
        """Whether it can go on with a reply that was broken off, and tells only what is new of it."""
        return self in (ServerKind.LLAMA_SERVER, ServerKind.VLLM, ServerKind.SGLANG, ServerKind.OSS)

    @property
    def goes_on_thinking(self) -> bool:
        """Whether it can go on also where the reply was broken off in its reasoning."""
        return self in (ServerKind.LLAMA_SERVER, ServerKind.OSS)


_OWNERS = {
    "llamacpp": ServerKind.LLAMA_SERVER,
    "vllm": ServerKind.VLLM,
    "sglang": ServerKind.SGLANG,
    "library": ServerKind.OLLAMA,
    "oss": ServerKind.OSS,
}
"""What `owned_by` says in the list of models: llama-server 0c1e570, vLLM and SGLang (2026-11), Ollama fb30760."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model of a server."""

    name: str
    context_tokens: int = 0
    """How many tokens its context holds; 0: the server does not say."""
    kind: ServerKind = ServerKind.OTHER
    aliases: tuple[str, ...] = ()
    """What it is called as well; `oss serve` alone says it."""


def look_at_server(connection: Connection) -> tuple[ServedModel, ...]:
    """The models of a server, as it lists them; none: it has no list.

    Raises:
        Refused: it wants a key, or is no such server at all.
        HttpTrouble: it does not answer.
    """
    try:
        body = connection.get(f"{connection.server.url}/models")
    except Refused as refused:
        if refused.refusal.status in _NOT_TOLD and refused.refusal.is_json:
            return ()
        raise
    value = table(parse(body))
    if not isinstance(value.get("data"), list):
        raise Refused(Refusal(200, "", {}, is_json=False))
    models = [_served(table(one)) for one in items(value["data"])]
    return tuple(model for model in models if model.name)


def find_model(models: Sequence[ServedModel], name: str | None, called: str) -> ServedModel:
    """The model that is meant, by a name or its end: `gpt-oss-120b` for openai/gpt-oss-120b. No name: the only one.

    called: the server, as it stands after --server.

    Raises:
        UnknownModel: there is none of that name.
        BadUsage: there are several, and none is named; or none at all.
    """
    hint = f"oss models --server {quoted(called)}"
    if not models:
        if name is None:
            raise BadUsage("no model is named", cause="the server does not list its models", hint="-m NAME")
        return ServedModel(name)
    if name is None:
        if len(models) > 1:
            names = ", ".join(model.name for model in models[:8]) + (", ..." if len(models) > 8 else "")
            raise BadUsage("the server has several models", cause=names, hint=f"-m {quoted(models[0].name)}")
        return models[0]
    for fits in (_is_same, _is_end):
        found = [model for model in models if any(fits(one, name) for one in (model.name, *model.aliases))]
        if len(found) == 1:
            return found[0]
    raise UnknownModel(name, nearest=_nearest(models, name), hint=hint)


def find_context(connection: Connection, model: ServedModel) -> int:
    """How many tokens a context holds, by what each program has for that, else a guess.

    Raises:
        HttpTrouble: the server does not answer.
    """
    if model.context_tokens:
        return model.context_tokens
    root = connection.server.root
    if model.kind is ServerKind.LLAMA_SERVER:  # builds before 2026 do not say it in their list
        settings = table(_ask(connection, f"{root}/props").get("default_generation_settings"))
        return count(settings.get("n_ctx")) or GUESSED_CONTEXT_TOKENS
    if model.kind is ServerKind.OLLAMA:
        loaded = [table(one) for one in items(_ask(connection, f"{root}/api/ps").get("models"))]
        sizes = [count(one.get("context_length")) for one in loaded if one.get("name") == model.name]
        return max(sizes, default=0) or _OLLAMA_CONTEXT_TOKENS
    return GUESSED_CONTEXT_TOKENS


def _ask(connection: Connection, url: str) -> "dict[str, object]":
    try:
        return table(parse(connection.get(url)))
    except Refused:
        return {}


def _served(value: "dict[str, object]") -> ServedModel:
    meta = table(value.get("meta"))
    sizes = (value.get("max_model_len"), meta.get("n_ctx"), value.get("context_length"))
    size = next((count(one) for one in sizes if count(one)), 0)
    kind = _OWNERS.get(text(value.get("owned_by")), ServerKind.OTHER)
    aliases = tuple(filter(None, map(text, items(value.get("aliases")))))
    return ServedModel(text(value.get("id")), size, kind, aliases)


def _nearest(models: Sequence[ServedModel], name: str) -> tuple[str, ...]:
    """By the whole name, and by its end: makers' names are long."""
    by_word = {word.casefold(): model.name for model in models for word in (model.name, _end(model.name))}
    words = get_close_matches(name.casefold(), by_word, n=4, cutoff=0.5)
    close = tuple(dict.fromkeys(by_word[word] for word in words))
    return close[:3] or tuple(model.name for model in models[:3])


def _is_same(name: str, asked: str) -> bool:
    return name == asked


def _is_end(name: str, asked: str) -> bool:
    return _end(name).casefold() == asked.casefold() or name.casefold() == asked.casefold()


def _end(name: str) -> str:
    return name.rpartition("/")[2]
