"""Where things live on disk. Knows nothing of what is in the files."""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

_APPLICATION = "oss"


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one user; none of them need exist."""

    config: Path
    """config.toml and the user's own models.toml."""
    data: Path
    """What must not be lost."""
    cache: Path
    """What can be made again."""

    @property
    def config_file(self) -> Path:
        """The settings."""
        return self.config / "config.toml"

    @property
    def user_models_file(self) -> Path:
        """The user's own models, laid over ours."""
        return self.config / "models.toml"

    @property
    def models(self) -> Path:
        """GGUF files that belong to `oss` itself; each is installed under its file's name."""
        return self.data / "models"

    @property
    def prompt_history_file(self) -> Path:
        """What was typed in `oss chat`."""
        return self.data / "prompt-history"

    @property
    def usage_file(self) -> Path:
        """When each model was last used."""
        return self.data / "usage.json"

    @property
    def probe_file(self) -> Path:
        """What the last look at this computer found."""
        return self.cache / "probe.json"

    @property
    def log_file(self) -> Path:
        """The tracebacks of our own bugs."""
        return self.cache / "oss.log"


def find_paths() -> Paths:
    """$OSS_HOME's subfolders if it is set, else the platform's own places for configuration, data and caches."""
    home = os.environ.get("OSS_HOME")
    if home:
        root = Path(os.path.expanduser(home))  # noqa: PTH111 - Path.expanduser fails where a user is not known
        return Paths(config=root, data=root, cache=root / "cache")
    return Paths(
        config=platformdirs.user_config_path(_APPLICATION, appauthor=False),
        data=platformdirs.user_data_path(_APPLICATION, appauthor=False),
        cache=platformdirs.user_cache_path(_APPLICATION, appauthor=False),
    )
