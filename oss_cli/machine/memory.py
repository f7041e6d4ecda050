"""What a model takes in memory: weights, cache and work space, by device. Pure arithmetic; reads nothing.

Held against what llama.cpp allocates in tests/engine/test_estimates.py.
"""

from oss_cli.plan import DeviceMemory, KvType, LoadPlan, MemoryEstimate, ModelShape

_CELLS = 256
"""llama.cpp makes caches in multiples of this. Source: llama_kv_cache_iswa, llama_context (2026-10)."""
_KV_ELEMENT_BYTES = {KvType.F16: 2.0, KvType.Q8_0: 34 / 32}
_MASK_BYTES = 2
"""Per token of a micro-batch and cell of the cache: which the token may see, as f16."""
_VALUE_BYTES = 4
"""Between two steps everything is f32."""
_USUAL_FEED_FORWARD = 4
"""Of the hidden size, where a model does not say how wide its feed-forward is."""
_GROWTH_FLOOR_TOKENS = 4096
"""Contexts that grow begin with this many tokens (`engine/llama/engine.py`)."""


def estimate_memory(shape: ModelShape, plan: LoadPlan, *, context_tokens: int, gpus: int) -> MemoryEstimate:
    """What a load by this plan takes with a full context of that many tokens a sequence.

    gpus: how many the layers are spread over; 0: everything stays on the CPU.
    """
    gpu_layers = gpu_layer_count(shape, plan.gpu_layers) if gpus else 0
    return MemoryEstimate(
        cpu=_cpu_memory(shape, plan, context_tokens, gpu_layers),
        gpu=_gpu_memory(shape, plan, context_tokens, gpu_layers, gpus),
    )


def gpu_layer_count(shape: ModelShape, gpu_layers: int) -> int:
    """How many layers are meant, the output counted as one; -1 is all."""
    everything = shape.layers + 1
    return everything if gpu_layers < 0 else min(gpu_layers, everything)


def estimate_kv_bytes(shape: ModelShape, plan: LoadPlan, context_tokens: int, layers: range | None = None) -> int:
    """What the cache of some layers takes (None: of all), for a context of that many tokens a sequence.

    2 (keys and values) × KV heads × head size × bytes of an element × cells, for each layer. Cells: the context, or in
    a layer with a sliding window no more than the window of each sequence and a micro-batch; both in multiples of 256.

    Source: llama.cpp, src/llama-kv-cache-iswa.cpp (2026-10).
    """
    cells = _padded(context_tokens * plan.sequences)
    window_cells = min(cells, _padded(shape.window_tokens * plan.sequences + plan.micro_batch_tokens))
    layers = range(shape.layers) if layers is None else layers
    windows = sum(has_window(shape, layer) for layer in layers)
    cell_bytes = 2 * shape.kv_heads * shape.head_size * _KV_ELEMENT_BYTES[plan.kv_type]
    return round(cell_bytes * (window_cells * windows + cells * (len(layers) - windows)))


def estimate_compute_bytes(shape: ModelShape, plan: LoadPlan, context_tokens: int) -> int:
    """What evaluating a micro-batch works in, on each device that has layers: the mask over the cache, and the values
    between two steps; or the logits, where many are wanted.
    """
    tokens = plan.micro_batch_tokens
    cells = _padded(context_tokens * plan.sequences)
    if shape.window_tokens and shape.window_layers:
        cells += min(cells, _padded(shape.window_tokens * plan.sequences + tokens))
    outputs = min(plan.sequences + plan.guessed_tokens, tokens)
    logits = outputs * (4 * shape.vocabulary_tokens + 8 * shape.hidden_size)
    return max(tokens * (cells * _MASK_BYTES + _work_bytes(shape)), logits)


