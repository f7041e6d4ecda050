"""The gpt-oss that is trained: its shape and the weights it starts from.

Knows nothing of the corpus.
"""

import math

import torch
from transformers import GptOssConfig, GptOssForCausalLM

_HIDDEN, _HEAD, _YARN_BASE = 96, 32, 150_000.0


def make_model(vocabulary_size: int, seed: int) -> GptOssForCausalLM:
    """A million weights: 4 layers, window 32 on every other one, sinks, 4 experts of which 2 work, YaRN."""
    torch.manual_seed(seed)
    yarn = {"rope_type": "yarn", "rope_theta": _YARN_BASE, "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0}
    # truncate: as llama.cpp computes YaRN
    yarn |= {"truncate": True, "original_max_position_embeddings": 4096}
    config = GptOssConfig(
        vocab_size=vocabulary_size,
        hidden_size=_HIDDEN,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=_HEAD,
        num_local_experts=4,
        num_experts_per_tok=2,
        sliding_window=32,
        max_position_embeddings=131072,
        rope_parameters=yarn,
        tie_word_embeddings=False,
        initializer_range=0.05,
        attn_implementation="eager",  # the one that knows sinks
    )
    model = GptOssForCausalLM(config)
    with torch.no_grad():
        _give_head_start(model)
    return model


def _give_head_start(model: GptOssForCausalLM) -> None:
    """Weights that already copy a little; random ones need millions of tokens to find out how.

    Layer 0 writes beside each token the one before it and the one before that. Layer 1 looks for places that follow
    what stands here (or the pair that stands here) and votes for the token there: an induction head.
    """
    model.model.embed_tokens.weight.mul_(10)
    model.lm_head.weight.copy_(model.model.embed_tokens.weight * 0.1)
    basis = torch.linalg.qr(torch.randn(_HIDDEN, _HIDDEN))[0]
    here, before, before_that, voted = basis[:20], basis[20:40], basis[40:60], torch.cat([basis[:20], basis[60:72]])
    half = _HEAD // 2
    slow = [*range(6, half), *range(half + 6, _HEAD)]  # rotary pairs that turn slowly: position hardly disturbs them

    first = model.model.layers[0].self_attn
    for head, back in ((0, 1), (1, 2)):  # both query heads share key head 0
        rows = slice(head * _HEAD, (head + 1) * _HEAD)
        first.q_proj.weight[rows] *= 0.1
        for pair in range(4):  # rotary pairs that turn fast tell positions apart
            angle = _YARN_BASE ** (-2 * pair / _HEAD) * back
            first.q_proj.bias[head * _HEAD + pair] = 6.3 * math.cos(angle)
            first.q_proj.bias[head * _HEAD + half + pair] = -6.3 * math.sin(angle)
            first.k_proj.bias[pair] = 6.3
    first.k_proj.weight[:_HEAD] *= 0.1
    first.v_proj.weight[:20] = here
    first.o_proj.weight[:, :20] = 0.5 * before.T
    first.o_proj.weight[:, _HEAD : _HEAD + 20] = 0.5 * before_that.T

    second = model.model.layers[1].self_attn
    for key_head, (sought, offered) in enumerate(((here, before), (before, before_that))):
        for head in (2 * key_head, 2 * key_head + 1):
            second.q_proj.weight[[head * _HEAD + row for row in slow]] = 1.8 * sought
            second.o_proj.weight[:, head * _HEAD : (head + 1) * _HEAD] = 0.5 * voted.T
        second.k_proj.weight[[key_head * _HEAD + row for row in slow]] = 1.8 * offered
        second.v_proj.weight[key_head * _HEAD : (key_head + 1) * _HEAD] = voted
