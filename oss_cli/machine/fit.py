"""How a model is to be loaded on a machine. Pure arithmetic; reads nothing."""

from pathlib import Path

from oss_cli.plan import LoadPlan, Machine

REPACK_SHARE = 0.45
"""Most of the memory that weights may take for a second, repacked copy of them to be worth it.

Measured with gpt-oss-20b (12.1 GB) on 24 GB: repacked, it loads in 40 s and takes 22 GB; as it is, 0.9 s and 12.1 GB,
for prompts read at 9.7 instead of 11.6 tokens/s.
"""


def plan_load(
    path: Path, machine: Machine, *, weights_bytes: int, context_tokens: int | None, is_one_shot: bool
) -> LoadPlan:
    """A plan that uses all that the machine has: every layer on a GPU if the build has one, else all good cores.

    context_tokens: None: as much as the conversation needs.
    is_one_shot: one reply and the process ends: what only pays over many replies is left out.
    """
    return LoadPlan(
        path=path,
        threads=machine.physical_cores,
        context_tokens=context_tokens,
        repack=not is_one_shot and weights_bytes <= REPACK_SHARE * machine.total_ram_bytes,
    )
