"""The process that measures: a plan comes in on standard input, JSON lines go out; and the one who starts it.

One process for each measurement: its threads, its memory and llama.cpp's own state are those of no other.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oss_cli.bench.results import BenchJob, BenchResult
from oss_cli.errors import EngineFailed, OssError
from oss_cli.plan import KvType, LoadPlan


def measure_apart(plan: LoadPlan, job: BenchJob, tell: Callable[[str], None]) -> BenchResult:
    """Measure in a process of its own; Ctrl-C ends it at once.

    tell: is told what is going on.

    Raises:
        EngineFailed: the model could not be loaded or evaluated.
    """
    asked = json.dumps({"plan": {**asdict(plan), "path": str(plan.path)}, "job": asdict(job)})
    command = [sys.executable, "-P", "-m", "oss_cli.bench.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8") as child:
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(asked)
            child.stdin.close()
            for line in child.stdout:
                value: dict[str, Any] = json.loads(line)
                if "result" in value:
                    return BenchResult.from_value(value["result"])
                if "failed" in value:
                    message, cause, hint = value["failed"]
                    raise EngineFailed(message, cause=cause, hint=hint)
                tell(value["doing"])
        except BaseException:
            child.kill()
            raise
    raise EngineFailed("the measurement ended half-way", cause=f"its process left with status {child.returncode}")


def main() -> None:
    """Read what is asked, measure, and write what was found."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the one who waits for us, too, and ends us
    text = sys.stdin.read()
    if not text:
        return  # whoever started us was interrupted before it could ask
    asked: dict[str, Any] = json.loads(text)
    plan = asked["plan"]
    plan |= {"path": Path(plan["path"]), "kv_type": KvType(plan["kv_type"])}
    job = BenchJob(**{**asked["job"], "depths": tuple(asked["job"]["depths"])})
    from oss_cli.bench.measure import measure  # loads llama.cpp: not for the one who starts us

    try:
        result = measure(LoadPlan(**plan), job, lambda text: _write({"doing": text}))
    except OssError as error:
        _write({"failed": [error.message, error.cause, error.hint]})
    else:
        _write({"result": asdict(result)})


def _write(value: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
