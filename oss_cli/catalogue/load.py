"""models.toml → Catalogue, with the user's own file laid over ours.

A user's [models.NAME] may be new, or change single fields of one of ours: tables are merged field by field, lists and
values replace ours, aliases are added. A new source (repository, package or path) drops all that was said of our file.
Names and aliases in the user's file win over our aliases. [aliases] in it gives further names: `fast = "qwen3-4b"`.
"""

import tomllib
from dataclasses import replace
from pathlib import Path

from oss_cli.catalogue.entries import ArchitectureDefaults, Catalogue, CatalogueEntry
from oss_cli.catalogue.fields import Table
from oss_cli.catalogue.overlay import Values, key_of, laid_over, merged
from oss_cli.catalogue.parse import check_name, read_architecture, read_entry
from oss_cli.errors import BadCatalogue
from oss_cli.own_text import read_own_text

_SECTIONS = ("models", "aliases", "architectures")


def load_catalogue(user_file: Path | None) -> Catalogue:
    """The models we know, and those of the user's own models.toml if there is one at that path. Takes about 5 ms.

    Raises:
        BadCatalogue: a file cannot be read, or holds what it may not; names the entry and the field.
    """
    our_file = _our_file()
    ours = _read(our_file)
    theirs: Values = {}
    path = our_file
    if user_file is not None and _is_there(user_file):
        path = user_file
        theirs = _read(path)
    their_models = theirs.get("models", {})

    architectures = {
        name: read_architecture(Table(path, f"architectures.{name}", values))
        for name, values in merged(ours["architectures"], theirs.get("architectures", {})).items()
    }
    entries = []
    for name, values in laid_over(ours["models"], their_models).items():
        entry = read_entry(Table(path if key_of(name, their_models) else our_file, name, values), name)
        entries.append(_with_defaults(entry, architectures))
    entries = _with_aliases(entries, Table(path, "aliases", theirs.get("aliases", {})))
    return Catalogue(tuple(entries), _index(entries, path), architectures)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise BadCatalogue(path, entry="", field="", problem=error.strerror or "cannot be opened") from error
    return True


def _our_file() -> Path:
    # The wheel packs it into oss_cli/, a checkout has it beside oss_cli/. Importing importlib.resources costs 3 ms.
    package = Path(__file__).parents[1]
    inside = package / "models.toml"
    return inside if inside.exists() else package.with_name("models.toml")


def _read(path: Path) -> Values:
    try:
        values = tomllib.loads(read_own_text(path))
    except OSError as error:
        raise BadCatalogue(path, entry="", field="", problem=error.strerror or "cannot be opened") from error
    except UnicodeDecodeError as error:
        raise BadCatalogue(path, entry="", field="", problem=f"not UTF-8 text at byte {error.start:,}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadCatalogue(path, entry="", field="", problem=f"not TOML: {error}") from error
    top = Table(path, "", values)
    top.check_fields(_SECTIONS)
    for section in _SECTIONS:
        table = top.table(section)
        if table is not None and section != "aliases":
            inside = Table(path, section, table.values)
            for name in table.values:
                inside.table(name)
    return values


def _with_defaults(entry: CatalogueEntry, architectures: dict[str, ArchitectureDefaults]) -> CatalogueEntry:
    defaults = architectures.get(entry.shape.architecture) if entry.shape else None
    if defaults is None:
        return entry
    return replace(entry, format=entry.format or defaults.format, sampling=entry.sampling.over(defaults.sampling))


def _index(entries: list[CatalogueEntry], path: Path) -> dict[str, CatalogueEntry]:
    by_name: dict[str, CatalogueEntry] = {}
    for entry in entries:
        other = by_name.setdefault(entry.name.lower(), entry)
        if other is not entry:
            raise BadCatalogue(path, entry=entry.name, field="", problem=f"is the same name as {other.name}")
    for entry in entries:
        for alias in entry.aliases:
            other = by_name.setdefault(alias.lower(), entry)
            if other is not entry:
                whose = "the name" if other.name.lower() == alias.lower() else "an alias"
                problem = f"{alias!r} is already {whose} of {other.name}"
                raise BadCatalogue(path, entry=entry.name, field="aliases", problem=problem)
    return by_name


def _with_aliases(entries: list[CatalogueEntry], table: Table) -> list[CatalogueEntry]:
    """The entries with the aliases that the user's [aliases] gives or takes away."""
    by_name = _index(entries, table.path)
    added: dict[str, list[str]] = {entry.name: [] for entry in entries}
    for alias in table.values:
        check_name(table, alias, alias)
        target = by_name.get(table.text(alias).lower())
        if target is None:
            raise table.bad(alias, f"no model is called {table.text(alias)!r}")
        if any(entry.name.lower() == alias.lower() for entry in entries):
            raise table.bad(alias, "is the name of a model")
        added[target.name].append(alias)
    claimed = {alias.lower() for alias in table.values}
    return [
        replace(entry, aliases=(*(a for a in entry.aliases if a.lower() not in claimed), *added[entry.name]))
        for entry in entries
    ]
