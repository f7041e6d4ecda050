"""`oss chat` with a scripted model and a clock that only its words move; all else is the real program.

Its one argument is the folder that it talks in, and that gets the files the talk is about.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from oss_cli.cli.chat import start_chat
from oss_cli.conversation.events import Event, ReasoningDelta, StopReason, TextDelta, TokensSampled, TurnEnded, Usage
from oss_cli.conversation.options import ReasoningEffort
from oss_cli.settings import Settings
from oss_cli.wiring import ModelChoice, OpenModels
from tests.fakes.backend import ScriptedBackend

CONTEXT_TOKENS = 8192
TOKENS_PER_SECOND = 42.0

FILES = {
    "mean.py": "def mean(values: list[float]) -> float:\n    return sum(values) / len(values)\n",
    "test_total.py": (
        "from total import total\n\n\n"
        "def test_the_total_of_nothing_is_nothing() -> None:\n    assert total([]) == 0\n\n\n"
        "def test_values_are_added_up() -> None:\n    assert total([1.5, 2.5]) == 4\n"
    ),
}
FIRST_THOUGHT = """\
What goes wrong in mean.py? The function divides the sum by the number of values. With an empty list that number
is 0, and Python raises ZeroDivisionError, which tells the caller nothing about values. What could it do instead? Raise
a ValueError with a plain sentence, or return something. Zero is a lie, NaN travels far before anybody sees it. I would
raise. Is anything else wrong? A generator has no len; the annotation says list, so that is fine. Show the lines."""
FIRST_ANSWER = """\
On an empty list `mean` divides by zero, for `len(values)` is 0. **Two ways out:**

- *raise* a `ValueError`: whoever calls it learns what was wrong with the list
- *return* something, such as `0.0`: shorter, but the mean of nothing is not 0

## What I would do

```python
def mean(values: list[float]) -> float:
    if not values:
        raise ValueError("a mean needs at least one value")
    return sum(values) / len(values)  # never 0 here
```
"""
SECOND_THOUGHT = """\
Once more, and shorter. The empty list is the answer. The standard library has this already: statistics.mean raises
StatisticsError, a kind of ValueError."""
SECOND_ANSWER = """\
It fails on an empty list only, with a division by zero. The **`mean` of `statistics`** in the standard library \
raises an error that says why, and adds more exactly.
"""


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class ScriptedModel(ScriptedBackend):
    """Counts pieces of words, as models do."""

    name = "gpt-oss-20b"

    def count_text_tokens(self, text: str) -> int:
        return len(pieces_of(text))


def pieces_of(text: str) -> list[str]:
    """The text in pieces about as long as a model's tokens."""
    return re.findall(r"\s*\w{1,8}|\s*[^\w\s]|\s+", text)


def speak(clock: Clock, thought: str, answer: str) -> Iterator[Event]:
    """A reply at an even speed."""
    thoughts, words = pieces_of(thought), pieces_of(answer)
    said: list[Event] = [*map(ReasoningDelta, thoughts), *map(TextDelta, words)]
    for event in said:
        clock.now_s += 1 / TOKENS_PER_SECOND
        yield TokensSampled((0,))
        yield event
    reply_tokens = len(thoughts) + len(words)
    usage = Usage(
        reply_tokens=reply_tokens, reasoning_tokens=len(thoughts), context_tokens=CONTEXT_TOKENS,
        decode_s=(reply_tokens - 1) / TOKENS_PER_SECOND,
    )  # fmt: skip
    yield TurnEnded(StopReason.END, usage)


def main() -> None:
    """Talk until Ctrl-D."""
    os.chdir(sys.argv[1])
    for name, text in FILES.items():
        Path(name).write_text(text, "utf-8")
    clock = Clock()
    model = ScriptedModel(
        speak(clock, FIRST_THOUGHT, FIRST_ANSWER),
        speak(clock, SECOND_THOUGHT, SECOND_ANSWER),
        context_tokens=CONTEXT_TOKENS,
    )
    choice = ModelChoice(model.name, Path("scripted.gguf"))
    start_chat(Settings(effort=ReasoningEffort.MEDIUM), opened=OpenModels(lambda _: model, choice), clock=clock)


if __name__ == "__main__":
    main()
