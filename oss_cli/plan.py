"""Plain values about machines and loads: what a computer has, what a model is shaped like, how it will be loaded."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """What this computer offers a model."""

    total_ram_bytes: int
    """Physical memory, or the limit of the control group we run in when that is less."""
    available_ram_bytes: int
    """What can be had without swapping, page cache included."""
    physical_cores: int
    """Physical (on hybrids: performance) cores that we may run on."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What a memory estimate needs to know of a model: its sizes and what its tensors weigh."""

    architecture: str
    """llama.cpp's name of the architecture, as in the GGUF: "gpt-oss", "llama", "qwen3moe"."""
    layers: int
    """Transformer blocks."""
    hidden_size: int
    """Width of a token's vector between the layers."""
    heads: int
    """Query heads; the most of any layer."""
    kv_heads: int
    """Heads that keys and values are kept for; the most of any layer."""
    head_size: int
    """Values per head, of a key or of a value (the larger); heads × head size may exceed the hidden size."""
    vocabulary_tokens: int
    """Tokens in the vocabulary: one row of logits has as many numbers."""
    trained_context_tokens: int
    """The longest context that the model was made for, context extension included."""
    embedding_bytes: int
    """Input embeddings: they stay on the host, and a token reads one row of them."""
    output_bytes: int
    """Output matrix, read once a token; 0: the embeddings are it (a GPU then holds a copy of them)."""
    dense_bytes: int
    """All that layers hold but their experts: attention, norms, routers, dense feed-forward; all layers together."""
    expert_bytes: int = 0
    """The experts' matrices and biases, all layers together; what can stay on the CPU layer by layer."""
    other_bytes: int = 0
    """Tensors outside the layers that are neither embeddings nor output: the last norm, rotary factors."""
    experts: int = 0
    """Experts in a layer; 0: a dense model."""
    active_experts: int = 0
    """Experts that one token runs through."""
    window_tokens: int = 0
    """How far back a layer with a sliding window sees; 0: every layer sees the whole context."""
    window_pattern: tuple[bool, ...] = ()
    """Which layers have the window, from layer 0 on, repeated until the last one; empty: none."""

    @property
    def tensor_bytes(self) -> int:
        """All tensors together: the file without its header."""
        return self.embedding_bytes + self.output_bytes + self.dense_bytes + self.expert_bytes + self.other_bytes

    @property
    def window_layers(self) -> int:
        """How many layers see the window only."""
        whole, rest = divmod(self.layers, len(self.window_pattern) or 1)
        return whole * sum(self.window_pattern) + sum(self.window_pattern[:rest])


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How a model file is to be loaded."""

    path: Path
    """The GGUF; of a split one, its first part."""
    threads: int
    context_tokens: int | None = None
    """None: as much as the conversation needs, up to what the model was trained for."""
    gpu_layers: int = -1
    """How many layers go to the GPU; -1: all of them. Means nothing to a build without a GPU."""
    repack: bool = False
    """Copy CPU weights into a layout for faster prompts; needs the memory twice."""
    sequences: int = 1
    """How many conversations the engine holds at the same time."""
