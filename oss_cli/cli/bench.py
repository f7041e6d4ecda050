"""`oss bench`: how fast a model is on this computer, and with which settings it is faster."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from oss_cli.cli.completion import complete_model
from oss_cli.errors import BadUsage

if TYPE_CHECKING:
    from oss_cli.bench.results import BenchResult
    from oss_cli.settings import Settings
    from oss_cli.wiring import Bench


_COUNTING = ("ctx", "threads", "gpu_layers", "cpu_moe", "kv_type", "no_mmap", "mlock", "batch", "repack")
"""The settings of a load. Nothing is guessed: the tokens are drawn by lot."""


def bench(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="A model's name, alias or GGUF. Default: yours.", autocompletion=complete_model
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A rough figure in a few seconds.")] = False,
    option: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Measure with this setting; repeatable."),
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--compare", metavar="A B", help="Two settings in turn, such as threads=1 threads=2,kv_type=q8_0; -: as is."
        ),
    ] = None,
    tune: Annotated[
        bool, typer.Option("--tune", help="Find the best threads, batch and repack, and write them to config.toml.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Measure how fast a model loads, reads and writes here, against what the memory allows.

    What was found is kept: oss show and oss run --verbose tell it instead of an estimate.
    """
    from oss_cli import wiring
    from oss_cli.cli.bench_running import compare_settings, measure_once, tune_settings
    from oss_cli.settings import Settings
    from oss_cli.terminal.console import open_console

    if tune and compare is not None:
        raise BadUsage("--tune and --compare exclude each other", hint="oss bench --tune")
    console = open_console()
    settings = wiring.load_settings(with_pairs(Settings(model=model), option or []))
    choice = wiring.choose_model(settings.model)
    if compare is not None:
        compare_settings(choice, settings, compare, console, quick=quick, as_json=as_json)
    elif tune:
        tune_settings(choice, settings, console, quick=quick, as_json=as_json)
    else:
        measure_once(choice, settings, console, quick=quick, as_json=as_json)


def with_pairs(settings: "Settings", pairs: list[str]) -> "Settings":
    """The settings with NAME=VALUE decided.

    Raises:
        BadUsage: one is no such pair, no such setting, none that a measurement depends on, or no such value.
    """
    from oss_cli.settings import check_setting_name, set_setting

    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise BadUsage(f"{pair!r} is no setting", cause="it must be NAME=VALUE", hint="oss bench --set threads=2")
        name = check_setting_name(name)
        if name not in _COUNTING:
            raise BadUsage(f"{name} changes nothing that is measured", cause=f"what does: {', '.join(_COUNTING)}")
        settings = set_setting(settings, name, value)
    return settings


def as_value(bench: "Bench", result: "BenchResult", bounds: "list[float | None]") -> dict[str, Any]:
    """A result under names that stay."""
    from oss_cli.machine.measured import machine_key, plan_key

    return {
        "version": 1,
        "model": {"name": bench.choice.name, "path": str(bench.choice.path), "identity": bench.identity},
        "machine": machine_key(bench.machine),
        "llama_cpp_python": bench.build,
        "date": bench.date,
        "settings": plan_key(bench.plan),
        "load_s": round(result.load_s, 4),
        "first_token_cold_s": round(result.first_token_cold_s, 4),
        "first_token_warm_s": round(result.first_token_warm_s, 4),
        "peak_memory_bytes": result.peak_bytes or None,
        "copy_bytes_per_second": round(result.copy_bytes_per_second) or None,
        "depths": [
            {
                "context_tokens": depth.tokens,
                "prompt_tokens_per_second": round(depth.prompt_speed, 2),
                "reply_tokens_per_second": round(depth.reply_speed, 2),
                "bound_tokens_per_second": round(bound, 2) if bound else None,
            }
            for depth, bound in zip(result.depths, bounds, strict=True)
        ],
    }


__all__ = ["as_value", "bench", "with_pairs"]
