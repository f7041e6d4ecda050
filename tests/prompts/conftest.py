"""gpt-oss's real tokenizer, and OpenAI's own harmony library as the oracle. Both are built offline, in seconds."""

import pytest

from oss_cli.engine.llama.model import load_vocabulary
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from tests.prompts.oracle import Oracle
from tests.vocabulary import gpt_oss_vocabulary_path


@pytest.fixture(scope="session")
def gpt_oss() -> LlamaVocabulary:
    """llama.cpp's tokenizer with gpt-oss's vocabulary.

    It differs from o200k_harmony in one thing: its gpt-4o pre-tokenizer lacks \\p{M}, so that texts with combining
    marks (Hindi, Thai, vocalised Arabic, NFD Latin) become other tokens. Tests that compare tokens leave them out.
    """
    return load_vocabulary(gpt_oss_vocabulary_path())


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    """OpenAI's own rendering and reading of harmony."""
    return Oracle()
