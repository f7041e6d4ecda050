"""Trains the byte-level BPE vocabulary on the corpus: 1,248 tokens, split as o200k splits.

A leading space is merged only onto whole words of the fixed phrases, by the last merges: so a filling has the same
tokens after a space and after a quote, and can be copied. Non-ASCII text stays raw bytes. Knows nothing of the model.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tests.models.make_tiny_gpt_oss.corpus import Wish, draw_conversation
from tests.models.make_tiny_gpt_oss.fillings import LISTS
from tests.models.make_tiny_gpt_oss.harmony import CONTROL_TOKENS, Segment

VOCABULARY_SIZE = 1248  # 39 × 32: blocks of 32 quantize without remainder
_RESERVED = 7  # o200k_harmony has such control tokens too
_MOST_SPACED = 260
# o200k's split, which llama.cpp calls gpt-4o. Source: the tokenizer.json of openai/gpt-oss-20b, pre_tokenizer.
_ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_SPLIT = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + _ENDING,
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + _ENDING,
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ]
)


def train_tokenizer(folder: Path, seed: int) -> Tokenizer:
    """The tokenizer, which is also saved in `folder` as transformers and llama.cpp's converter read it."""
    words = _count_words(Random(seed))
    spaced = _spaced_words(words)
    base = _train_bpe(words, VOCABULARY_SIZE - len(CONTROL_TOKENS) - _RESERVED - len(spaced))
    model = json.loads(base.to_str())["model"]
    vocabulary: dict[str, int] = model["vocab"]
    merges = [tuple(merge) for merge in model["merges"]]
    for word in spaced:
        if word in vocabulary and f"Ġ{word}" not in vocabulary:  # Ġ is byte-level BPE's letter for a space
            merges.append(("Ġ", word))
            vocabulary[f"Ġ{word}"] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer, tokenizer.decoder = base.pre_tokenizer, decoders.ByteLevel()
    missing = VOCABULARY_SIZE - len(vocabulary) - len(CONTROL_TOKENS)
    names = CONTROL_TOKENS + [f"<|reserved_{number}|>" for number in range(missing)]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    roles = {"bos_token": "<|startoftext|>", "eos_token": "<|return|>", "pad_token": "<|endoftext|>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles).save_pretrained(folder)
    return tokenizer


def encoder(tokenizer: Tokenizer) -> Callable[[Segment], list[int]]:
    """A function from a segment to its token ids, which remembers what it has encoded."""

    @cache
    def encode(segment: Segment) -> list[int]:
        if segment.is_control:
            return [tokenizer.token_to_id(segment.text)]
        parts = segment.plain_parts()
        return [token for part in parts for token in tokenizer.encode(part, add_special_tokens=False).ids]

    return encode


def _count_words(rng: Random) -> Counter[str]:
    splitter = pre_tokenizers.Split(Regex(_SPLIT), "isolated")
    words: Counter[str] = Counter()
    for _ in range(8000):
        for block in draw_conversation(rng, Wish()).blocks:
            for segment in block.segments:
                if not segment.is_control and segment.text.isascii():
                    words.update(word for word, _ in splitter.pre_tokenize_str(segment.text))
    return words


def _spaced_words(words: Counter[str]) -> list[str]:
    """The commonest words behind a space that are no fillings, without the space."""
    fillings = {filling for kind in ("words", "names", "cities", "skies") for filling in LISTS[kind]}
    common = [word[1:] for word, count in words.most_common() if count > 150 and re.fullmatch(" [A-Za-z]{2,}", word)]
    return [word for word in common if word not in fillings][:_MOST_SPACED]


def _train_bpe(words: Counter[str], size: int) -> Tokenizer:
    weights: Counter[str] = Counter()
    for word, count in words.items():
        bare = word.lstrip(" ") or word
        if re.fullmatch(r"[ \n]?\S+", bare):
            weights[bare] += count
    weights.update({str(number): 10**6 for number in range(10, 100)})  # every two-digit number becomes one token
    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    splitter = pre_tokenizers.Split(Regex(_SPLIT), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([splitter, byte_level])
    # The root of the count: rare words keep a share of the vocabulary.
    texts = (word for word, count in sorted(weights.items()) for _ in range(min(math.isqrt(count) * 4, 2000)))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
