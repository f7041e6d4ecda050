"""`oss rm`, `oss verify`, `oss import`, `oss alias`: looking after the models that are here."""

import contextlib
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.completion import complete_alias, complete_installed, complete_model
from oss_cli.cli.options import OfflineOption
from oss_cli.errors import (
    BadUsage,
    CannotWrite,
    NotDownloaded,
    NotVerified,
    OssError,
    UnknownModel,
    format_bytes,
    quoted,
)

if TYPE_CHECKING:
    from oss_cli.catalogue import Catalogue, CatalogueEntry
    from oss_cli.store.broken import BrokenModel
    from oss_cli.store.importing import Method, Source
    from oss_cli.store.local import InstalledModel, LocalStore
    from oss_cli.store.removal import Removal
    from oss_cli.store.verify import CheckedFile
    from oss_cli.terminal.console import Console


def rm(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="As oss list shows it.", autocompletion=complete_installed)
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove models from this computer, and say how much that frees.

    What other programs or other models need stays: only bytes that nothing else is made of are removed.
    """
    from oss_cli import wiring
    from oss_cli.store.removal import remove
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.question import confirm

    console = open_console()
    catalogue = wiring.open_catalogue()
    store = wiring.open_store(catalogue)
    planned = [_plan_removal(name, catalogue, store) for name in dict.fromkeys(names)]
    aliases = wiring.aliases_that_lead()
    for removal in planned:
        name = removal.name
        _show_removal(console, removal)
        question = f"Remove {name} and free {format_bytes(removal.freed_bytes)}?"
        if not yes and not confirm(console, question, otherwise=f"oss rm {name} --yes"):
            console.err.write(f"{name} stays\n")
            continue
        _let_go(console, removal)
        remove(removal)
        console.out.write(f"{name} is removed; {format_bytes(removal.freed_bytes)} are free again\n")
        _forget(console, store, name)
    for alias in sorted(aliases - wiring.aliases_that_lead()):
        console.err.write(f"the alias {alias} leads nowhere now; to take it away: oss alias {alias} --rm\n")


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", help="Default: every model here.", autocompletion=complete_installed),
    ] = None,
) -> None:
    """Read models from disk again and compare each file's SHA-256 with the published one."""
    from oss_cli import wiring
    from oss_cli.store.repair import repair_command
    from oss_cli.store.verify import check_file, is_touched, known_hashes
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.counting import CountStatus

    console = open_console()
    catalogue = wiring.open_catalogue()
    store = wiring.open_store(catalogue)
    named = dict.fromkeys(names or ())
    broken = [one for one in store.broken() if not named or _means(named, one, store)]
    others = [name for name in named if not any(one.name.lower() == name.lower() for one in broken)]
    models = [_installed(name, catalogue, store) for name in others] if named else list(store.installed())
    files = [(model, path, sha256) for model in models for path, sha256 in known_hashes(model)]
    total_bytes = sum(path.stat().st_size for _, path, sha256 in files if sha256)
    problems = [f"{one.path}: {one.problem}" for one in broken]
    hints = []
    with CountStatus(console.err, "verifying", total_bytes) as status:
        for model, path, sha256 in files:
            checked = check_file(path, sha256, status.add)
            status.clear()
            if checked.problem:
                touched = "; it was written to after it came here" if is_touched(model, path) else ""
                problems.append(f"{path}: {checked.problem}{touched}")
                hints.append(checked.cure or repair_command(model, catalogue))
            else:
                console.out.write(f"{_verdict(checked):9} {model.name}  {path}\n")
    if problems:
        hints += [f"oss rm {shlex.quote(one.name)}" for one in broken]
        raise NotVerified(tuple(problems), checked_files=len(files) + len(broken), hint=hints[0])


