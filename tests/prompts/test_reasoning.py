"""How much of a reply was reasoning, and how it is led to its answer, in replies with tags and in harmony."""

import pytest

from oss_cli.conversation.events import ReasoningDelta, TextDelta
from oss_cli.engine.llama.vocabulary import LlamaVocabulary
from oss_cli.prompts.harmony import HarmonyReader
from oss_cli.prompts.text_reader import TextReader
from tests.prompts.harmony.replies import encode
from tests.prompts.test_text_reader import THINK, PieceVocabulary

THOUGHT = "<|channel|>analysis<|message|>"
SWITCH = "<|end|><|start|>assistant<|channel|>final<|message|>"


class WritingVocabulary(PieceVocabulary):
    """Remembers what it was asked to tokenize."""

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        assert parse_special
        self.written = text
        return [0]


@pytest.mark.parametrize(
    ("pieces", "counts"),
    [
        (["<think>", "Hm", ".", "</think>", "\n\n", "Hi"], [0, 1, 2, 2, 2, 2]),
        (["<think>", "\n", "Hm", "\n", "</think>", "Hi"], [0, 1, 2, 3, 3, 3]),
        (["<", "think", ">", "Hm", "</", "think", ">", "Hi"], [0, 0, 0, 1, 1, 1, 1, 1]),
        (["<think>", "a <", "b", "</thi", "nk", "!"], [0, 1, 2, 2, 2, 5]),
        (["<think>", "<", "<", "/think>"], [0, 0, 1, 1]),
        (["<think>Hm", " a</think>Hi"], [1, 2]),
        (["<think>", "</think>", "Hi"], [0, 0, 0]),
        (["Hi", "<think>", "Hm"], [0, 0, 0]),
    ],
)
def test_tokens_between_the_tags_are_counted(pieces: list[str], counts: list[int]) -> None:
    reader = TextReader(PieceVocabulary([piece.encode() for piece in pieces]), tags=THINK)
    counted = []
    for token in range(len(pieces)):
        reader.feed(token)
        counted.append(reader.reasoning_tokens)
    assert counted == counts


def test_what_was_held_back_of_the_reasoning_is_counted_in_the_end() -> None:
    reader = TextReader(PieceVocabulary([b"a", b"</", b"think"]), tags=THINK, thinks=True)
    assert [reader.feed(token) for token in range(3)] == [[ReasoningDelta("a")], [], []]
    assert (reader.reasoning_tokens, reader.close(), reader.reasoning_tokens) == (1, [ReasoningDelta("</think")], 3)


@pytest.mark.parametrize(
    ("pieces", "thinks", "written"),
    [
        ([], True, "\n</think>\n\n"),
        ([b"Hm."], True, "\n</think>\n\n"),
        ([b"Hm.</th"], True, "ink>\n\n"),
        ([b"Hm.</think>"], True, None),
        ([], False, None),
        ([b"<thi"], False, None),
        ([b"<think>"], False, "\n</think>\n\n"),
        ([b"Hi"], False, None),
        ([b"Hm.\xf0\x9f"], True, None),
    ],
)
def test_open_reasoning_is_closed_with_what_its_tag_lacks(
    pieces: list[bytes], thinks: bool, written: str | None
) -> None:
    vocabulary = WritingVocabulary(pieces)
    vocabulary.written = ""
    reader = TextReader(vocabulary, tags=THINK, thinks=thinks)
    for token in range(len(pieces)):
        reader.feed(token)
    assert (reader.switch_to_answer(), vocabulary.written) == (([0], written) if written else ([], ""))


def test_a_character_that_never_gets_whole_is_split_on_demand() -> None:
    vocabulary = WritingVocabulary([b"</\xf0\x9f"])
    reader = TextReader(vocabulary, tags=THINK, thinks=True)
    reader.feed(0)
    assert (reader.switch_to_answer(splits_characters=True), vocabulary.written) == ([0], "\n</think>\n\n")


