"""Makes text that comes from a model, a file or a hub harmless to a terminal, and visibly so.

What drives a terminal, turns the direction of reading or takes no place at all is shown as its code. Kept are the
invisible characters that shape what can be seen: joiners (U+200C, U+200D), and a variation selector directly behind a
character that has variants. More of them, or elsewhere, could spell a hidden text.
"""

import re
import unicodedata

_KEPT = {"\n", "\t"}
_BIDI_CONTROLS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)
_INVISIBLE = (
    0x00AD, 0x034F, 0x200B, *range(0x2060, 0x2066), 0xFEFF,  # hints about breaking lines, and invisible operators
    0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x3164, 0xFFA0,  # letters that are empty
    *range(0x206A, 0x2070), *range(0xFFF9, 0xFFFC), *range(0x1D173, 0x1D17B),  # old format characters
    *range(0x13430, 0x13440), *range(0x1BCA0, 0x1BCA4),  # that arrange hieroglyphs and shorthand
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


_SELECTOR = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def visible(text: str, after: str | None = None) -> str:
    """The text with every control character but line feed and tab replaced by something that can be seen.

    Args:
        after: what stands before it, made visible; None: nobody knows, and a selector at the beginning is let be.
    """
    if text.isascii() and text.isprintable():
        return text
    seen = text.translate(_VISIBLE)

    def judge(found: re.Match[str]) -> str:
        before = seen[found.start() - 1] if found.start() else after if after is None else after[-1:]
        return found[0] if before is None or _has_variant(before, found[0]) else f"<U+{ord(found[0]):04X}>"

    return _SELECTOR.sub(judge, seen)


def _has_variant(base: str, selector: str) -> bool:
    """Whether the selector can mean something behind this character; generous, as new ones are added every year.

    Source: StandardizedVariants.txt, emoji-variation-sequences.txt and the Ideographic Variation Database, 2026-11.
    """
    if not base:
        return False
    kind = unicodedata.category(base)
    if selector < "\ufe00":
        return "\u1800" <= base < "\u18b0" and kind[0] in "LP"  # Mongolian
    if selector > "\uffff":
        return kind == "Lo" and base >= "\u3400"  # ideographs
    if base.isascii():
        return base in "#*0123456789"  # the keys of a telephone
    return kind[0] in "SPN" or kind in ("Lo", "Mc")
