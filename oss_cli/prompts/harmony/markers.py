"""The control tokens of harmony in one vocabulary, found by name: their ids differ from model file to model file."""

from dataclasses import dataclass

from oss_cli.errors import EngineFailed
from oss_cli.prompts.base import Vocabulary

REQUIRED = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>")
OPTIONAL = ("<|constrain|>", "<|endoftext|>")
TERMINATORS = frozenset({"<|end|>", "<|call|>", "<|return|>", "<|endoftext|>"})


@dataclass(frozen=True, slots=True)
class Markers:
    """Control tokens, both ways."""

    ids: dict[str, int]
    names: dict[int, str]


def has_markers(vocabulary: Vocabulary) -> bool:
    """Whether harmony can be written with this vocabulary."""
    return all(vocabulary.special(name) is not None for name in REQUIRED)


def find_markers(vocabulary: Vocabulary) -> Markers:
    """The control tokens of a vocabulary.

    Raises:
        EngineFailed: it lacks one that no message can do without.
    """
    found = {name: vocabulary.special(name) for name in REQUIRED + OPTIONAL}
    ids = {name: token for name, token in found.items() if token is not None}
    missing = [name for name in REQUIRED if name not in ids]
    if missing:
        raise EngineFailed("this model cannot speak harmony", cause=f"its vocabulary lacks {', '.join(missing)}")
    return Markers(ids, {token: name for name, token in ids.items()})
