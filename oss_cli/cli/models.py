"""`oss list` and `oss show`: which models there are, which are here, and what one is like."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oss_cli.cli.completion import complete_model
from oss_cli.cli.options import OfflineOption
from oss_cli.errors import NotDownloaded, format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from oss_cli.catalogue import CatalogueEntry
    from oss_cli.plan import Fit, ModelShape
    from oss_cli.store.broken import BrokenModel
    from oss_cli.store.local import InstalledModel, LocalStore
    from oss_cli.terminal.console import Console
    from oss_cli.terminal.tables import Row

    TellFit = Callable[[ModelShape | None], str]

JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


def list_models(as_json: JsonOption = False) -> None:
    """Show the models on this computer, and those that oss knows and could fetch."""
    from datetime import UTC, datetime

    from oss_cli import wiring
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.tables import show_table

    console = open_console()
    catalogue = wiring.open_catalogue()
    store = wiring.open_store(catalogue)
    installed = list(store.installed())
    names = {model.name for model in installed}
    missing = [entry for entry in catalogue if entry.name not in names]
    fits = wiring.known_fits()
    if as_json:
        import json

        uses = wiring.last_uses()
        values = [_installed_value(model, fits, uses) for model in installed]
        values += [_broken_value(one) for one in store.broken()]
        values += [_missing_value(entry, fits) for entry in missing]
        console.out.write(json.dumps(values, ensure_ascii=False, sort_keys=True, indent=1) + "\n")
        return
    if installed:
        uses, now = wiring.last_uses(), datetime.now(UTC)
        rows = [_installed_row(model, fits, uses, now) for model in installed]
        show_table(console.out, ("HERE", "SIZE", "QUANT", "FITS", "LAST USED", "FROM"), rows)
        console.out.write("\n")
    broken: list[Row] = [(one.name, format_bytes(one.bytes), one.problem) for one in store.broken()]
    if broken:
        show_table(console.out, ("NOT COMPLETE", "SIZE", "WHAT IS WRONG"), broken)
        console.out.write("\n")
    _tell_closed(console, store)
    known = [_missing_row(entry, fits) for entry in missing]
    show_table(console.out, ("NOT HERE", "SIZE", "QUANT", "FITS", "GOOD FOR"), known)


def _tell_closed(console: "Console", store: "LocalStore") -> None:
    """One notice for a person, of folders whose models are not shown."""
    closed = store.closed() if console.err.is_watched else []
    if closed:
        more = f", and {len(closed) - 1} more: oss doctor" if len(closed) > 1 else ""
        console.err.write(f"({closed[0].path} cannot be read: {closed[0].reason}{more})\n")


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PATH|ORG/REPO", help="A model's name, a GGUF, or a repository.", autocompletion=complete_model
        ),
    ],
    as_json: JsonOption = False,
    offline: OfflineOption = False,
) -> None:
    """Show what a model is like, what it takes in memory, and where it would go on this computer."""
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.model_card import ModelCard, describe_shape, show_card

    shown, facts, shape = _look_at(name)
    memory = wiring.memory_table(shape, _identity(name)) if shape is not None else []
    out = open_console().out
    if as_json:
        import json

        out.write(json.dumps(_shown_value(shown, facts, shape, memory), ensure_ascii=False, sort_keys=True) + "\n")
        return
    words = {**facts, **(describe_shape(shape) if shape is not None else {})}
    show_card(out, ModelCard(shown, words, memory, wiring.known_machine()))


def _identity(name: str) -> str:
    """What its file is known by; empty: it is not here."""
    from oss_cli import wiring

    try:
        return "" if wiring.is_repository(name) else wiring.model_identity(wiring.choose_model(name))
    except NotDownloaded:
        return ""


def _look_at(name: str) -> "tuple[str, dict[str, str], ModelShape | None]":
    """A model's name, what is known of it besides its shape, and its shape.

    Raises:
        UnknownModel: nothing is called that.
        BadModelFile: the file is no usable GGUF.
    """
    from oss_cli import wiring
    from oss_cli.plan import differences
    from oss_cli.store.gguf import shape
    from oss_cli.store.local import model_bytes
    from oss_cli.terminal.model_card import describe_header

    if wiring.is_repository(name):
        return _look_at_repository(name)
    catalogue = wiring.open_catalogue()
    try:
        choice = wiring.choose_model(name)
    except NotDownloaded:
        entry = catalogue.find(name)
        assert entry is not None
        return entry.name, {**_entry_facts(entry), "from": f"not here: {wiring.fetch_hint(entry)}"}, entry.shape
    model = wiring.open_store(catalogue).named(name)
    header = wiring.read_header_of(choice)
    facts = _entry_facts(choice.entry) if choice.entry is not None else {}
    facts |= {
        "from": _origin(model) if model is not None else "",
        "file": str(choice.path),
        "size": format_bytes(model_bytes(choice.path)),
    }
    real = shape(header)
    if choice.entry is not None and choice.entry.shape is not None:
        facts["catalogue errs"] = "\n".join(differences(choice.entry.shape, real))
    # What our catalogue says is tidier than what the file's maker wrote into it.
    return choice.name, describe_header(header) | {label: text for label, text in facts.items() if text}, real


def _look_at_repository(name: str) -> "tuple[str, dict[str, str], ModelShape | None]":
    """As `_look_at`, for a model on the Hub.

    Raises:
        DownloadFailed: the Hub does not tell.
    """
    from oss_cli import wiring
    from oss_cli.terminal.console import open_console

    err = open_console().err
    remote = wiring.look_at_repository(name, lambda text: err.write(f"({text})\n"))
    facts = {
        "from": f"not here: oss pull {remote.name}",
        "file": "\n".join(remote.files),
        "size": format_bytes(remote.total_bytes),
        "offers": "\n".join(f"{label}, {format_bytes(size)}" for label, size in remote.offers),
    }
    return remote.name, facts, remote.shape


def _entry_facts(entry: "CatalogueEntry") -> dict[str, str]:
    return {
        "title": f"{entry.title}, {entry.parameters}" if entry.parameters else entry.title,
        "size": format_bytes(entry.total_bytes) if entry.total_bytes else "",
        "licence": entry.licence,
        "good for": entry.good_for,
        "aliases": ", ".join(entry.aliases),
        "chat format": str(entry.format or ""),
    }


def _origin(model: "InstalledModel") -> str:
    from oss_cli.store.local import Origin

    entry = model.entry
    if model.origin is Origin.PACKAGE and entry is not None:
        return f"package {entry.package}"
    if model.origin is Origin.HUB_CACHE:
        known = entry or model.record
        return str(known.repository) if known is not None else model.name.partition(":")[0]
    return "your models.toml" if model.origin is Origin.PATH else str(model.origin)


def _installed_row(model: "InstalledModel", fits: "TellFit", uses: "dict[str, datetime]", now: "datetime") -> "Row":
    from oss_cli.store.local import model_bytes, quant_of
    from oss_cli.store.usage import last_used

    used = last_used(uses, model.path)
    return (
        model.name,
        format_bytes(model_bytes(model.path)),
        _quant(model) or quant_of(model.path.name),
        fits(model.shape),
        _ago(used, now) if used is not None else "never",
        _origin(model),
    )


def _missing_row(entry: "CatalogueEntry", fits: "TellFit") -> "Row":
    return (entry.name, format_bytes(entry.total_bytes), _entry_quant(entry), fits(entry.shape), entry.good_for)


def _quant(model: "InstalledModel") -> str:
    return _entry_quant(model.entry) if model.entry is not None else ""


def _entry_quant(entry: "CatalogueEntry") -> str:
    from oss_cli.store.local import quant_of

    return quant_of(Path(entry.files[0].name).name) if entry.files else ""


def _installed_value(model: "InstalledModel", fits: "TellFit", uses: "dict[str, datetime]") -> dict[str, object]:
    from oss_cli.store.local import model_bytes, quant_of
    from oss_cli.store.usage import last_used

    used = last_used(uses, model.path)
    return {
        "name": model.name,
        "here": True,
        "path": str(model.path),
        "bytes": model_bytes(model.path),
        "quant": _quant(model) or quant_of(model.path.name) or None,
        "from": _origin(model),
        "fits": fits(model.shape) or None,
        "last_used": used.isoformat(timespec="seconds") if used is not None else None,
        "problem": None,
    }


def _broken_value(model: "BrokenModel") -> dict[str, object]:
    return {
        "name": model.name,
        "here": False,
        "path": str(model.path),
        "bytes": model.bytes or None,
        "quant": None,
        "from": "models folder",
        "fits": None,
        "last_used": None,
        "problem": model.problem,
    }


def _missing_value(entry: "CatalogueEntry", fits: "TellFit") -> dict[str, object]:
    return {
        "name": entry.name,
        "here": False,
        "path": None,
        "bytes": entry.total_bytes or None,
        "quant": _entry_quant(entry) or None,
        "from": entry.repository or entry.package,
        "fits": fits(entry.shape) or None,
        "last_used": None,
        "problem": None,
    }


def _shown_value(
    name: str, facts: dict[str, str], shape: "ModelShape | None", memory: "list[Fit]"
) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "name": name,
        **{label.replace(" ", "_"): text for label, text in facts.items() if text},
        "shape": asdict(shape) if shape is not None else None,
        "memory": [
            {
                "context_tokens": one.context_tokens,
                "weights_bytes": one.estimate.weights_bytes,
                "kv_bytes": one.estimate.kv_bytes,
                "compute_bytes": one.estimate.compute_bytes,
                "total_bytes": one.estimate.total_bytes,
                "verdict": str(one.verdict),
                "plan": one.sentence,
                "tokens_per_second": round(one.tokens_per_second, 1),
                "measured_on": one.measured_on or None,
            }
            for one in memory
        ],
    }


def _ago(when: "datetime", now: "datetime") -> str:
    """How long ago, for people; a date after a month."""
    minutes = int((now - when).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    for limit, size, unit in ((60, 1, "minute"), (48 * 60, 60, "hour"), (31 * 24 * 60, 24 * 60, "day")):
        if minutes < limit:
            count = minutes // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return when.date().isoformat()
