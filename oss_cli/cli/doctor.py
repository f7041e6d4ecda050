"""`oss doctor`: whether everything is there that a model needs, and what to do where it is not."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from oss_cli.cli.options import OfflineOption
from oss_cli.errors import ExitCode

if TYPE_CHECKING:
    from oss_cli.machine.checkup import Checkup
    from oss_cli.terminal.doctor import TerminalFacts


_NOT_SHOWN = ("models", "advice", "has_avx2", "settings")
"""Of the findings, what JSON has in another form, or among the warnings."""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False, offline: OfflineOption = False
) -> None:
    """Check this computer: llama.cpp, GPU, memory, disk, network, and which models fit.

    Exit status 0: a model can run here; else 5.
    """
    from oss_cli.doctor import check_up
    from oss_cli.terminal.console import open_console
    from oss_cli.terminal.doctor import look_at_terminal, show_checkup

    out = open_console().out
    checkup, terminal = check_up(), look_at_terminal(out)
    if as_json:
        import json

        out.write(json.dumps(_as_value(checkup, terminal), ensure_ascii=False, sort_keys=True, indent=1) + "\n")
    else:
        show_checkup(out, checkup, terminal)
    if not checkup.can_run:
        raise typer.Exit(ExitCode.DOES_NOT_FIT)


def _as_value(checkup: "Checkup", terminal: "TerminalFacts") -> dict[str, Any]:
    """The findings under names that stay."""
    from dataclasses import asdict

    from oss_cli.machine.checkup import find_warnings

    models = [
        {
            "name": model.name,
            "bytes": model.size_bytes,
            "here": model.is_here,
            "verdict": model.fit.verdict.value,
            "needs_bytes": model.fit.estimate.total_bytes,
            "context_tokens": model.fit.context_tokens,
            "gpu_layers": model.fit.plan.gpu_layers,
            "cpu_moe_layers": model.fit.plan.cpu_moe_layers,
            "estimated_tokens_per_second": round(model.fit.tokens_per_second, 1),
        }
        for model in checkup.models
    ]
    value = {key: item for key, item in asdict(checkup).items() if key not in _NOT_SHOWN}
    return {
        **value,
        "models": models,
        "terminal": asdict(terminal),
        "warnings": [asdict(warning) for warning in find_warnings(checkup)],
        "can_run": checkup.can_run,
    }
