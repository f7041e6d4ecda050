"""All that is known of one model, on one screen. Knows what a header's keys mean for people; reads no file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oss_cli.errors import format_bytes
from oss_cli.plan import Fit, Machine, ModelShape, Verdict
from oss_cli.store.gguf import GgufHeader
from oss_cli.terminal.console import Stream

_BAR_CELLS = 24
_ORDER = ("title", "from", "file", "size", "licence", "made by", "good for", "aliases", "architecture", "experts",
          "context", "vocabulary", "weights", "chat format", "tokens")  # fmt: skip
"""These first; the others follow as they come."""
_WEIGHTS, _CACHE, _WORK, _FREE = "█", "▓", "▒", "·"
_PLAIN_MARKS = str.maketrans({_WEIGHTS: "#", _CACHE: "=", _WORK: "-", _FREE: "."})
_LABEL_WIDTH = 14


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What `oss show` shows."""

    name: str
    facts: Mapping[str, str]
    """Label → what is so; what is empty is left out."""
    memory: Sequence[Fit]
    """One for each length of context."""
    machine: Machine


def show_card(stream: Stream, card: ModelCard) -> None:
    """Write it."""
    stream.bold(card.name)
    stream.write("\n")
    for label in dict.fromkeys((*_ORDER, *card.facts)):
        for number, line in enumerate(card.facts.get(label, "").splitlines()):
            stream.write(f"  {label if number == 0 else '':{_LABEL_WIDTH}} {line}\n")
    if card.memory:
        _show_memory(stream, card)


def describe_shape(shape: ModelShape) -> dict[str, str]:
    """What a model is built like, in words."""
    heads = f"{shape.heads} heads of {shape.head_size}"
    if shape.kv_heads != shape.heads:
        heads += f", {shape.kv_heads} of them for keys and values"
    context = f"{shape.trained_context_tokens:,} tokens"
    if shape.window_layers:
        context += f"; {shape.window_layers} of {shape.layers} layers see the last {shape.window_tokens:,} only"
    return {
        "architecture": f"{shape.architecture}, {shape.layers} layers of width {shape.hidden_size:,}, {heads}",
        "experts": f"{shape.experts} in a layer, {shape.active_experts} at work for a token" if shape.experts else "",
        "context": context,
        "vocabulary": f"{shape.vocabulary_tokens:,} tokens",
    }


def describe_header(header: GgufHeader) -> dict[str, str]:
    """What a GGUF's header says besides the shape, in words."""
    facts = {
        "weights": " · ".join(f"{kind} {format_bytes(size)}" for kind, size in _quant_mix(header).items()),
        "chat format": _chat_format(header),
        "tokens": _special_tokens(header),
    }
    for label, key in (("title", "general.name"), ("licence", "general.license"), ("made by", "general.organization")):
        value = header.metadata.get(key)
        if isinstance(value, str) and value:
            facts[label] = value
    return facts


def _quant_mix(header: GgufHeader) -> dict[str, int]:
    """Bytes by the type of weights, the most first."""
    sizes: dict[str, int] = {}
    for tensor in header.tensors:
        sizes[tensor.type_name] = sizes.get(tensor.type_name, 0) + tensor.bytes
    return dict(sorted(sizes.items(), key=lambda one: -one[1]))


def _chat_format(header: GgufHeader) -> str:
    if header.architecture == "gpt-oss":
        return "harmony"
    return "its own template" if header.metadata.get("tokenizer.chat_template") else "none: it goes on with a text"


def _special_tokens(header: GgufHeader) -> str:
    names = (("begin", "bos"), ("end", "eos"), ("end of turn", "eot"), ("padding", "padding"))
    numbers = ((word, header.metadata.get(f"tokenizer.ggml.{key}_token_id")) for word, key in names)
    return ", ".join(f"{word} {number}" for word, number in numbers if isinstance(number, int))


def _show_memory(stream: Stream, card: ModelCard) -> None:
    stream.write("\n")
    stream.bold(f"  {'CONTEXT':>8}  {'WEIGHTS':>8}  {'CACHE':>8}  {'WORK':>8}  {'TOTAL':>8}  MEMORY")
    stream.write("\n")
    room_bytes = card.machine.total_ram_bytes + sum(gpu.total_bytes for gpu in card.machine.gpus if not gpu.shares_ram)
    for one in card.memory:
        estimate = one.estimate
        sizes = (estimate.weights_bytes, estimate.kv_bytes, estimate.compute_bytes, estimate.total_bytes)
        columns = "  ".join(f"{format_bytes(size):>8}" for size in sizes)
        verdict = "" if one.verdict is Verdict.FITS else f" {one.verdict}"
        stream.write(f"  {one.context_tokens:>8,}  {columns}  {_bar(stream, one, room_bytes)}{verdict}\n")
    bar = f"{_WEIGHTS} weights {_CACHE} cache {_WORK} work"
    room = f", of {format_bytes(room_bytes)} of memory" if room_bytes else ""
    stream.dim(f"  {_drawable(stream, bar)}{room}; estimates")
    stream.write("\n")
    best = next((one for one in reversed(card.memory) if one.verdict is Verdict.FITS), card.memory[0])
    if best.sentence:
        stream.write(f"  {best.sentence}\n")


def _bar(stream: Stream, one: Fit, room_bytes: int) -> str:
    """The shares of the memory that is built in; a model that is too large fills it."""
    if not room_bytes:
        return ""
    estimate = one.estimate
    cells = ""
    done_bytes = 0
    parts = ((_WEIGHTS, estimate.weights_bytes), (_CACHE, estimate.kv_bytes), (_WORK, estimate.compute_bytes))
    for mark, size_bytes in parts:
        done_bytes += size_bytes
        cells += mark * (round(done_bytes / room_bytes * _BAR_CELLS) - len(cells))
    return _drawable(stream, cells[:_BAR_CELLS].ljust(_BAR_CELLS, _FREE))


def _drawable(stream: Stream, text: str) -> str:
    """The text in marks that the stream's encoding has."""
    try:
        text.encode(stream.file.encoding or "ascii")
    except UnicodeEncodeError:
        return text.translate(_PLAIN_MARKS)
    return text
