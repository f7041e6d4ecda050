"""Text to tokens and back on real vocabularies: gpt-oss's, SmolLM2's, and a SentencePiece one made here."""

from pathlib import Path

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oss_cli.engine.llama.model import LoadCancelled, load_header, load_model, load_vocabulary
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.plan import LoadPlan
from oss_cli.prompts.marking import tokenize_text
from oss_cli.prompts.pieces import PieceTokenizer
from tests.vocabulary import gpt_oss_vocabulary_path


@pytest.fixture(scope="module")
def gpt_oss() -> LlamaVocabulary:
    return load_vocabulary(gpt_oss_vocabulary_path())


@pytest.fixture(scope="module")
def sentence_piece(tmp_path_factory: pytest.TempPathFactory) -> LlamaVocabulary:
    """A vocabulary that puts a space before every text, as Llama 2's does."""
    path = tmp_path_factory.mktemp("spm") / "spm.gguf"
    kinds = gguf.TokenType
    tokens = [("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    tokens += [(text, kinds.NORMAL) for text in ("▁", "a", "b", "▁a", "ab", "▁ab")]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in tokens])
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_token_scores([float(len(text)) for text, _ in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_space_prefix(True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return load_vocabulary(path)


def test_pieces_longer_than_32_bytes_are_whole(gpt_oss: LlamaVocabulary) -> None:
    assert gpt_oss.piece(3523) == b" " * 35
    longest = max((gpt_oss.piece(token) for token in range(gpt_oss.size)), key=len)
    assert len(longest) == 128
    assert sum(len(gpt_oss.piece(token)) > 32 for token in range(199_998)) == 266


def test_control_tokens_are_found_by_name_and_have_no_bytes(gpt_oss: LlamaVocabulary) -> None:
    assert (gpt_oss.special("<|return|>"), gpt_oss.special("<|start|>")) == (200002, 200006)
    assert gpt_oss.special("hello") is None
    assert gpt_oss.piece(200002) == b""
    assert [gpt_oss.is_end(token) for token in (200002, 200012, 199999, 200007)] == [True, True, True, False]


def test_bytes_come_back_as_they_went_in(gpt_oss: LlamaVocabulary) -> None:
    text = "Zürich 東京 🦙 \x00 tab\tend  \n\n    code"
    pieces = [gpt_oss.piece(token) for token in gpt_oss.tokenize(text, parse_special=False)]
    assert b"".join(pieces).decode() == text


def test_a_sentence_piece_text_gets_no_space_of_its_own(sentence_piece: LlamaVocabulary) -> None:
    tokens = sentence_piece.tokenize("ab", parse_special=False)
    assert [sentence_piece.name(token) for token in tokens] == ["ab"]


def test_a_sentence_piece_marker_in_a_text_is_cut_without_a_space(sentence_piece: LlamaVocabulary) -> None:
    tokens = tokenize_text(sentence_piece, "a</s>b")
    assert b"".join(sentence_piece.piece(token) for token in tokens) == b"a</s>b"
    assert not any(sentence_piece.is_special(token) for token in tokens)


@given(st.lists(st.sampled_from(["<s>", "</s>", "a", " a", " ", "b", "\n", "é", "<"])).map("".join))
def test_a_sentence_piece_text_in_pieces_has_the_tokens_of_one_call(sentence_piece: LlamaVocabulary, text: str) -> None:
    pieces = PieceTokenizer(sentence_piece, lambda name: True)
    long = text + "a b " * 1000 + text
    assert pieces.tokenize([long]) == sentence_piece.tokenize(long, parse_special=True)


def test_a_header_alone_has_vocabulary_and_template(smollm2: Path) -> None:
    header = load_header(smollm2)
    assert header.architecture == "llama"
    assert header.chat_template is not None and "<|im_start|>" in header.chat_template
    header.close()


def test_a_load_reports_its_progress_and_can_be_stopped(smollm2: Path) -> None:
    shares: list[float] = []

    def stop_half_way(share: float) -> bool:
        shares.append(share)
        return share < 0.5

    with pytest.raises(LoadCancelled):
        load_model(LoadPlan(smollm2, threads=1), on_progress=stop_half_way)
    assert shares == sorted(shares)
    assert 0.5 <= shares[-1] < 0.6


@pytest.mark.parametrize("run", ["a", "A", " ", "\n", "=", "中", "é", "\u0301", "🦙", "<", "<|", "ab,"])
def test_an_endless_run_of_one_kind_is_tokenised_and_comes_back(gpt_oss: LlamaVocabulary, run: str) -> None:
    text = "begin " + run * 60_000 + " end"
    tokens = gpt_oss.tokenize(text, parse_special=False)
    assert b"".join(gpt_oss.piece(token) for token in tokens).decode() == text


def test_a_marker_after_an_endless_run_is_still_found(gpt_oss: LlamaVocabulary) -> None:
    for length in range(1990, 2010):
        tokens = gpt_oss.tokenize("a" * length + "<|end|>" + "b" * 3000, parse_special=True)
        assert tokens.count(200007) == 1


def test_a_long_text_has_the_tokens_of_one_call(gpt_oss: LlamaVocabulary) -> None:
    sentence = "The quick brown fox didn't jump over 12345 lazy dogs; naïve, isn't it?\n\n\tindented  code = f(x)\n"
    text = sentence * 3000
    once = gpt_oss.tokenize(sentence, parse_special=False)
    assert gpt_oss.tokenize(text, parse_special=False) == once * 3000