def import_model(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A GGUF, one part of a split one, or an ollama blob.")],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What to call it here.")] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the bytes, always.")] = False,
    link: Annotated[bool, typer.Option("--link", help="Link, always: hard, else symbolic.")] = False,
    offline: OfflineOption = False,
) -> None:
    """Bring a GGUF from elsewhere on this computer into the models of oss.

    Without --copy and --link: a hard link where that can be, and a copy from another disk. The name of a known model,
    instead of a path, looks for its files among those of ollama and LM Studio.
    """
    from oss_cli import wiring
    from oss_cli.store.importing import (
        Method,
        default_name,
        examine,
        link_method,
        note_import,
        place,
        recognise,
    )
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.counting import CountStatus

    if copy and link:
        raise BadUsage("--copy and --link exclude each other", hint=f"oss import {quoted(path)} --copy")
    console = open_console()
    catalogue = wiring.open_catalogue()
    store = wiring.open_store(catalogue)
    source = examine(_find_source(path, catalogue))
    with CountStatus(console.err, "recognising", source.total_bytes) as status:
        entry, source = recognise(source, catalogue, status.add)
    target = name or (entry.name if entry is not None else default_name(source))
    _check_target(source, target, entry, catalogue, store)
    folder = wiring.models_folder()
    method = Method.COPY if copy else link_method(source, folder) if link else None
    with CountStatus(console.err, f"reading {target}", source.total_bytes) as status:
        imported = place(source, folder, target, method, status.add)
    with contextlib.suppress(CannotWrite):  # it is here and can be used; only `oss verify` will not know it
        note_import(store.manifest_file, target, imported)
    kind = f", which is {entry.name}," if entry is not None and entry.name != target else ""
    console.out.write(f"{target}{kind} is here now, {_how(imported.method, source)}\n")


def alias(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The new name.", autocompletion=complete_alias)
    ] = None,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="What it stands for: a name, or the path of a GGUF.", autocompletion=complete_model
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--rm", help="Take the name away.")] = False,
) -> None:
    """Give a model a name of your own; without arguments, show those you gave.

    They are kept in the [aliases] of your models.toml.
    """
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.tables import show_table

    if name is None:
        rows = sorted(wiring.user_aliases().items())
        if rows:
            show_table(open_console().out, ("ALIAS", "MODEL"), rows)
        return
    if remove:
        if model is not None:
            raise BadUsage("--rm takes a name alone", hint=f"oss alias {name} --rm")
        wiring.remove_alias(name)
        return
    if model is None:
        raise BadUsage(f"there is no model for {name}", hint=f"oss alias {name} gpt-oss-20b")
    wiring.set_alias(name, model)


def _plan_removal(name: str, catalogue: "Catalogue", store: "LocalStore") -> "Removal":
    """What removing a model means.

    Raises:
        UnknownModel: nothing is called that.
        NotDownloaded: it is not here.
        BadUsage: it is not ours to remove, or being downloaded now.
        BadModelFile: it may be in a folder that cannot be read.
    """
    from oss_cli import wiring
    from oss_cli.store.local import Origin
    from oss_cli.store.removal import check_idle, plan_removal

    model = store.named(name)
    wiring.check_readable(name, store, wiring.repository_of(name), has_own=model is None)
    entry = store.as_entry(model) if model is not None else catalogue.find(name)
    begun = store.begun(name)
    known = model or entry or begun or store.find_broken(name)
    if known is None:
        raise UnknownModel(name, nearest=catalogue.nearest(name))
    removal = plan_removal(store, known.name, entry)
    check_idle(removal)
    if not removal.is_empty:
        return removal
    if model is None:
        raise NotDownloaded(known.name, cause="there is nothing to remove", hint="oss list")
    if model.origin is Origin.PACKAGE and entry is not None and entry.package is not None:
        package = entry.package.replace("_", "-")
        raise BadUsage(
            f"{model.name} belongs to a Python package", cause=str(model.path), hint=f"pip uninstall {package}"
        )
    raise BadUsage(
        f"{model.name} is a file of yours", cause=f"your models.toml names it: {model.path}",
        hint=f"oss alias {model.name} --rm",
    )  # fmt: skip


def _show_removal(console: "Console", removal: "Removal") -> None:
    from oss_cli.store.removal import PARTIAL_SUFFIXES

    partials = [path for path in removal.blobs if path.name.endswith(PARTIAL_SUFFIXES)]
    for path in dict.fromkeys((*(removal.files or removal.blobs), *partials)):
        note = "  (its bytes stay: they have another name on this disk)" if path in removal.shared else ""
        if path in partials:
            note = f"  (a download that was broken off: {format_bytes(path.stat().st_size)})"
        console.err.write(f"{path}{note}\n")


