"""What rendering costs while a reply comes: `python -m tests.bench.markdown [--tokens N]`.

Each kind of reply is fed four characters at a time, once with a frame for every piece (the worst there could be) and
once at 50 tokens/s by a clock that is moved by hand, as `oss` would draw it.
"""

import argparse
import io
import time
from itertools import pairwise

from oss_cli.terminal.console import Stream
from oss_cli.terminal.markdown.writer import MarkdownWriter
from tests.terminal.streams import Clock

TOKEN_CHARACTERS = 4
SENTENCE = "The model reads **what** it wrote `so far` and takes the likeliest word of all. "


def replies(characters: int) -> dict[str, str]:
    """A reply of each kind."""
    part = f"## Part\n\n{SENTENCE * 5}\n\n- {SENTENCE}\n- {SENTENCE}\n\n```python\ndef f(x):\n    return x + 1\n```\n\n"
    kinds = {
        "mixed": ("", part),
        "one block of code": ("```python\n", "def f(x):\n    y = x + 1\n    return 'text' + y\n\n"),
        "one list": ("", f"- {SENTENCE}\n"),
        "one item with a list": ("1. Steps\n", f"   - {SENTENCE}\n"),
        "one table": ("| a | b | c |\n|---|---|---|\n", "| some text | 12345 | more of it |\n"),
        "one quotation": ("", f"> {SENTENCE}\n>\n"),
        "one paragraph": ("", SENTENCE),
    }
    return {name: (head + body * (characters // len(body) + 1))[:characters] for name, (head, body) in kinds.items()}


def measure(source: str, piece_s: float) -> tuple[list[float], int]:
    """Seconds until each tenth of the reply was written, and the bytes that were."""
    file, clock = io.StringIO(), Clock()
    writer = MarkdownWriter(Stream(file, is_watched=True, has_escapes=True, has_colour=True), clock, lambda: (80, 24))
    pieces = [source[at : at + TOKEN_CHARACTERS] for at in range(0, len(source), TOKEN_CHARACTERS)]
    tenth = len(pieces) // 10
    begun = time.perf_counter()
    times = [0.0]
    for number, piece in enumerate(pieces, 1):
        writer.write(piece)
        clock.now += piece_s
        if number % tenth == 0:
            times.append(time.perf_counter() - begun)
    writer.finish()
    return times, len(file.getvalue().encode())


def main() -> None:
    """Print one line for each kind of reply."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=20_000)
    arguments = parser.parse_args()
    per_tenth = arguments.tokens // 10
    print("reply | a frame a token: first tenth, last tenth | at 50 tokens/s | bytes a character")
    for name, source in replies(arguments.tokens * TOKEN_CHARACTERS).items():
        times, _ = measure(source, piece_s=1.0)
        tenths = [(after - before) / per_tenth * 1e3 for before, after in pairwise(times)]
        paced, written_bytes = measure(source, piece_s=0.02)
        share = f"{paced[-1] / arguments.tokens * 1e3:.2f} ms"
        print(f"{name} | {tenths[0]:.2f} ms, {tenths[-1]:.2f} ms | {share} | {written_bytes / len(source):.1f}")


if __name__ == "__main__":
    main()
