"""What Tab offers: names of models and settings. Asks the catalogue and the disk, loads nothing else; never fails."""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import typer

from oss_cli.errors import OssError

if TYPE_CHECKING:
    from oss_cli.catalogue import CatalogueEntry


_PUNCTUATION = ".,!?-_+/…–—"
"""What titles keep. Quotes, brackets, backslashes, dollars and colons mean something to one shell or another."""
_IN_NAMES = "._-/:+@"


def complete_model(incomplete: str) -> list[str]:
    """Names and aliases of all models that begin like this."""
    return _beginning(incomplete, _model_names(only_here=False))


def complete_prompt(context: typer.Context, incomplete: str) -> list[str]:
    """The same where a model's name may stand before a prompt: of its first word alone."""
    return [] if context.params.get("words") else complete_model(incomplete)


def complete_pullable(incomplete: str) -> list[str]:
    """Names and aliases of the models that are on the Hub and begin like this."""
    return _beginning(incomplete, _pullable_names())


def complete_alias(incomplete: str) -> list[str]:
    """Names of the user's own that begin like this."""
    from oss_cli import wiring

    try:
        return _beginning(incomplete, tuple(wiring.user_aliases()))
    except OssError:
        return []


def complete_installed(incomplete: str) -> list[str]:
    """Names of the models on this computer that begin like this."""
    return _beginning(incomplete, _model_names(only_here=True))


def complete_setting(incomplete: str) -> list[str]:
    """Names of settings that begin like this."""
    from oss_cli.settings import SETTING_NAMES

    return _beginning(incomplete, SETTING_NAMES)


def complete_server(incomplete: str) -> list[str]:
    """Names of the servers in config.toml that begin like this."""
    from oss_cli import wiring
    from oss_cli.settings import read_servers

    try:
        return _beginning(incomplete, ("local", *read_servers(wiring.config_file())))
    except OssError:
        return []


def complete_template(incomplete: str) -> list[str]:
    """Names of saved prompts that begin like this."""
    from oss_cli import wiring

    try:
        return _beginning(incomplete, tuple(wiring.open_templates().names()))
    except OssError:
        return []


def complete_conversation(incomplete: str) -> list[tuple[str, str]]:
    """Ids of kept conversations that begin like this, the latest first, each with its title."""
    from oss_cli import wiring

    try:
        summaries = wiring.open_history().summaries()
    except OssError:  # a broken history is told by the command itself
        return []
    found = [one for one in summaries if one.id.startswith(incomplete.lower())]
    return [(one.id if len(incomplete) > len(one.short_id) else one.short_id, _harmless(one.title)) for one in found]


def _harmless(title: str) -> str:
    """A title without what a shell could take for more than text: zsh evaluates the meanings of what it offers."""
    from oss_cli.terminal.sanitize import visible

    kept = "".join(letter if _is_word(letter) or letter in _PUNCTUATION else " " for letter in visible(title))
    return " ".join(kept.split())


def _is_word(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LMN"


def _is_harmless_name(name: str) -> bool:
    """Names come from files and from other programs' folders, and shells put them on a command line."""
    return all(_is_word(letter) or letter in _IN_NAMES for letter in name) and not name.startswith("-")


def _model_names(*, only_here: bool) -> Iterator[str]:
    from oss_cli import wiring

    try:
        catalogue = wiring.open_catalogue()
        store = wiring.open_store(catalogue)
    except OssError:  # a broken models.toml or config.toml is told by the command itself
        return
    if only_here:
        yield from (model.name for model in store.installed())
        return
    yield from _catalogue_names(catalogue)
    yield from store.own_names()


def _pullable_names() -> Iterator[str]:
    from oss_cli import wiring

    try:
        catalogue = wiring.open_catalogue()
    except OssError:
        return
    yield from _catalogue_names(entry for entry in catalogue if entry.repository is not None)


def _catalogue_names(entries: "Iterable[CatalogueEntry]") -> Iterator[str]:
    for entry in entries:
        yield entry.name
        # There are many such aliases, and few shells that can complete them.
        yield from (alias for alias in entry.aliases if ":" not in alias)


def _beginning(incomplete: str, names: "Iterator[str] | tuple[str, ...]") -> list[str]:
    found = [name for name in dict.fromkeys(names) if name.lower().startswith(incomplete.lower())]
    # Bash takes a colon for the end of a word, zsh for what parts a name from its meaning.
    takes_colons = os.environ.get("_OSS_COMPLETE", "").partition("_")[2] not in ("bash", "zsh")
    return [name for name in found if (takes_colons or ":" not in name) and _is_harmless_name(name)]


def complete_held(incomplete: str) -> list[str]:
    """Names of the models that are kept in memory and begin like this."""
    from oss_cli import wiring

    try:
        return _beginning(incomplete, tuple(one.record.name for one in wiring.held_models()))
    except OssError:
        return []
