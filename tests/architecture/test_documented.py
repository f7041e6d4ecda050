"""What the README says is what there is: commands, options, slash commands, settings, exit statuses, set-up."""

import re
from pathlib import Path

import pytest

from oss_cli.errors import ExitCode
from oss_cli.repl.commands import REGISTRY
from oss_cli.settings import SETTING_NAMES
from tests.end_to_end.test_contract import ROWS
from tests.harness import run_oss

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def commands() -> list[str]:
    help_text = run_oss("--help").stdout
    return re.findall(r"^│ (\w+)  ", help_text.partition("Commands")[2], re.MULTILINE)


def test_every_command_is_in_the_readme() -> None:
    assert commands()[:8] == ["run", "chat", "batch", "serve", "list", "models", "show", "pull"]
    assert set(commands()[8:]) == {
        "import", "verify", "rm", "alias", "load", "ps", "stop", "doctor", "bench", "config", "history", "template",
    }  # fmt: skip
    for command in commands():
        assert f"`oss {command}" in README


@pytest.mark.parametrize("command", ["run", "chat", "batch", "serve"])
def test_every_option_is_in_the_readme(command: str) -> None:
    options = set(re.findall(r"(--[a-z-]+)", run_oss(command, "--help").stdout)) - {"--help"}
    assert len(options) > 12
    assert [option for option in sorted(options) if f"`{option}" not in README and f", `{option}" not in README] == []


@pytest.mark.parametrize("command", REGISTRY.commands, ids=lambda command: str(command.name))
def test_every_slash_command_has_a_line_of_help_and_stands_in_the_readme(command: object) -> None:
    name, meaning, aliases = (getattr(command, part) for part in ("name", "meaning", "aliases"))
    assert meaning.endswith(".")
    row = next(line for line in README.splitlines() if line.startswith(f"| `/{name}"))
    assert row.endswith(f"| {meaning} |")
    assert all(f"`/{alias}`" in row for alias in aliases)


@pytest.mark.parametrize("name", SETTING_NAMES)
def test_every_setting_is_in_the_readme(name: str) -> None:
    table = README.partition("## Settings")[2]
    assert f"`{name}`" in table


def test_every_exit_status_that_can_come_is_in_the_readme() -> None:
    rows = {int(status) for status in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert rows == {int(code) for code in ExitCode}


def test_each_row_of_the_contract_is_proven_by_a_test() -> None:
    table = README.partition("### In a pipeline: the contract")[2].partition("###")[0]
    rows = re.findall(r"^\| (.+?) \| ", table, re.MULTILINE)
    assert len(rows) > 10
    assert set(rows) - {"what"} == ROWS


def test_ci_runs_the_readmes_test_command() -> None:
    command = next(line for line in README.splitlines() if line.startswith(".venv/bin/pip install -e"))
    assert command in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()


def test_the_quick_start_is_two_commands() -> None:
    quick_start = README.partition("## Quick start")[2].partition("The starter model")[0]
    assert len(re.findall(r"```sh\n[^\n]+\n```", quick_start)) == quick_start.count("```sh") == 2


def test_the_top_level_holds_what_it_should_and_nothing_else() -> None:
    known = {"pyproject.toml", "README.md", "oss_cli", "tests", "models.toml", "LICENSE", "CHANGELOG.md"}
    present = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert known <= present
    assert present - known <= {"dist", "build", "venv"}
