"""Times as people type them: `90s`, `10m`, `2h`, `1d`. Knows nothing of what they are for."""

_UNIT_S = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_LONGEST_S = 365 * 86_400

DURATION_FORM = "a time as 90s, 10m, 2h or 1d, or 0"
"""What a text must be, to follow "must be"."""


def read_duration(text: str) -> int:
    """Seconds; a bare number is some, and `off` is 0.

    Raises:
        ValueError: it is no such time, or longer than a year.
    """
    plain = text.strip().lower()
    if plain == "off":
        return 0
    unit_s = _UNIT_S.get(plain[-1:])
    digits = plain[:-1] if unit_s else plain
    if not (digits.isascii() and digits.isdecimal()):
        raise ValueError(text)
    seconds = int(digits[:12]) * (unit_s or 1)
    if seconds > _LONGEST_S:
        raise ValueError(text)
    return seconds


def describe_duration(seconds: int) -> str:
    """The shortest text that `read_duration` reads as so many seconds."""
    for unit, unit_s in _UNIT_S.items():
        if seconds and seconds % unit_s == 0:
            return f"{seconds // unit_s}{unit}"
    return "0"
