"""Trains tokenizer and weights on conversations drawn on the fly; leaves both in OUT/hf.

Knows the corpus only as segments that are trained on or not.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch.nn import functional
from transformers import GptOssForCausalLM

from tests.models.make_tiny_gpt_oss.corpus import Wish, draw_conversation
from tests.models.make_tiny_gpt_oss.harmony import CONTROL_TOKENS, Segment
from tests.models.make_tiny_gpt_oss.model import make_model
from tests.models.make_tiny_gpt_oss.muon import Muon
from tests.models.make_tiny_gpt_oss.tokenizer import encoder, train_tokenizer

_SEED = 20260
_BATCH_TOKENS = 4000
_LONGEST = 640  # tokens; the few conversations beyond are left out
_UNTRAINED = -100  # the label that cross_entropy leaves out
_LEARNING_RATE = 2.5e-3  # AdamW's, for what is no matrix; Muon's is its own
_MUON_LEARNING_RATE = 0.02

Rows = list[list[int]]


@dataclass(frozen=True, slots=True)
class _Phase:
    """One run through the training loop; `rate_at` gives a step's share of the learning rates."""

    steps: int
    seed: int
    rate_at: Callable[[int], float]
    first_copy_share: float  # of the batches of the first twentieth; later one in 25
    without_history: float  # this first share of the steps draws conversations without earlier turns
    is_hardening: bool


def train(out: Path, steps: int, harden_steps: int, threads: int) -> None:
    """Train, then train a little more with the experts' weights rounded as MXFP4 rounds them."""
    torch.set_num_threads(threads)
    tokenizer = train_tokenizer(out / "hf", _SEED)
    model = make_model(tokenizer.get_vocab_size(), _SEED)
    print(f"{sum(weights.numel() for weights in model.parameters())} weights", flush=True)
    ids = {name: tokenizer.token_to_id(name) for name in CONTROL_TOKENS}
    ends = [ids[name] for name in ("<|return|>", "<|endoftext|>", "<|call|>")]
    model.generation_config.eos_token_id, model.config.eos_token_id = ends, ids["<|return|>"]
    model.generation_config.pad_token_id = model.config.pad_token_id = ids["<|endoftext|>"]
    model.config.bos_token_id = ids["<|startoftext|>"]

    def warm_then_cosine(step: int) -> float:
        return min(1.0, (step + 1) / 50) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))

    def low_then_linear(step: int) -> float:
        return 0.3 * min(1.0, (step + 1) / 20) * (1 - step / harden_steps)

    main = _Phase(steps, _SEED + 3, warm_then_cosine, 0.4, 0.08, is_hardening=False)
    harden = _Phase(harden_steps, _SEED + 4, low_then_linear, 0.04, 0.0, is_hardening=True)
    for phase in (main, harden):
        _run(model, encoder(tokenizer), phase, ids["<|endoftext|>"])
        model.save_pretrained(out / "hf")


