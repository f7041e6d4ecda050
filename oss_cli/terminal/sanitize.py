"""Makes text that comes from a model, a file or a hub harmless to a terminal, and visibly so.

What drives a terminal, turns the direction of reading or takes no place at all is shown as its code. Kept are the
invisible characters that shape what can be seen: joiners (U+200C, U+200D) and variation selectors.
"""

_KEPT = {"\n", "\t"}
_BIDI_CONTROLS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)
_INVISIBLE = (
    0x00AD, 0x200B, *range(0x2060, 0x2066), 0xFEFF,  # hints about breaking lines, and invisible operators
    0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x3164, 0xFFA0,  # letters that are empty
    *range(0x206A, 0x2070), *range(0xFFF9, 0xFFFC), *range(0x1D173, 0x1D17B),  # old format characters
    *range(0xE0000, 0xE0080),  # tags: a whole hidden alphabet
)  # fmt: skip
"""Letters that nobody sees can hide a message to another model, or make a command another one than it seems."""

_VISIBLE = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in _KEPT},  # ␛ for escape, and so on
    0x7F: "␡",
    **{code: f"<{code:02X}>" for code in range(0x80, 0xA0)},  # C1: 0x9B alone begins an escape sequence
    **{code: f"<U+{code:04X}>" for code in _BIDI_CONTROLS},  # could make a command read as another
    **{code: f"<U+{code:04X}>" for code in _INVISIBLE},
    0x2028: "<U+2028>",
    0x2029: "<U+2029>",
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # lone surrogates cannot be encoded
}


def visible(text: str) -> str:
    """The text with every control character but line feed and tab replaced by something that can be seen.

    Works on pieces of a stream too: each character is judged alone.
    """
    return text if text.isascii() and text.isprintable() else text.translate(_VISIBLE)
