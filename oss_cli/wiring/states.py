"""Where states of conversations are kept, for which model, and whether at all."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from oss_cli.paths import find_paths
from oss_cli.settings import Settings
from oss_cli.wiring.choice import ModelChoice, sha256_of

if TYPE_CHECKING:
    from oss_cli.states.folder import StateFolder

DEFAULT_CACHE_GB = 4
"""A third of gpt-oss-20b's own size, and on it 160,000 tokens: forty conversations of 4,000."""
_SAMPLE_BYTES = 1 << 20


def open_states(settings: Settings) -> "StateFolder":
    """The states on this disk; makes no folder."""
    from oss_cli.states.folder import StateFolder

    return StateFolder(find_paths().states, most_bytes=most_state_bytes(settings))


def most_state_bytes(settings: Settings) -> int:
    """What all states may take together; 0: none are kept."""
    gigabytes = DEFAULT_CACHE_GB if settings.cache_gb is None else settings.cache_gb
    return gigabytes * 10**9


def keep_states(choice: ModelChoice, settings: Settings, say: Callable[[str], None]) -> ModelChoice:
    """The choice of a model that keeps states, and goes on from them; as it was if nothing is to be kept.

    say: told why a state was not kept, when the model is closed.
    """
    if settings.private or most_state_bytes(settings) == 0:
        return choice
    from oss_cli.engine.llama.kept_states import StateKeeping

    return replace(choice, states=StateKeeping(open_states(settings), _identity(choice), say))


def _identity(choice: ModelChoice) -> str:
    """What tells a model's file from all others, without reading all of it: its SHA-256 where somebody has told it, its
    size, its time, and its beginning and end.
    """
    import hashlib

    from oss_cli.store.local import model_bytes

    digest = hashlib.blake2b(digest_size=16)
    try:
        status = choice.path.stat()
        with choice.path.open("rb") as file:
            digest.update(file.read(_SAMPLE_BYTES))
            file.seek(max(0, status.st_size - _SAMPLE_BYTES))
            digest.update(file.read(_SAMPLE_BYTES))
        facts = [sha256_of(choice), model_bytes(choice.path), status.st_mtime_ns, digest.hexdigest()]
    except OSError:  # llama.cpp says it better
        facts = [str(choice.path)]
    return " ".join(map(str, facts))
