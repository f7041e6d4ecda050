"""What it costs to hold an answer to a form: tokens per processor second with and without, on gpt-oss's 201,088 tokens.

    python -m tests.bench.answer_form [--tokens 200] [--rounds 5] [--threads 1] [--width 512]

The model is made here: two layers of random weights under gpt-oss's whole vocabulary. Such a model never knows what a
form wants: `text` is what a JSON string may hold, in which a few tokens in a hundred are refused, `limited` the same
with its characters counted, and `structure`, the worst there is, a list of small objects, in which nearly all are
refused. A trained model that was told its schema is refused less often than in `text`. Replies with and without a form
take turns in one process. It is the processor's time of all threads that counts, and the best of all rounds: a busy
machine only adds.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from oss_cli.backends.local import LocalBackend, LocalModel
from oss_cli.conversation.answer_form import AnswerForm, GrammarForm, SchemaForm
from oss_cli.conversation.events import TokensSampled
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.options import ReplyOptions, SamplingOptions
from oss_cli.engine.llama.engine import open_engine
from oss_cli.plan import LoadPlan
from oss_cli.wiring import choose_format
from tests.bench.random_model import write_random_model

FORMS: dict[str, AnswerForm | None] = {
    "free": None,
    "text": GrammarForm('root ::= [^\\x00-\\x1F"\\\\]*'),
    "limited": SchemaForm({"type": "string", "minLength": 10_000}),
    "structure": SchemaForm(
        {
            "type": "array",
            "minItems": 10_000,
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "maximum": 150}},
                "required": ["name", "age"],
            },
        }
    ),
}


def main() -> None:
    arguments = _read_arguments()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.gguf"
        write_random_model(path, arguments.width)
        engine = open_engine(LoadPlan(path, threads=arguments.threads, context_tokens=4096))
        sampling = SamplingOptions(temperature=1.0, top_k=100, top_p=1.0, min_p=0.0)
        backend = LocalBackend(engine, choose_format(engine.model), LocalModel("random", sampling))
        never_ends = dict.fromkeys(engine.tokens.end_tokens(), -1e9)
        speeds: dict[str, list[float]] = {name: [] for name in FORMS}
        for number in range(arguments.rounds + 1):
            for name, form in FORMS.items():
                speed = _speed(backend, form, arguments.tokens, never_ends)
                if number:  # the first round builds what later ones share
                    speeds[name].append(speed)
        backend.close()
    best = {name: max(all_of_it) for name, all_of_it in speeds.items()}
    print(f"{arguments.tokens} tokens, {arguments.rounds} rounds, {arguments.threads} threads, width {arguments.width}")
    for name, speed in best.items():
        spread = f"(median {statistics.median(speeds[name]):.1f})"
        print(f"  {name:10} {speed:8.1f} tokens/CPU s  {spread:20}  ratio {speed / best['free']:.3f}")


def _speed(backend: LocalBackend, form: AnswerForm | None, tokens: int, never_ends: dict[int, float]) -> float:
    sampling = SamplingOptions(max_tokens=tokens, seed=1, logit_bias=never_ends)
    options = ReplyOptions("2026-11-23", sampling, reasoning_budget=0, answer_form=form)
    sampled, started = 0, 0.0
    for event in backend.reply([user_message("Go on.")], options):
        if isinstance(event, TokensSampled):
            started = started or time.process_time()
            sampled += 1
    return (sampled - 1) / (time.process_time() - started)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.answer_form", description=__doc__)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--width", type=int, default=512)
    return parser.parse_args()


if __name__ == "__main__":
    main()
