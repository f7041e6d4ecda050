"""How fast `oss pull` moves bytes, beside `hf_hub_download`, from a hub that limits every connection.

    python -m tests.bench.download [--mib N] [--per-connection MB/s] [--rounds N]

Both run as processes of their own, alternately, against the same fake Hub; their processor time is counted with the
children's. Quote the ratio: server, client and whatever else this computer does share its cores.
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fakes.fake_hub import FakeHub, Fault

_NAME = "org/model-GGUF"
_THEIRS = f"from huggingface_hub import hf_hub_download; hf_hub_download('{_NAME}', 'model-Q8_0.gguf')"
_OURS = ("-m", "oss_cli", "pull", f"{_NAME}:Q8_0")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--per-connection", type=float, default=20.0, help="MB/s; 0: no limit")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, FakeHub(Path(name)) as hub:
        hub.add_repository(_NAME).add("model-Q8_0.gguf", random.Random(1).randbytes(1 << 20) * options.mib)
        if options.per_connection:
            hub.add_fault("file", Fault("slow", bytes_per_second=int(options.per_connection * 1e6)))
        ways = {"hf_hub_download": ("-c", _THEIRS), "oss pull": _OURS}
        best: dict[str, tuple[float, float]] = {}
        for turn in range(options.rounds):
            for way, command in ways.items():
                measured = _measure(hub, Path(name) / f"{turn}-{len(way)}", command)
                best[way] = min(best.get(way, measured), measured)
    size_gb = (options.mib << 20) / 1e9
    for way, (wall_s, processor_s) in best.items():
        print(
            f"{way:16} {wall_s:6.2f} s  {size_gb * 1e3 / wall_s:6.1f} MB/s  {processor_s / size_gb:5.2f} CPU s per GB"
        )
    print(f"ratio {best['hf_hub_download'][0] / best['oss pull'][0]:.2f}")


def _measure(hub: FakeHub, home: Path, command: tuple[str, ...]) -> tuple[float, float]:
    """Seconds by the clock and of the processor; the interpreter's start and its imports included."""
    environment = {
        **os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home / "hf"), "OSS_HOME": str(home / "oss"),
        "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1",
    }  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    subprocess.run([sys.executable, *command], env=environment, check=True, capture_output=True)
    wall_s = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
