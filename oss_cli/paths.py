"""Where things live on disk. Knows nothing of what is in the files."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from oss_cli.errors import BadSettings

_APPLICATION = "oss"


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one user; none of them need exist."""

    config: Path
    """config.toml, the user's own models.toml and saved prompts."""
    data: Path
    """What must not be lost."""
    cache: Path
    """What can be made again."""
    models: Path
    """GGUF files that belong to `oss` itself; each is installed under its file's name."""
    hub_cache: Path
    """Where the Hugging Face libraries, and we, keep repositories of the Hub."""

    @property
    def config_file(self) -> Path:
        """The settings."""
        return self.config / "config.toml"

    @property
    def user_models_file(self) -> Path:
        """The user's own models, laid over ours."""
        return self.config / "models.toml"

    @property
    def templates(self) -> Path:
        """The user's saved prompts."""
        return self.config / "templates"

    @property
    def prompt_history_file(self) -> Path:
        """What was typed in `oss chat`."""
        return self.data / "prompt-history"

    @property
    def history_file(self) -> Path:
        """The conversations: a database, with two files of SQLite's own beside it while it is in use."""
        return self.data / "history.sqlite3"

    @property
    def usage_file(self) -> Path:
        """When each model was last used."""
        return self.data / "usage.json"

    @property
    def manifest_file(self) -> Path:
        """Which models we brought here, and what they are made of."""
        return self.data / "manifest.json"

    @property
    def probe_file(self) -> Path:
        """What the last look at this computer found."""
        return self.cache / "probe.json"

    @property
    def shapes_file(self) -> Path:
        """What models' headers say of their shapes."""
        return self.cache / "shapes.json"

    @property
    def states(self) -> Path:
        """What models have evaluated of conversations."""
        return self.cache / "states"

    @property
    def speeds_file(self) -> Path:
        """What `oss bench` measured."""
        return self.cache / "speeds.json"

    @property
    def log_file(self) -> Path:
        """The tracebacks of our own bugs."""
        return self.cache / "oss.log"


def find_holders_folder() -> Path:
    """Where processes that keep models in memory are found: `holders` in $OSS_HOME if that is set, else in the folder
    that Linux makes for what a user's programs run with, else in the data folder.

    Raises:
        BadSettings: as `find_paths`.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if not os.environ.get("OSS_HOME") and Path(runtime).is_absolute() and os.access(runtime, os.W_OK):
        return Path(runtime) / _APPLICATION / "holders"
    return Path(os.path.abspath(find_paths().data)) / "holders"  # noqa: PTH100 - resolve() would follow links


HUB_CACHE_VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME")
"""The Hugging Face libraries' own, the first that is set wins."""


def find_paths(*, models: Path | None = None, hub_cache: Path | None = None) -> Paths:
    """$OSS_HOME's subfolders if it is set, else the platform's own places for configuration, data and caches.

    models, hub_cache: where the settings want these two; None: where they are by themselves.

    Raises:
        BadSettings: one of them begins with a home folder that nobody knows.
    """
    home = os.environ.get("OSS_HOME")
    if home:
        config = data = expand_folder(home)
        cache = data / "cache"
    else:
        config, data, cache = _platform_folders()
    hub_cache = hub_cache or hub_cache_of(os.environ) or _default_hub_cache()
    for folder in (config, data, cache, hub_cache):
        _check_home(folder)
    return Paths(config, data, cache, models=models or data / "models", hub_cache=hub_cache)


def hub_cache_of(environment: Mapping[str, str]) -> Path | None:
    """The cache that the Hugging Face libraries' variables name; None: they name none.

    Source: huggingface_hub/constants.py (2.4); that module is not loaded for it: it costs 30 ms.
    """
    name = next((name for name in HUB_CACHE_VARIABLES if environment.get(name)), None)
    if name is None:
        return None
    folder = expand_folder(environment[name])
    return folder / "hub" if name == "HF_HOME" else folder


def expand_folder(text: str) -> Path:
    """A folder as people write it, `~` and `$NAME` replaced."""
    return Path(os.path.expanduser(os.path.expandvars(text)))  # noqa: PTH111 - Path.expanduser fails on unknown users


def _platform_folders() -> tuple[Path, Path, Path]:
    try:
        return (
            platformdirs.user_config_path(_APPLICATION, appauthor=False),
            platformdirs.user_data_path(_APPLICATION, appauthor=False),
            platformdirs.user_cache_path(_APPLICATION, appauthor=False),
        )
    except RuntimeError as error:  # platformdirs 4.14, where HOME is not set and the system knows no such user
        raise _unknown_home("~") from error


def _check_home(folder: Path) -> None:
    """Refuse a `~` that nobody could replace: it would become a folder of that name wherever we are."""
    if folder.parts and folder.parts[0].startswith("~"):
        raise _unknown_home(str(folder))


def _unknown_home(folder: str) -> BadSettings:
    cause = "it begins with the home folder of somebody whom the system does not know"
    hint = "export HOME=FOLDER" if os.name != "nt" else '$env:USERPROFILE = "FOLDER"'
    return BadSettings(f"the folder {folder} cannot be found", cause=cause, hint=hint)


def _default_hub_cache() -> Path:
    return expand_folder(f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface/hub")