def test_a_cut_off_reply_leaves_half_a_character_out(gpt_oss: LlamaVocabulary) -> None:
    text = TextReader(PieceVocabulary([b"a\xf0\x9f"]))
    assert (text.feed(0), text.close(is_cut_off=True)) == ([TextDelta("a")], [])
    snowman = gpt_oss.tokenize("☃", parse_special=False)
    harmony = HarmonyReader(gpt_oss)
    for token in [*encode(gpt_oss, "<|channel|>final<|message|>"), *snowman[:-1]]:
        assert harmony.feed(token) == []
    assert harmony.close(is_cut_off=True) == []


@pytest.mark.parametrize(
    ("written", "count"),
    [
        (f"{THOUGHT}One two", 2),
        (f"{THOUGHT}One two<|end|><|start|>assistant<|channel|>final<|message|>three", 2),
        (f"{THOUGHT}One<|end|><|start|>assistant{THOUGHT}two", 2),
        (f"{THOUGHT}One<|constrain|> two", 2),
        ("<|channel|>commentary<|message|>One two", 0),
        ("<|channel|>analysis to=functions.f<|message|>{}", 0),
        ("<|channel|>I think so<|end|>", 3),
    ],
)
def test_tokens_of_harmonys_reasoning_are_counted(gpt_oss: LlamaVocabulary, written: str, count: int) -> None:
    reader = HarmonyReader(gpt_oss)
    for token in encode(gpt_oss, written):
        reader.feed(token)
    assert reader.reasoning_tokens == count


@pytest.mark.parametrize(
    ("written", "switch"),
    [
        ("", "<|channel|>final<|message|>"),
        ("<|channel|>", "final<|message|>"),
        ("<|channel|>final", ""),
        ("<|channel|>final<|message|>", ""),
        ("<|channel|>final<|message|>Hi<|return|>", ""),
        ("<|channel|>analysis", ""),
        (THOUGHT, SWITCH),
        (f"{THOUGHT}One", SWITCH),
        (f"{THOUGHT}One<|end|>", "<|start|>assistant<|channel|>final<|message|>"),
        (f"{THOUGHT}One<|end|><|start|>", "assistant<|channel|>final<|message|>"),
        (f"{THOUGHT}One<|end|><|start|>assistant", "<|channel|>final<|message|>"),
        (f"{THOUGHT}One<|end|><|start|>assistant to", ""),
        (f"{THOUGHT}One<|end|><|start|>assistant to=functions.f<|channel|>", ""),
        (f"{THOUGHT}One<|end|><|start|>user", ""),
        (f"{THOUGHT}One<|end|><|start|>assistant<|channel|>commentary", ""),
        (f"{THOUGHT}One<|end|><|start|>assistant<|channel|>commentary<|message|>Wait", ""),
        (f"{THOUGHT}One<|end|><|start|>assistant<|channel|>commentary<|message|>Wait<|end|>", ""),
        (f"{THOUGHT}One<|end|><|start|>assistant<|channel|>commentary to=functions.f<|message|>", ""),
        ("<|channel|>analysis to=python code<|message|>1", ""),
        ("Hello", ""),
    ],
)
def test_harmony_is_led_to_its_answer_from_anywhere_but_a_call(
    gpt_oss: LlamaVocabulary, written: str, switch: str
) -> None:
    reader = HarmonyReader(gpt_oss)
    for token in encode(gpt_oss, written):
        reader.feed(token)
    tokens = reader.switch_to_answer()
    assert tokens == encode(gpt_oss, switch)
    if tokens:
        events = [event for token in [*tokens, *encode(gpt_oss, "Hi")] for event in reader.feed(token)]
        assert events == [TextDelta("Hi")]


def test_harmony_splits_a_character_of_the_reasoning_on_demand_alone(gpt_oss: LlamaVocabulary) -> None:
    reader = HarmonyReader(gpt_oss)
    for token in [*encode(gpt_oss, THOUGHT), *gpt_oss.tokenize("☃", parse_special=False)[:-1]]:
        reader.feed(token)
    assert reader.switch_to_answer() == []
    assert reader.switch_to_answer(splits_characters=True) == encode(gpt_oss, SWITCH)
