"""How fast a model is, as a table and bars. Knows nothing of how it was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from oss_cli.bench.results import BenchResult, Ratio
from oss_cli.errors import format_bytes
from oss_cli.terminal.console import Stream

_BAR_CELLS = 24
_FULL, _EMPTY = "█", "·"
_PLAIN = str.maketrans({_FULL: "#", _EMPTY: "."})


@dataclass(frozen=True, slots=True)
class BenchCard:
    """What `oss bench` shows."""

    title: str
    """The model, what it ran on, and the settings, a line each."""
    result: BenchResult
    bounds: Sequence[float | None]
    """Tokens a second that the memory allows, one for each depth; None: not known."""
    left_out: str
    """What was not measured, and why; empty: everything was."""


def show_bench(stream: Stream, card: BenchCard) -> None:
    """Write it."""
    first, *others = card.title.splitlines()
    stream.bold(first)
    stream.write("\n")
    for line in others:
        stream.write(f"  {line}\n")
    result = card.result
    stream.write(f"  load         {result.load_s:.2f} s\n")
    stream.write(
        f"  first token  {result.first_token_cold_s:.2f} s with the load, {result.first_token_warm_s:.2f} s without\n"
    )
    if result.peak_bytes:
        stream.write(f"  memory       {format_bytes(result.peak_bytes)} at most, the file's own pages included\n")
    if result.copy_bytes_per_second:
        stream.write(f"  copy         {result.copy_bytes_per_second / 1e9:.1f} GB/s read and written\n")
    _show_depths(stream, card)
    if card.left_out:
        stream.dim(f"  {card.left_out}")
        stream.write("\n")


def _show_depths(stream: Stream, card: BenchCard) -> None:
    has_bound = any(card.bounds)
    stream.write("\n")
    stream.bold(f"  {'CONTEXT':>8}  {'READS':>14}  {'WRITES':>14}" + ("  OF WHAT MEMORY ALLOWS" if has_bound else ""))
    stream.write("\n")
    fastest = max(depth.reply_speed for depth in card.result.depths)
    for depth, bound in zip(card.result.depths, card.bounds, strict=True):
        share = depth.reply_speed / (bound or fastest)
        told = f" {share:.0%} of {bound:.0f}" if bound else ""
        speeds = f"{depth.prompt_speed:>6,.1f} tokens/s  {depth.reply_speed:>6,.1f} tokens/s"
        stream.write(f"  {depth.tokens:>8,}  {speeds}  {_bar(stream, share)}{told}\n")


def show_ratios(stream: Stream, first: str, second: str, rows: Sequence[tuple[str, float, float, Ratio]]) -> None:
    """Two settings side by side.

    rows: what was measured, the medians of both, and the ratio of the second to the first.
    """
    width = max(len("MEASURED"), *(len(name) for name, *_ in rows))
    columns = max(14, len(first), len(second))
    stream.bold(f"{'MEASURED':{width}}  {first:>{columns}}  {second:>{columns}}  RATIO  LEAST TO MOST")
    stream.write("\n")
    for name, one, other, ratio in rows:
        stream.write(
            f"{name:{width}}  {one:>{columns},.1f}  {other:>{columns},.1f}  {ratio.median:5.2f}  "
            f"{ratio.least:.2f} to {ratio.most:.2f}\n"
        )


def _bar(stream: Stream, share: float) -> str:
    cells = (_FULL * round(min(1.0, share) * _BAR_CELLS)).ljust(_BAR_CELLS, _EMPTY)
    try:
        cells.encode(stream.encoding)
    except UnicodeEncodeError:
        return cells.translate(_PLAIN)
    return cells
