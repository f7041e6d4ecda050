"""A state on disk saves evaluating, and tells no lies: whatever is in the folder, the reply is a fresh evaluation's.

The tiny gpt-oss has a sliding window of 32 on every other layer; SmolLM2 has none.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.engine.base import GO_ON, Ended, GenerationRequest, Sampled
from oss_cli.engine.llama.engine import LlamaEngine, open_engine
from oss_cli.engine.llama.kept_states import StateKeeping
from oss_cli.plan import KvType, LoadPlan
from oss_cli.states.file import read_facts
from oss_cli.states.folder import StateFolder
from tests.engine.generation import GREEDY, Generated
from tests.engine.test_generation import EXAMPLES

OpenKeeping = Callable[..., LlamaEngine]

TEXT = [token for example in EXAMPLES for token in example["prompt_ids"]]
CHAT = TEXT[:500]
SPLIT = 400


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "states", most_bytes=10**9)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def open_keeping(tiny_gpt_oss: Path, folder: StateFolder, said: list[str]) -> Iterator[OpenKeeping]:
    """Opens an engine that keeps states; every one is closed again."""
    engines: list[LlamaEngine] = []

    def open_one(
        *,
        path: Path = tiny_gpt_oss,
        model: str = "tiny",
        context_tokens: int | None = None,
        kv_type: KvType = KvType.F16,
        keeps: bool = True,
        where: StateFolder = folder,
    ) -> LlamaEngine:
        keeping = StateKeeping(where, model, said.append) if keeps else None
        plan = LoadPlan(path, 1, context_tokens=context_tokens, kv_type=kv_type)
        engine = open_engine(plan, states=keeping)
        engines.append(engine)
        return engine

    yield open_one
    for engine in engines:
        engine.close()


def generate(
    engine: LlamaEngine,
    prompt: list[int],
    *,
    stable_tokens: int | None = None,
    owner: str = "",
    recurring_tokens: int | None = None,
    max_tokens: int = 24,
) -> Generated:
    result = Generated()
    request = GenerationRequest(
        prompt, replace(GREEDY, max_tokens=max_tokens), lambda token: GO_ON, stable_tokens, owner=owner,
        recurring_tokens=recurring_tokens,
    )  # fmt: skip
    for event in engine.generate(request):
        if isinstance(event, Sampled):
            result.tokens.append(event.token)
        elif isinstance(event, Ended):
            result.ended = event
    return result


def reused(made: Generated) -> int:
    assert made.ended is not None
    return made.ended.reused_tokens


def keep_chat(open_keeping: OpenKeeping, **how: object) -> None:
    """A conversation of one turn, kept."""
    engine = open_keeping(**how)
    generate(engine, CHAT[:SPLIT], stable_tokens=SPLIT - 2, owner="chat")
    engine.close()


def fresh(open_keeping: OpenKeeping, prompt: list[int], **how: object) -> list[int]:
    engine = open_keeping(keeps=False, **how)
    tokens = generate(engine, prompt).tokens
    engine.close()
    return tokens


def test_a_conversation_goes_on_in_another_process_where_it_was(open_keeping: OpenKeeping) -> None:
    keep_chat(open_keeping)
    engine = open_keeping()
    made = generate(engine, CHAT, stable_tokens=len(CHAT) - 2, owner="chat")
    assert reused(made) == SPLIT - 2
    assert made.tokens == fresh(open_keeping, CHAT)


def test_every_turn_can_be_one_of_another_process(open_keeping: OpenKeeping, folder: StateFolder) -> None:
    for end in range(150, 500, 50):
        engine = open_keeping()
        made = generate(engine, CHAT[:end], stable_tokens=end - 2, owner="chat")
        engine.close()
        assert reused(made) == (0 if end == 150 else end - 52)
        assert made.tokens == fresh(open_keeping, CHAT[:end])
        assert len(folder.entries()) == 1, "what the longer state begins with is not kept beside it"


def test_an_older_turn_is_gone_back_to_by_a_kept_window(open_keeping: OpenKeeping) -> None:
    engine = open_keeping()
    for end in range(150, 500, 50):
        generate(engine, CHAT[:end], stable_tokens=end - 2, owner="chat")
    engine.close()
    edited = CHAT[:360] + TEXT[700:730]
    engine = open_keeping()
    made = generate(engine, edited, stable_tokens=len(edited) - 2, owner="chat")
    assert reused(made) == 348
    assert made.tokens == fresh(open_keeping, edited)


def test_each_branch_has_a_state_of_its_own(open_keeping: OpenKeeping, folder: StateFolder) -> None:
    first, second = CHAT[:200] + TEXT[600:800], CHAT[:200] + TEXT[900:1100]
    for branch in (first, second):
        engine = open_keeping()
        generate(engine, branch, stable_tokens=398, owner="chat")
        engine.close()
    assert len(folder.entries()) == 2
    for branch in (first, second):
        engine = open_keeping()
        longer = branch + TEXT[1200:1220]
        made = generate(engine, longer, stable_tokens=418, owner="chat")
        assert reused(made) == 398
        assert made.tokens == fresh(open_keeping, longer)


def test_a_branch_that_is_left_in_a_chat_is_kept_and_found_again(open_keeping: OpenKeeping) -> None:
    first, second = CHAT[:200] + TEXT[600:800], CHAT[:200] + TEXT[900:1100]
    engine = open_keeping()
    for branch in (first, second):
        generate(engine, branch, stable_tokens=398, owner="chat")
    longer = first + TEXT[1200:1220]
    made = generate(engine, longer, stable_tokens=418, owner="chat")
    assert reused(made) == 398
    assert made.tokens == fresh(open_keeping, longer)


def test_another_reply_to_the_same_message_writes_nothing(open_keeping: OpenKeeping, folder: StateFolder) -> None:
    engine = open_keeping()
    for _ in range(3):
        generate(engine, CHAT[:SPLIT], stable_tokens=SPLIT - 2, owner="chat", max_tokens=200)
    assert folder.entries() == []


def test_what_recurs_is_kept_and_what_was_asked_of_it_is_not(open_keeping: OpenKeeping, folder: StateFolder) -> None:
    file, questions = TEXT[:300], (TEXT[500:520], TEXT[600:630])
    for number, question in enumerate(questions):
        engine = open_keeping()
        made = generate(engine, file + question, recurring_tokens=298)
        engine.close()
        assert reused(made) == (298 if number else 0)
        assert made.tokens == fresh(open_keeping, file + question)
        (kept,) = folder.entries()
        facts = read_facts(kept.path)
        assert facts is not None
        assert facts.tokens == TEXT[:298]


@pytest.mark.slow
def test_a_model_without_windows_goes_on_too(open_keeping: OpenKeeping, smollm2: Path) -> None:
    warm = open_keeping(path=smollm2, keeps=False)
    sentence = "The king and his horse went over the hill, number {}, to see what was on its other side. "
    text = warm.tokens.tokenize("".join(sentence.format(number) for number in range(15)), parse_special=False)
    engine = open_keeping(path=smollm2)
    for one in (warm, engine):
        generate(one, text[:280], stable_tokens=278, owner="chat", max_tokens=4)
    engine.close()
    engine = open_keeping(path=smollm2)
    made = generate(engine, text, stable_tokens=298, owner="chat")
    assert reused(made) >= 280, "and what of the reply the text goes on with"
    assert made.tokens == generate(warm, text).tokens, "evaluated in the same pieces, it is the same to the last bit"


def test_a_cache_in_half_the_memory_goes_on_too(open_keeping: OpenKeeping) -> None:
    keep_chat(open_keeping, kv_type=KvType.Q8_0)
    engine = open_keeping(kv_type=KvType.Q8_0)
    made = generate(engine, CHAT, owner="chat")
    assert reused(made) == SPLIT - 2
    assert made.tokens == fresh(open_keeping, CHAT, kv_type=KvType.Q8_0)


@pytest.mark.parametrize("other", [{"model": "another"}, {"kv_type": KvType.Q8_0}])
def test_a_state_of_something_else_is_not_looked_at(
    open_keeping: OpenKeeping, folder: StateFolder, other: dict[str, object]
) -> None:
    keep_chat(open_keeping)
    ours = folder.entries()[0].path
    engine = open_keeping(**other)
    generate(engine, TEXT[600:800], stable_tokens=198, owner="x")
    engine.close()
    theirs = next(one.path for one in folder.entries() if one.path != ours)
    foreign = theirs.with_name("-".join([theirs.name.split("-")[0], *ours.name.split("-")[1:]]))
    ours.rename(foreign)  # even under a name that says it is theirs
    engine = open_keeping(**other)
    made = generate(engine, CHAT)
    assert reused(made) == 0
    how = {name: value for name, value in other.items() if name != "model"}
    assert made.tokens == fresh(open_keeping, CHAT, **how)


def test_a_larger_context_takes_a_state_over(open_keeping: OpenKeeping) -> None:
    keep_chat(open_keeping)
    engine = open_keeping(context_tokens=8192)
    made = generate(engine, CHAT, owner="chat")
    assert reused(made) == SPLIT - 2
    assert made.tokens == fresh(open_keeping, CHAT, context_tokens=8192)


def test_a_prompt_that_was_stopped_half_way_is_kept_as_far_as_it_was_read(open_keeping: OpenKeeping) -> None:
    engine = open_keeping()
    prompt = TEXT[:1500]
    events = engine.generate(GenerationRequest(prompt, GREEDY, lambda token: GO_ON, 1498, owner="chat"))
    for event in events:
        if getattr(event, "done_tokens", 0) >= 512:
            break
    events.close()
    engine.close()
    engine = open_keeping()
    made = generate(engine, prompt, owner="chat")
    assert reused(made) >= 512
    assert made.tokens == fresh(open_keeping, prompt)


def test_a_context_that_is_too_small_for_a_state_reads_the_prompt_anew(open_keeping: OpenKeeping) -> None:
    engine = open_keeping()
    generate(engine, CHAT, stable_tokens=498, owner="chat")
    engine.close()
    engine = open_keeping(context_tokens=400)
    made = generate(engine, CHAT[:300], owner="chat")
    assert reused(made) == 0
    assert made.tokens == fresh(open_keeping, CHAT[:300])


@pytest.mark.parametrize("seed", range(6))
def test_damage_anywhere_never_changes_a_token(open_keeping: OpenKeeping, folder: StateFolder, seed: int) -> None:
    keep_chat(open_keeping)
    (kept,) = folder.entries()
    whole = kept.path.read_bytes()
    expected = fresh(open_keeping, CHAT)
    rng = random.Random(seed)
    for _ in range(8):
        kept.path.write_bytes(_damaged(whole, rng))
        engine = open_keeping()
        made = generate(engine, CHAT)
        engine.close()
        assert (reused(made), made.tokens) == (0, expected)
    kept.path.write_bytes(whole)
    engine = open_keeping()
    assert reused(generate(engine, CHAT)) == SPLIT - 2, "undamaged, it is used"


def test_without_room_nothing_is_kept_and_that_is_said(
    open_keeping: OpenKeeping, tmp_path: Path, said: list[str]
) -> None:
    small = StateFolder(tmp_path / "small", most_bytes=1000)
    keep_chat(open_keeping, where=small)
    assert small.entries() == []
    assert said == [
        "what the model has read is not kept for the next time: it takes 0.0 GB, and all may take 0.0 GB (cache_gb)"
    ]


def test_only_the_owner_may_read_a_state(open_keeping: OpenKeeping, folder: StateFolder) -> None:
    keep_chat(open_keeping)
    assert folder.folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder.folder.iterdir()] == [0o600]


def _damaged(whole: bytes, rng: random.Random) -> bytes:
    """A file after one mishap: a bit turned, an end lost, bytes written over, put in, or parts swapped."""
    at = rng.randrange(len(whole))
    if rng.random() < 0.3:
        at = len(whole) - 1 - rng.randrange(200)  # where the facts are
    match rng.randrange(5):
        case 0:
            return whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :]
        case 1:
            return whole[:at]
        case 2:
            end = min(len(whole), at + 4096)
            return whole[:at] + bytes(b ^ 0xFF for b in whole[at:end]) + whole[end:]
        case 3:
            return whole[:at] + b"\xff" * 8 + whole[at:]
        case _:
            return whole[at:] + whole[:at]
