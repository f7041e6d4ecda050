"""What was asked of `oss pull`, as a value. Loads nothing that is slow, so that a mistyped name is told at once."""

from dataclasses import dataclass

from oss_cli.catalogue import CatalogueEntry
from oss_cli.errors import quoted
from oss_cli.store.repository import is_repository_name

_PREFIXES = ("https://", "http://", "hf.co/", "huggingface.co/")


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What was asked for."""

    text: str
    """As it was typed."""
    repository: str
    wanted: str = ""
    """A quantisation or a file; empty: whatever is best."""
    entry: CatalogueEntry | None = None
    update: bool = False
    """Take what the repository holds now, not what the catalogue is pinned to."""

    @property
    def again(self) -> str:
        """The command that asks for the same."""
        return f"oss pull {quoted(self.text)}{' --update' if self.update else ''}"


def parse_repository(text: str) -> tuple[str, str] | None:
    """The repository and what is wanted of it, out of "org/repo[:WANTED]"; None if the text has no such form."""
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    repository, _, wanted = text.rstrip("/").partition(":")
    return (repository, wanted) if is_repository_name(repository) else None