def _run(model: GptOssForCausalLM, encode: Callable[[Segment], list[int]], phase: _Phase, padding: int) -> None:
    layers = dict(model.model.layers.named_parameters())
    matrices = [w for name, w in layers.items() if w.dim() > 1 and "bias" not in name and "router" not in name]
    rest = [weights for weights in model.parameters() if not any(weights is matrix for matrix in matrices)]
    muon = Muon(matrices, _MUON_LEARNING_RATE)
    adam = torch.optim.AdamW(rest, lr=_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    rng, start, average, is_easy = Random(phase.seed), time.monotonic(), math.nan, False
    batches = _draw_batches(rng, encode, padding, lambda: is_easy)
    plain_tokens = min(encode(Segment(name, is_control=True))[0] for name in CONTROL_TOKENS)
    for step in range(phase.steps):
        is_easy = step < phase.steps * phase.without_history
        copy_share = phase.first_copy_share if step < phase.steps * 0.05 else 0.04
        is_copying = rng.random() < copy_share
        tokens, labels = map(torch.tensor, _draw_copies(rng, plain_tokens) if is_copying else next(batches))
        rate = phase.rate_at(step)
        with _experts_rounded(model) if phase.is_hardening else nullcontext():
            hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state
            is_trained = labels >= 0  # logits only where there is a loss
            loss = functional.cross_entropy(model.lm_head(hidden[is_trained]), labels[is_trained])
            model.zero_grad(set_to_none=True)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.param_groups[0]["lr"] = _LEARNING_RATE * rate
        adam.step()
        muon.step(rate)
        if not is_copying:
            average = loss.item() if math.isnan(average) else 0.98 * average + 0.02 * loss.item()
        if (step + 1) % 50 == 0 or step + 1 == phase.steps:
            print(f"step {step + 1} loss {average:.4f} after {time.monotonic() - start:.0f} s", flush=True)


def _draw_batches(
    rng: Random, encode: Callable[[Segment], list[int]], padding: int, is_easy: Callable[[], bool]
) -> Iterator[tuple[Rows, Rows]]:
    """Token rows and their labels, without end: conversations of like length together, padded to the longest."""
    while True:
        pool = [_draw_row(rng, encode, Wish(past_turns=0 if is_easy() else None)) for _ in range(1200)]
        pool = sorted((row for row in pool if len(row[0]) <= _LONGEST), key=lambda row: len(row[0]))
        batches: list[list[tuple[list[int], list[int]]]] = [[]]
        for row in pool:
            if (len(batches[-1]) + 1) * len(row[0]) > _BATCH_TOKENS:
                batches.append([])
            batches[-1].append(row)
        rng.shuffle(batches)
        for batch in batches:
            longest = max(len(tokens) for tokens, _ in batch)
            tokens = [tokens + [padding] * (longest - len(tokens)) for tokens, _ in batch]
            yield tokens, [labels + [_UNTRAINED] * (longest - len(labels)) for _, labels in batch]


def _draw_row(rng: Random, encode: Callable[[Segment], list[int]], wish: Wish) -> tuple[list[int], list[int]]:
    """A conversation's tokens, and for each the token that must follow where that one is trained on."""
    tokens: list[int] = []
    labels: list[int] = []
    for block in draw_conversation(rng, wish).blocks:
        for segment in block.segments:
            encoded = encode(segment)
            tokens += encoded
            labels += encoded if block.kind != "given" else [_UNTRAINED] * len(encoded)
    return tokens, [*labels[1:], _UNTRAINED]


def _draw_copies(rng: Random, plain_tokens: int, length: int = 160) -> tuple[Rows, Rows]:
    """Random tokens, repeated: every token, raw bytes too, learns to be copied, and copying forms much sooner."""
    rows: tuple[Rows, Rows] = ([], [])
    for _ in range(_BATCH_TOKENS // length):
        period = rng.randint(5, length // 2)
        tokens = ([rng.randrange(plain_tokens) for _ in range(period)] * (length // period + 1))[:length]
        rows[0].append(tokens)
        rows[1].append([_UNTRAINED] * period + tokens[period + 1 :] + [_UNTRAINED])
    return rows


@contextmanager
def _experts_rounded(model: GptOssForCausalLM) -> Iterator[None]:
    """Inside, the experts hold the weights that MXFP4 will leave them; gradients then move the unrounded ones."""
    experts = [layer.mlp.experts for layer in model.model.layers]
    weights = [matrix for expert in experts for matrix in (expert.gate_up_proj, expert.down_proj)]
    exact = [matrix.detach().clone() for matrix in weights]
    with torch.no_grad():
        for matrix in weights:
            matrix.copy_(_as_mxfp4(matrix))
    yield
    with torch.no_grad():
        for matrix, unrounded in zip(weights, exact, strict=True):
            matrix.copy_(unrounded)


def _as_mxfp4(weights: torch.Tensor) -> torch.Tensor:
    """Blocks of 32 inputs share a scale, a power of two; a weight is a sign and one of eight values.

    Source: OCP Microscaling Formats (MX) 1.0, section 5.3 (MXFP4, E2M1); the scale as llama.cpp's ggml chooses it.
    """
    blocks = weights.mT.unflatten(-1, (-1, 32))
    scale = 2.0 ** (blocks.abs().amax(-1, keepdim=True).clamp(min=1e-30).log2().floor() - 2)
    values = blocks.new_tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    nearest = torch.bucketize((blocks / scale).abs().contiguous(), (values[1:] + values[:-1]) / 2)
    return (values[nearest] * scale * blocks.sign()).flatten(-2).mT
