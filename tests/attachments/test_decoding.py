"""Texts in any encoding, and what is no text."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.attachments.decoding import Decoded, binary_kind, decode, decode_certainly

TEXTS = {
    "cp1252": "Der Käse ist schön, größer und süßer als früher. “Zitat” – 5 €.\n",
    "cp1251": "Привет, мир! Это обычный русский текст, сохранённый в старой кодировке.\n",
    "koi8_r": "Привет, мир! Это обычный русский текст, сохранённый в старой кодировке.\n",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń.\n",
    "cp1253": "Αυτό είναι ένα ελληνικό κείμενο σε παλιά κωδικοποίηση.\n",
    "cp932": "これは日本語のテキストです。文字コードはシフトJISです。\n",
    "euc_jp": "これは日本語のテキストです。文字コードはEUCです。\n",
    "gb18030": "这是一个简体中文文本文件，使用旧的编码保存。\n",
    "big5": "這是一個繁體中文文字檔案，使用舊的編碼儲存。\n",
    "cp949": "이것은 옛날 인코딩으로 저장된 한국어 텍스트 파일입니다.\n",
}


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("times", [1, 50])
def test_a_legacy_encoding_is_recognised(encoding: str, times: int) -> None:
    data = (TEXTS[encoding] * times).encode(encoding)
    assert binary_kind(data) is None
    assert decode(data) == Decoded(TEXTS[encoding] * times, encoding)


def test_one_accent_in_a_program_is_western() -> None:
    data = ("def f():\n    return 1\n" * 20 + "# café\n").encode("latin-1")
    assert decode(data) == Decoded("def f():\n    return 1\n" * 20 + "# café\n", "cp1252")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides(encoding: str) -> None:
    data = "Grüße 🦊\r\n".encode(encoding)
    decoded = decode(data)
    assert decoded is not None
    assert decoded.text == "Grüße 🦊\n"
    assert binary_kind(data) is None


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["plain ASCII\n", "Grüße, 世界 🦊\n", "日本語のテキスト、\n二行目。\n"])
def test_utf_16_without_a_mark_is_recognised(encoding: str, text: str) -> None:
    assert binary_kind(text.encode(encoding)) is None
    assert decode(text.encode(encoding)) == Decoded(text, encoding)


@given(st.text(alphabet=st.characters(exclude_characters="\0\ufeff")))
def test_utf_8_is_never_guessed_at(text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    assert decode(text.encode()) == Decoded(lines, "utf-8")


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_not_and_nothing_breaks(data: bytes) -> None:
    binary_kind(data)
    decoded = decode(data)
    assert decoded is None or "\r" not in decoded.text


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image"),
        (b"%PDF-1.7\nall of it in ASCII\n", "a PDF document"),
        (b"PK\x03\x04\x14\0\0\0", "a ZIP archive or an office document"),
        (b"SQLite format 3\0\x10\0", "an SQLite database"),
        (b"GGUF\x03\0\0\0", "a model"),
        (b"\x7fELF\x02\x01\x01\0", "a program"),
        (b"x" * 257 + b"ustar\0" + b"00", "a tar archive"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP image"),
        (b"\0\x01\x02\x03\xff\xfe\xfd\0\0\0\x07", "binary data"),
        (zlib.compress(bytes(range(256)) * 40), "binary data"),
    ],
)
def test_a_binary_file_says_what_it_seems_to_be(data: bytes, kind: str) -> None:
    assert binary_kind(data) == kind


def test_words_that_begin_like_a_binary_format_are_text() -> None:
    for text in ("MZ is a mark", "GIF87 and GIF89", "ID3 tags", "BZh", ""):
        assert binary_kind(text.encode()) is None


def test_a_letter_cut_in_half_at_the_end_of_the_sniffed_bytes_is_no_reason() -> None:
    assert binary_kind(("a" + "é" * 5000).encode()[:8192]) is None


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        (b"\xef\xbb\xbfa\r\nb\rc", "", "a\nb\rc"),
        ("é".encode("utf-16"), "", "é"),
        (b"\xe9", "latin-1", "é"),
        (b"\xef\xbb\xbf\xc3\xa9", "UTF-8", "é"),
        ("é".encode("utf-32"), "utf-32", "é"),
    ],
)
def test_a_known_encoding_is_never_guessed(data: bytes, encoding: str, text: str) -> None:
    assert decode_certainly(data, encoding) == text


def test_what_is_not_in_the_known_encoding_is_an_error() -> None:
    for data, encoding in ((b"\xe9", ""), (b"\xe9", "ascii"), (b"\xff\xfea", "")):
        with pytest.raises(UnicodeDecodeError):
            decode_certainly(data, encoding)
    with pytest.raises(LookupError):
        decode_certainly(b"x", "rot13")
