"""The tables of a models.toml → entries, each field checked. Knows one entry at a time, and no file."""

import string
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from oss_cli.catalogue.entries import ArchitectureDefaults, CatalogueEntry, FormatName, ModelFile, OlderRelease
from oss_cli.catalogue.fields import Table
from oss_cli.catalogue.overlay import SOURCES
from oss_cli.conversation.options import SamplingOptions
from oss_cli.plan import ModelShape

_SAMPLING_BOUNDS: dict[str, tuple[float, float]] = {
    "temperature": (0, 100),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "repeat_penalty": (0, 100),
}


def read_entry(table: Table, name: str) -> CatalogueEntry:
    """The model that a [models.NAME] table describes.

    Raises:
        BadCatalogue: a field is missing, unknown or of the wrong kind.
    """
    table.check_fields(field.name for field in fields(CatalogueEntry) if field.name != "name")
    check_name(table, "", name)
    aliases = table.texts("aliases") or ()
    for index, alias in enumerate(aliases):
        check_name(table, f"aliases[{index}]", alias)
    _check_source(table)
    shape = table.table("shape")
    return CatalogueEntry(
        name=name,
        aliases=aliases,
        title=table.text("title", name),
        parameters=table.text("parameters"),
        licence=table.text("licence"),
        good_for=table.text("good_for"),
        repository=table.text("repository") or None,
        revision=table.text("revision", "main"),
        package=table.text("package") or None,
        path=_path(table),
        files=_files(table),
        also=tuple(_older(older) for older in table.tables("also")),
        format=_format(table),
        sampling=_sampling(table.table("sampling")),
        shape=_shape(shape) if shape else None,
        checked=table.flag("checked"),
    )


def read_architecture(table: Table) -> ArchitectureDefaults:
    """What an [architectures.NAME] table says.

    Raises:
        BadCatalogue: a field is unknown or of the wrong kind.
    """
    table.check_fields(field.name for field in fields(ArchitectureDefaults))
    return ArchitectureDefaults(_format(table), _sampling(table.table("sampling")))


def check_name(table: Table, field: str, name: str) -> None:
    """Refuse a name or alias that nobody could type.

    Raises:
        BadCatalogue: it is one.
    """
    if not name or not name.isprintable() or any(character.isspace() for character in name) or name.startswith("-"):
        raise table.bad(field, f"{name!r} is no name: it may not be empty, hold spaces or begin with a dash")


def _check_source(table: Table) -> None:
    given = [source for source in SOURCES if table.text(source)]
    if not given:
        raise table.bad("repository", "missing: a model comes from a repository, a package or a path")
    if len(given) > 1:
        raise table.bad(given[1], f"there is a {given[0]} as well: a model comes from one place")
    if given[0] == "repository" and table.text("repository").count("/") != 1:
        raise table.bad("repository", f"needs OWNER/NAME, not {table.text('repository')!r}")
    if given[0] != "path" and not table.tables("files"):
        raise table.bad("files", "missing")


def _path(table: Table) -> Path | None:
    text = table.text("path")
    if not text:
        return None
    try:
        return table.path.absolute().parent / Path(text).expanduser()
    except RuntimeError as error:
        raise table.bad("path", f"{text!r} begins with the home of somebody unknown") from error


def _files(table: Table) -> tuple[ModelFile, ...]:
    return tuple(_file(file) for file in table.tables("files"))


def _file(table: Table) -> ModelFile:
    table.check_fields(field.name for field in fields(ModelFile))
    for field in fields(ModelFile):
        _check_present(table, field.name)
    sha256 = table.text("sha256").lower()
    if len(sha256) != 64 or not set(sha256) <= set(string.hexdigits):
        raise table.bad("sha256", f"needs 64 hexadecimal digits, not {len(sha256)} characters {sha256[:12]!r}...")
    return ModelFile(table.text("name"), table.whole("bytes", least=1) or 0, sha256)


def _older(table: Table) -> OlderRelease:
    table.check_fields(field.name for field in fields(OlderRelease))
    for field in fields(OlderRelease):
        _check_present(table, field.name)
    return OlderRelease(table.text("revision"), _files(table))


def _format(table: Table) -> FormatName | None:
    name = table.text("format")
    if name and name not in tuple(FormatName):
        raise table.bad("format", f"needs one of {', '.join(FormatName)}, not {name!r}")
    return FormatName(name) if name else None


def _sampling(table: Table | None) -> SamplingOptions:
    if table is None:
        return SamplingOptions()
    table.check_fields((*_SAMPLING_BOUNDS, "top_k", "seed", "max_tokens", "stop"))
    numbers = {field: table.number(field, least=least, most=most) for field, (least, most) in _SAMPLING_BOUNDS.items()}
    return SamplingOptions(
        temperature=numbers["temperature"],
        top_p=numbers["top_p"],
        min_p=numbers["min_p"],
        repeat_penalty=numbers["repeat_penalty"],
        top_k=table.whole("top_k", least=0),
        seed=table.whole("seed", least=0, most=2**32 - 2),
        max_tokens=table.whole("max_tokens", least=1),
        stop=table.texts("stop"),
    )


def _shape(table: Table) -> ModelShape:
    known = fields(ModelShape)
    table.check_fields(field.name for field in known)
    values: dict[str, Any] = {}
    for field in known:
        if field.name not in table.values:
            if field.default is MISSING:
                _check_present(table, field.name)
        elif field.name == "architecture":
            values[field.name] = table.text(field.name)
        elif field.name == "window_pattern":
            values[field.name] = table.flags(field.name)
        else:
            values[field.name] = table.whole(field.name, least=0 if field.name.endswith("_bytes") else 1)
    return ModelShape(**values)


def _check_present(table: Table, field: str) -> None:
    if field not in table.values:
        raise table.bad(field, "missing")
