"""Bytes → text, or what kind of binary file they are. Knows nothing of files."""

import codecs
import unicodedata
from dataclasses import dataclass

SNIFFED_BYTES = 8192
"""How much of a file's beginning tells whether it is text."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with theirs
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LEGACY_ENCODINGS = (
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256",
    "cp932", "euc_jp", "gb18030", "big5", "cp949",
)  # fmt: skip
_TEXT_CONTROLS = set("\t\n\v\f\r\x1b")
_MOST_CONTROLS = 0.01  # of the bytes of a text in a legacy encoding

# Where a format's mark stands, the mark, and the format's name.
_MARKS = (
    (0, b"%PDF-", "a PDF document"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (8, b"WEBP", "a WebP image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (0, b"PK\x03\x04", "a ZIP archive or an office document"),
    (0, b"\xd0\xcf\x11\xe0", "an old office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a Windows program"),
    (0, b"\xcf\xfa\xed\xfe", "a macOS program"),
    (0, b"\xca\xfe\xba\xbe", "a Java class or a macOS program"),
    (0, b"\0asm", "a WebAssembly program"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"GGUF", "a model"),
    (0, b"PAR1", "a Parquet table"),
    (0, b"RIFF", "a sound or a video"),
    (0, b"OggS", "a sound or a video"),
    (4, b"ftyp", "a video"),
    (0, b"ID3", "a sound"),
    (0, b"fLaC", "a sound"),
    (0, b"wOF", "a font"),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text and the encoding that its bytes were in."""

    text: str
    encoding: str


def binary_kind(head: bytes) -> str | None:
    """What the beginning of a file seems to be, such as `a PNG image`; None if it is text."""
    marked = next((name for at, mark, name in _MARKS if head.startswith(mark, at)), None)
    if head.startswith(b"%PDF-"):  # may well be ASCII from end to end
        return marked
    if _has_mark(head) or _is_utf8(head):
        return None
    if marked is not None:
        return marked
    if 0 in head:
        return None if _guess_utf16(head) else "binary data"
    return "binary data" if _has_many_controls(head) else None


def decode(data: bytes) -> Decoded | None:
    """The text of a whole file, its line ends made plain line feeds; None if no encoding fits.

    A byte order mark decides, then whether it is UTF-8; UTF-16 without a mark and legacy encodings are guessed from
    what the text would look like.
    """
    found = _decode(data)
    if found is None:
        return None
    return Decoded(found.text.replace("\r\n", "\n").replace("\r", "\n"), found.encoding)


def decode_certainly(data: bytes, encoding: str = "") -> str:
    """The text of bytes in an encoding that is known: the one that is named, else by a byte order mark, else UTF-8.

    Line ends of Windows become plain line feeds; nothing is guessed.

    Raises:
        UnicodeDecodeError: they are not in that encoding.
        LookupError: there is no encoding of that name for texts.
    """
    if encoding:
        name = codecs.lookup(encoding).name
        text = data.decode("utf-8-sig" if name == "utf-8" else name)  # a LookupError as well if it is rot13 or the like
        return text.removeprefix("\ufeff").replace("\r\n", "\n")
    mark, encoding = next(((mark, name) for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), (b"", "utf-8"))
    return data[len(mark) :].decode(encoding).replace("\r\n", "\n")


def _decode(data: bytes) -> Decoded | None:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return Decoded(data[len(mark) :].decode(encoding, "replace"), encoding)
    if 0 in data:
        utf16 = _guess_utf16(data)
        return Decoded(data.decode(utf16, "replace"), utf16) if utf16 else None
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return None if _has_many_controls(data) else _decode_legacy(data)


def _decode_legacy(data: bytes) -> Decoded | None:
    from charset_normalizer import from_bytes  # 35 ms, and few files need it

    matches = from_bytes(data, cp_isolation=list(_LEGACY_ENCODINGS))
    best = matches.best()
    if best is None:
        return None
    # Of those that it holds for equally good, the most common: it would take cp1250 for a German text.
    equals = [one for one in matches if (one.chaos, one.coherence) == (best.chaos, best.coherence)]
    names = {name for one in equals for name in one.could_be_from_charset}
    encoding = next((name for name in _LEGACY_ENCODINGS if name in names), best.encoding)
    return Decoded(data.decode(encoding, "replace"), encoding)


def _has_mark(head: bytes) -> bool:
    return any(head.startswith(mark) for mark, _ in _BYTE_ORDER_MARKS)


def _is_utf8(head: bytes) -> bool:
    if 0 in head:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last letter may be cut
    except UnicodeDecodeError:
        return False
    return True


def _guess_utf16(data: bytes) -> str | None:
    """The byte order in which this is a text with no strange letters, if there is one: the one with more ASCII."""
    best, most_ascii = None, 0
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(data[:SNIFFED_BYTES])
        except UnicodeDecodeError:
            continue
        ascii_letters = sum(letter.isascii() for letter in text)
        if ascii_letters > most_ascii and not any(map(_is_strange, text)):
            best, most_ascii = encoding, ascii_letters
    return best


def _is_strange(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category in ("Cn", "Co", "Cs") or (category == "Cc" and letter not in _TEXT_CONTROLS)


def _has_many_controls(data: bytes) -> bool:
    controls = sum(byte < 0x20 and chr(byte) not in _TEXT_CONTROLS for byte in data[:SNIFFED_BYTES])
    return controls > len(data[:SNIFFED_BYTES]) * _MOST_CONTROLS
