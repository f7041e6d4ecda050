"""What is wrong with a schema, and where in it. Knows nothing of how schemas are read."""

from oss_cli.errors import BadUsage


def not_supported(pointer: str, feature: str, *, hint: str = "") -> BadUsage:
    """The schema holds something that answers cannot be held to."""
    return BadUsage("the schema cannot be used", cause=f"{pointer}: {feature} is not supported", hint=hint)


def impossible(pointer: str) -> BadUsage:
    """No value fits the schema."""
    return BadUsage("the schema cannot be used", cause=f"{pointer}: no value can be like this")


def below(pointer: str, *keys: str | int) -> str:
    """The JSON pointer of something inside."""
    return pointer + "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)
