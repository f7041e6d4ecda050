"""Plain values about machines and loads: what a computer has, what a model is shaped like, how it will be loaded."""

from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device beside the CPU that this build of llama.cpp can compute on."""

    name: str
    """llama.cpp's: "CUDA0", "Metal", "Vulkan1"."""
    description: str
    """The maker's: "NVIDIA GeForce RTX 4060 Laptop GPU"."""
    backend: str
    """Which part of llama.cpp drives it: "CUDA", "ROCm", "Vulkan", "MTL", "SYCL"."""
    free_bytes: int
    """What can be taken now; on Apple silicon, of the working-set limit that macOS sets."""
    total_bytes: int
    shares_ram: bool = False
    """Its memory is the computer's own: integrated graphics and Apple silicon."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What this computer offers a model."""

    total_ram_bytes: int
    """Physical memory, or the limit of the control group we run in when that is less; 0: not known."""
    available_ram_bytes: int
    """What can be had without swapping, page cache included."""
    physical_cores: int
    """Physical (on hybrids: performance) cores that we may run on."""
    gpus: tuple[Gpu, ...] = ()
    """Those that the installed llama.cpp can use, not those that are built in."""
    processor: str = ""
    """The maker's name of it; empty when the system does not say."""
    features: tuple[str, ...] = ()
    """What the installed llama.cpp was built to use: "AVX2", "AVX512", "NEON", "CUDA", "METAL"."""


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
    feed_forward_size: int = 0
    """Width of the feed-forward between two layers, of one expert; the most of any layer; 0: not known."""
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


class KvType(StrEnum):
    """How the cache keeps keys and values. The other types that llama.cpp has are slow or refused by some builds."""

    F16 = "f16"
    Q8_0 = "q8_0"
    """Half the memory, hardly any loss."""


class Speculation(StrEnum):
    """Whether tokens are guessed beforehand and evaluated together: replies come sooner."""

    AUTO = "auto"
    """Where it pays, by what was measured; not with a seed or at temperature 0: such a reply comes again exactly."""
    ON = "on"
    """Also then. Several tokens together round a little differently than one by one."""
    OFF = "off"


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How a model file is to be loaded."""

    path: Path
    """The GGUF; of a split one, its first part."""
    threads: int
    context_tokens: int | None = None
    """Fixed from the start; None: as much as the conversation needs, up to the limit."""
    gpu_layers: int = -1
    """How many layers go to the GPU, the last ones first, the output counted as one of them; -1: all of them.
    Means nothing to a build without a GPU."""
    repack: bool = False
    """Copy CPU weights into a layout for faster prompts; needs the memory twice."""
    sequences: int = 1
    """How many conversations the engine holds at the same time."""
    cpu_moe_layers: int = 0
    """Of the layers on the GPU: how many, from layer 0 on, keep their experts on the CPU."""
    context_limit_tokens: int | None = None
    """The most that a context grows to when it is not fixed; None: what the model was trained for."""
    kv_type: KvType = KvType.F16
    batch_tokens: int = 2048
    """Most tokens of one call."""
    micro_batch_tokens: int = 512
    """Tokens that are computed together. More cost memory (1.6 GB at 2048 on gpt-oss, for all of their outputs) and
    bring nothing on a CPU."""
    mmap: bool = True
    """Use the file's own pages where the device can; False: copy it into memory."""
    mlock: bool = False
    """Keep the weights from being swapped or dropped."""
    guessed_tokens: int = 0
    """Most tokens of a reply that are guessed and evaluated together with its next one; 0: none are."""
    draft: "LoadPlan | None" = None
    """How a smaller model that guesses is to be loaded as well; None: guesses come from the text alone."""
    weighs_guesses: bool = True
    """Guess only where it pays, by what was measured; False: wherever something can be guessed."""

    def limit_tokens(self, trained_tokens: int) -> int:
        """The most that a context grows to, of a model that was made for so many."""
        return min(self.context_limit_tokens or trained_tokens, trained_tokens)

    def most_tokens(self, trained_tokens: int) -> int:
        """The most that a context holds, now or when it has grown."""
        return self.context_tokens or self.limit_tokens(trained_tokens)


@dataclass(frozen=True, slots=True)
class MeasuredSpeed:
    """How fast a model wrote on this computer, loaded in one way (`oss bench`)."""

    tokens_per_second: float
    date: str
    """The local day, as 2026-11-24."""
    threads: int
    gpu_layers: int
    cpu_moe_layers: int
    kv_type: KvType

    def is_of(self, plan: LoadPlan) -> bool:
        """Whether a plan loads the model in that way, as far as it matters to writing."""
        return (self.threads, self.gpu_layers, self.cpu_moe_layers, self.kv_type) == (
            plan.threads, plan.gpu_layers, plan.cpu_moe_layers, plan.kv_type,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """What a load takes on one device, in bytes."""

    weights_bytes: int
    """A second, repacked copy of them included."""
    kv_bytes: int
    compute_bytes: int
    copied_bytes: int = 0
    """Of the weights, that copy: no page of the file, which the system could drop and read again."""

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weights_bytes + self.kv_bytes + self.compute_bytes


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """What a load takes: on the CPU's side, and on all GPUs together."""

    cpu: DeviceMemory
    gpu: DeviceMemory

    @property
    def weights_bytes(self) -> int:
        """The model itself; more than its file when a GPU gets a copy of the embeddings as its output matrix, or the
        CPU a second, repacked one of its layers."""
        return self.cpu.weights_bytes + self.gpu.weights_bytes

    @property
    def kv_bytes(self) -> int:
        """Keys and values of a full context; where it grows, the smaller cache that it grows out of as well."""
        return self.cpu.kv_bytes + self.gpu.kv_bytes

    @property
    def compute_bytes(self) -> int:
        """The space that evaluating a batch works in."""
        return self.cpu.compute_bytes + self.gpu.compute_bytes

    @property
    def total_bytes(self) -> int:
        """Everything on every device."""
        return self.cpu.total_bytes + self.gpu.total_bytes


class Verdict(StrEnum):
    """Whether a model can be run."""

    FITS = "fits"
    SLOW = "slow"
    """Its weights fit into the memory that is built in, not into what is available: they are read from disk again and
    again until other programs give way."""
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True)
class Fit:
    """A plan for a model on a machine, what it takes, and whether that is there."""

    plan: LoadPlan
    estimate: MemoryEstimate
    verdict: Verdict
    tokens_per_second: float
    """Measured here, else a guess from what a token reads and what memory delivers."""
    sentence: str
    """The plan for people, without a full stop."""
    measured_on: str = ""
    """The day of the measurement; empty: the speed is a guess."""

    @property
    def context_tokens(self) -> int:
        """The longest context that the plan allows."""
        return self.plan.context_tokens or self.plan.context_limit_tokens or 0


def differences(told: ModelShape, real: ModelShape) -> list[str]:
    """Where a shape that was told beforehand is not the model's own, a line each. Bytes may be 2 % off: estimates need
    no more, and a catalogue may have to estimate them itself.
    """
    lines = []
    for one in fields(ModelShape):
        before, after = getattr(told, one.name), getattr(real, one.name)
        if one.name.endswith("_bytes") and abs(before - after) <= 0.02 * real.tensor_bytes:
            continue
        if before != after:
            lines.append(f"{one.name} is {after}, not {before}")
    return lines
