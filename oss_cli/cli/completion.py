"""What Tab offers: names of models and settings. Asks the catalogue and the disk, loads nothing else; never fails."""

from collections.abc import Iterator

from oss_cli.errors import OssError


def complete_model(incomplete: str) -> list[str]:
    """Names and aliases of all models that begin like this."""
    return _beginning(incomplete, _model_names(only_here=False))


def complete_installed(incomplete: str) -> list[str]:
    """Names of the models on this computer that begin like this."""
    return _beginning(incomplete, _model_names(only_here=True))


def complete_setting(incomplete: str) -> list[str]:
    """Names of settings that begin like this."""
    from oss_cli.settings import SETTING_NAMES

    return _beginning(incomplete, SETTING_NAMES)


def complete_conversation(incomplete: str) -> list[tuple[str, str]]:
    """Ids of kept conversations that begin like this, the latest first, each with its title."""
    from oss_cli import wiring

    try:
        summaries = wiring.open_history().summaries()
    except OssError:  # a broken history is told by the command itself
        return []
    found = [one for one in summaries if one.id.startswith(incomplete.lower())]
    return [(one.id if len(incomplete) > len(one.short_id) else one.short_id, one.title) for one in found]


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
    for entry in catalogue:
        yield entry.name
        # Bash splits words at colons, and would complete such an alias wrongly.
        yield from (alias for alias in entry.aliases if ":" not in alias)
    yield from store.own_names()


def _beginning(incomplete: str, names: "Iterator[str] | tuple[str, ...]") -> list[str]:
    return [name for name in dict.fromkeys(names) if name.lower().startswith(incomplete.lower())]
