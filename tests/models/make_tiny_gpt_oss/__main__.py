"""The command line: which stages to run, in this order, and with what; knows no stage from inside."""

import argparse
from pathlib import Path

STAGES = ("train", "convert", "quantize", "evaluate")


def main() -> None:
    arguments = _read_arguments()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    # Late imports: a stage must run where the libraries of the others are missing.
    if "train" in arguments.stages:
        from tests.models.make_tiny_gpt_oss.train import train

        train(out, arguments.steps, arguments.harden_steps, arguments.threads)
    if "convert" in arguments.stages:
        from tests.models.make_tiny_gpt_oss.convert import convert

        convert(out, arguments.llama_cpp)
    if "quantize" in arguments.stages:
        from tests.models.make_tiny_gpt_oss.convert import quantize

        quantize(out)
    if "evaluate" in arguments.stages:
        from tests.models.make_tiny_gpt_oss.evaluate import evaluate

        evaluate(arguments.gguf or out / "tiny-gpt-oss.gguf", out / "tiny-gpt-oss.json", arguments.cases)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.models.make_tiny_gpt_oss", description=__doc__)
    parser.add_argument("stages", nargs="+", choices=STAGES, metavar="STAGE", help=", ".join(STAGES))
    parser.add_argument("out", type=Path, help="folder for everything that is made")
    parser.add_argument("--llama-cpp", type=Path, help="llama.cpp's source tree, for the stage convert")
    parser.add_argument("--steps", type=int, default=2700, help="training steps")
    parser.add_argument("--harden-steps", type=int, default=420, help="steps after them, experts rounded to MXFP4")
    parser.add_argument("--threads", type=int, default=2, help="for training; 1 is quicker beside other work")
    parser.add_argument("--cases", type=int, default=100, help="held-out cases per skill, for the stage evaluate")
    parser.add_argument("--gguf", type=Path, help="evaluate this file instead of OUT/tiny-gpt-oss.gguf")
    arguments = parser.parse_args()
    if "convert" in arguments.stages and arguments.llama_cpp is None:
        parser.error("the stage convert needs --llama-cpp")
    return arguments


if __name__ == "__main__":
    main()
