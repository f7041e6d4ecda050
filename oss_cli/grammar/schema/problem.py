"""What is wrong with a schema, and where in it. Knows nothing of how schemas are read."""

from collections.abc import Sequence

from oss_cli.errors import BadUsage

DEEPEST = 64
"""Most schemas inside each other, references that are read in place included."""

_MOST_SHOWN = 10


class NotSupported(BadUsage):
    """The schema holds something that answers cannot be held to."""

    def __init__(self, problems: Sequence[str], *, hint: str = "") -> None:
        """problems: each feature with its place, in a sentence."""
        more = len(problems) - _MOST_SHOWN
        shown = [*problems[:_MOST_SHOWN], f"and {more:,} more"] if more > 0 else problems
        super().__init__("the schema cannot be used", cause="\n".join(shown), hint=hint)
        self.problems = tuple(problems)


def not_supported(pointer: str, *features: str, hint: str = "") -> NotSupported:
    """The error for features that stand at one place."""
    return NotSupported([f"{pointer}: {feature} is not supported" for feature in features], hint=hint)


def too_deep(pointer: str) -> BadUsage:
    """The error where looking further would not come to an end."""
    cause = f"{pointer}: a schema more than {DEEPEST} deep is not supported"
    return BadUsage("the schema cannot be used", cause=cause)


def too_deep_to_read(what: str = "schema") -> BadUsage:
    """The error where Python itself cannot go deeper, before places have names."""
    cause = f"it is nested too deep: {DEEPEST} levels are possible"
    return BadUsage(f"the {what} cannot be used", cause=cause)


def too_large(most: int) -> BadUsage:
    """The error where there is too much to look at."""
    return BadUsage(
        "the schema cannot be used", cause=f"it is larger than {most:,} schemas, its references read in place"
    )


def impossible(pointer: str) -> BadUsage:
    """No value fits the schema."""
    return BadUsage("the schema cannot be used", cause=f"{pointer}: no value can be like this")


def below(pointer: str, *keys: str | int) -> str:
    """The JSON pointer of something inside."""
    return pointer + "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)
