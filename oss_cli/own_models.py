"""The user's own models.toml, changed: further names for models, and names for files. Shows nothing."""

import uuid
from pathlib import Path

from oss_cli.catalogue import load_catalogue
from oss_cli.errors import BadCatalogue, BadUsage, UnknownModel
from oss_cli.toml_file import TomlFile, write_privately

_BEGINNING = "# Models and names of your own, laid over those that oss knows.\n\n"


def user_aliases(path: Path) -> dict[str, str]:
    """The names that the user gave, and what they stand for: a model's name or a file's path.

    Raises:
        BadSettings: the file cannot be read.
    """
    file = TomlFile(path)
    aliases = file.get("aliases")
    named = {str(name): str(model) for name, model in aliases.items()} if isinstance(aliases, dict) else {}
    models = file.get("models")
    files = (
        {str(name): str(table["path"]) for name, table in models.items() if _is_plain(table)}
        if isinstance(models, dict)
        else {}
    )
    return named | files


def set_alias(path: Path, alias: str, model: "str | Path") -> None:
    """Let a name stand for a model of the catalogue, or for a GGUF of the user's.

    Raises:
        BadCatalogue: the file was broken before.
        BadUsage: the name cannot be given to it.
        CannotWrite: the file cannot be written.
    """
    load_catalogue(path)
    file = TomlFile(path, beginning=_BEGINNING)
    _take_away(file, alias)
    if isinstance(model, Path):
        file.set("models", alias, "path", value=str(model))
    else:
        file.set("aliases", alias, value=model)
    _check(path, file.text(), alias)
    file.save()


def remove_alias(path: Path, alias: str) -> None:
    """Take a name away that `set_alias` gave.

    Raises:
        UnknownModel: the user gave no such name.
    """
    file = TomlFile(path)
    if not _take_away(file, alias):
        raise UnknownModel(alias, hint="oss alias")
    file.save()


def _take_away(file: TomlFile, alias: str) -> bool:
    """Case does not count in names, but it does in TOML."""
    removed = False
    for section in ("aliases", "models"):
        table = file.get(section)
        for name in list(table) if isinstance(table, dict) else ():
            if name.lower() == alias.lower() and (section == "aliases" or _is_plain(file.get(section, name))):
                removed = file.remove(section, name) or removed
    return removed


def _is_plain(table: object) -> bool:
    """Whether a [models.NAME] says no more than where the file is."""
    return isinstance(table, dict) and set(table) == {"path"}


def _check(path: Path, text: str, alias: str) -> None:
    candidate = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.check")
    write_privately(candidate, text)
    try:
        load_catalogue(candidate)
    except BadCatalogue as error:
        raise BadUsage(f"{alias!r} cannot be a model's name", cause=error.cause) from error
    finally:
        candidate.unlink(missing_ok=True)
