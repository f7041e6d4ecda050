"""What each command loads: module names, not milliseconds, which a busy machine would bend."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.chat_server import ChatServer, delta, events

SERVES = {"starlette", "uvicorn", "sse_starlette", "oss_cli.server.app"}
HEAVY = ("llama_cpp", "llama_cpp.llama_cpp", "huggingface_hub", "prompt_toolkit", "numpy", "jinja2", "rich.markdown")


SMALL = [
    ["show", "gpt-oss-20b"],
    ["verify", "starter"],
    ["config", "show"],
    ["alias"],
    ["rm", "starter"],
    ["ps"],
    ["stop"],
]
SMALL += [["history"], ["history", "search", "sky"], ["history", "show"], ["history", "export", "--all"]]


def modules_after(*arguments: str, stdin: str = "") -> set[str]:
    """Names of the modules in a child interpreter once `oss` has run there."""
    program = (
        "import json, sys\n"
        "from oss_cli.__main__ import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    pass\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", program, *arguments], input=stdin, capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(child.stdout.splitlines()[-1]))


def test_version_loads_nothing_of_the_command_line() -> None:
    loaded = modules_after("--version")
    assert not loaded & {"typer", "rich", "oss_cli.cli.app", "oss_cli.terminal.console", *HEAVY}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["chat", "--help"], ["batch", "--help"], ["serve", "--help"], ["list"]] + SMALL,
)
def test_help_and_list_load_no_engine_and_no_editor(arguments: list[str]) -> None:
    loaded = modules_after(*arguments)
    assert not loaded & (set(HEAVY) - {"rich.markdown"})  # which Typer loads for its help
    assert not loaded & SERVES


def test_a_run_on_harmony_loads_neither_numpy_nor_jinja2(tiny_gpt_oss: Path) -> None:
    loaded = modules_after("run", "-m", str(tiny_gpt_oss), "-e", "low", "--temperature", "0", "Say the word banana.")
    assert "llama_cpp.llama_cpp" in loaded
    assert not loaded & {
        "llama_cpp",
        "numpy",
        "jinja2",
        "huggingface_hub",
        "prompt_toolkit",
        "rich",
        "markdown_it",
        "pygments",
    }


def test_a_run_on_a_server_loads_no_engine_and_one_here_no_http(tiny_gpt_oss: Path) -> None:
    with ChatServer(events(delta(content="Hi"), delta("stop"))) as server:
        there = modules_after("run", "--server", server.url, "hi")
    here = modules_after("run", "-m", str(tiny_gpt_oss), "-e", "low", "--temperature", "0", "Say the word banana.")
    assert not there & {*HEAVY, "oss_cli.engine.base"}
    assert "httpx2" in there
    assert not here & {"httpx2", "oss_cli.backends.remote"}


@pytest.mark.parametrize(
    ("given", "spin_count"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_waiting_threads_leave_the_cores_to_others_unless_the_user_says_otherwise(
    given: dict[str, str], spin_count: str | None
) -> None:
    program = "import os, oss_cli.engine.llama.api; print(os.environ.get('GOMP_SPINCOUNT'))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GOMP_", "OMP_"))}
    child = subprocess.run(
        [sys.executable, "-c", program], env={**environment, **given}, capture_output=True, text=True, check=True
    )
    assert child.stdout.strip() == str(spin_count)