def _work_bytes(shape: ModelShape) -> int:
    """What a token of a micro-batch takes at the widest step.

    Either inside the feed-forward (its gate, up and their product, of every active expert, beside three vectors between
    layers and one of attention) or where the experts' outputs are put together (two of each, and two of their insides).
    Exact to 0.2 % for gpt-oss, Llama 3, Qwen3, Qwen3 MoE and Gemma 3, by llama.cpp's no_alloc (2026-11).
    """
    experts = shape.active_experts or 1
    inside = experts * (shape.feed_forward_size or _USUAL_FEED_FORWARD * shape.hidden_size // experts)
    feeding = 3 * inside + 3 * shape.hidden_size + shape.heads * shape.head_size
    joining = 2 * inside + 2 * experts * shape.hidden_size if shape.experts else 0
    return _VALUE_BYTES * max(feeding, joining)


def has_window(shape: ModelShape, layer: int) -> bool:
    """Whether a layer sees a window of the context only."""
    return bool(shape.window_pattern) and shape.window_pattern[layer % len(shape.window_pattern)]


def read_bytes_per_token(shape: ModelShape, plan: LoadPlan, *, gpus: int) -> tuple[int, int]:
    """How much of the weights one token reads on the CPU's side, and on the GPU's."""
    gpu_layers = gpu_layer_count(shape, plan.gpu_layers) if gpus else 0
    output = (shape.output_bytes or shape.embedding_bytes) + shape.other_bytes
    share = shape.active_experts / shape.experts if shape.experts else 0.0
    dense, active = shape.dense_bytes / shape.layers, shape.expert_bytes * share / shape.layers
    whole = max(0, gpu_layers - 1)  # the output is the first to go to the GPU
    experts_on_gpu = _expert_layers_on_gpu(shape, plan, whole)
    on_gpu = (output if gpu_layers else 0) + whole * dense + experts_on_gpu * active
    everything = output + shape.layers * (dense + active)
    return round(everything - on_gpu), round(on_gpu)


def _cpu_memory(shape: ModelShape, plan: LoadPlan, context_tokens: int, gpu_layers: int) -> DeviceMemory:
    whole = max(0, gpu_layers - 1)
    layers = shape.dense_bytes * (shape.layers - whole) // shape.layers
    layers += shape.expert_bytes * (shape.layers - _expert_layers_on_gpu(shape, plan, whole)) // shape.layers
    # At most: which types llama.cpp repacks depends on the processor.
    copied = layers if plan.repack else 0
    weights = shape.embedding_bytes + layers + copied
    if not gpu_layers:
        weights += shape.output_bytes + shape.other_bytes
    own = range(shape.layers - whole)
    kv = _kv_with_growth(shape, plan, context_tokens, own)
    has_work = whole < shape.layers or plan.cpu_moe_layers > 0
    # A GPU's inputs pass through a buffer on the host: the mask, the embeddings. Small beside the rest.
    compute = estimate_compute_bytes(shape, plan, context_tokens) if has_work else 64 << 20
    return DeviceMemory(weights, kv, compute, copied)


def _gpu_memory(shape: ModelShape, plan: LoadPlan, context_tokens: int, gpu_layers: int, gpus: int) -> DeviceMemory:
    if not gpu_layers:
        return DeviceMemory(0, 0, 0)
    whole = gpu_layers - 1
    weights = (shape.output_bytes or shape.embedding_bytes) + shape.other_bytes
    weights += shape.dense_bytes * whole // shape.layers
    weights += shape.expert_bytes * _expert_layers_on_gpu(shape, plan, whole) // shape.layers
    kv = _kv_with_growth(shape, plan, context_tokens, range(shape.layers - whole, shape.layers))
    compute = estimate_compute_bytes(shape, plan, context_tokens) * gpus
    return DeviceMemory(weights, kv, compute)


def _kv_with_growth(shape: ModelShape, plan: LoadPlan, context_tokens: int, layers: range) -> int:
    """The cache; where it grows by doubling, the smaller one that its content comes from stands beside it."""
    kv = estimate_kv_bytes(shape, plan, context_tokens, layers)
    if plan.context_tokens is None and context_tokens > _GROWTH_FLOOR_TOKENS:
        kv += estimate_kv_bytes(shape, plan, max(_GROWTH_FLOOR_TOKENS, context_tokens // 2), layers)
    return kv


def _expert_layers_on_gpu(shape: ModelShape, plan: LoadPlan, whole_layers: int) -> int:
    """The last layers are on the GPU, and the first ones' experts on the CPU."""
    return max(0, min(whole_layers, shape.layers - plan.cpu_moe_layers))


def _padded(cells: int) -> int:
    return -(-cells // _CELLS) * _CELLS