def _let_go(console: "Console", removal: "Removal") -> None:
    """Take a model out of memory before its files go: as long as a process holds them, their bytes are not free."""
    from oss_cli import wiring

    paths = [*removal.files, *removal.blobs]
    try:
        held = [
            one.record for one in wiring.held_models() if any(wiring.holds_file(one.record, path) for path in paths)
        ]
    except OssError:  # a folder that is not safe to read, say: the model can be removed all the same
        return
    for record in held:
        wiring.stop_held(record)
        console.err.write(f"{record.name} is out of memory\n")


def _forget(console: "Console", store: "LocalStore", name: str) -> None:
    """Take it out of the manifest. One that cannot be written hurts nobody: what is not here is not found."""
    try:
        again = store.forget(name)
    except CannotWrite:
        return
    if again is not None:
        size = format_bytes(sum(file.bytes for file in again.files))
        console.err.write(f"{name} means again what it did before its update: {size}, {again.files[0].path}\n")


def _means(names: "dict[str, None]", broken: "BrokenModel", store: "LocalStore") -> bool:
    """Whether one of the names means a broken model, and no other."""
    return any(name.lower() == broken.name.lower() and store.named(name) is None for name in names)


def _installed(name: str, catalogue: "Catalogue", store: "LocalStore") -> "InstalledModel":
    from oss_cli import wiring

    model = store.named(name)
    if model is not None:
        return model
    wiring.choose_model(name)  # says what is wrong, unless it is a path
    raise BadUsage(f"{name} is not a model of oss", hint=f"oss import {quoted(name)}")


def _verdict(checked: "CheckedFile") -> str:
    return "ok" if checked.is_known else "unknown"


def _find_source(text: str, catalogue: "Catalogue") -> Path:
    """The file that a path or the name of a known model leads to.

    Raises:
        NotDownloaded: a known model, but no other program has its files.
    """
    from oss_cli import wiring
    from oss_cli.store.at_path import may_be_there
    from oss_cli.store.elsewhere import find_elsewhere

    path = Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser fails where a user is not known
    entry = None if may_be_there(path) else catalogue.find(text)
    if entry is None:
        return path
    for release in (entry.files, *(older.files for older in entry.also)):
        found = find_elsewhere(release[0]) if release else None
        if found is not None:
            return found
    cause = "neither ollama nor LM Studio has its files, byte by byte"
    raise NotDownloaded(entry.name, cause=cause, hint=wiring.fetch_hint(entry))


def _check_target(
    source: "Source", name: str, entry: "CatalogueEntry | None", catalogue: "Catalogue", store: "LocalStore"
) -> None:
    """Refuse a name that is taken, or that nobody could type.

    Raises:
        BadUsage: it is one.
    """
    from oss_cli.store.repository import is_safe_name

    first = source.files[0]
    again = f"oss import {quoted(first)} --name NAME"
    names = (name, f"{name}-00001-of-00001.gguf")
    if " " in name or name.startswith((".", "-")) or not all(map(is_safe_name, names)):
        cause = (
            'a name may not hold spaces or any of / \\ : * ? " < > |, begin with a dot or a dash, or end with a dot, '
            "nor be long, nor one that Windows keeps for itself"
        )
        raise BadUsage(f"{name!r} cannot be a model's name", cause=cause, hint=again)
    present = store.named(name)
    if present is not None:
        raise BadUsage(f"{present.name} is here already", cause=str(present.path), hint=f'oss run -m {name} "Hi"')
    known = catalogue.find(name)
    if known is not None and known is not entry:
        cause = f"{first.name} is not the file that oss knows under this name"
        raise BadUsage(f"{name} is the name of another model", cause=cause, hint=again)


def _how(method: "Method", source: "Source") -> str:
    from oss_cli.store.importing import Method

    if method is Method.HARD_LINK:
        return "by a hard link: it takes no space, and stays if the other name is removed"
    if method is Method.SYMLINK:
        return f"by a symbolic link: it takes no space, and is lost if {source.files[0]} is removed"
    return f"as a copy of {format_bytes(source.total_bytes)}"
