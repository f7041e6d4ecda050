"""A pulled model whose file was cut short since: every command says so, and gives or is the one that mends it."""

import os
from pathlib import Path

import pytest

from tests.cli.pulling import NAME
from tests.fakes.fake_hub import FakeHub
from tests.harness import Result, run_oss

MODEL = f"{NAME}:Q4_K_M"
MEND = f"oss rm {MODEL} --yes && oss pull {MODEL}"


@pytest.fixture
def path(hub: FakeHub, model: bytes) -> Path:
    """Where a model was pulled to; half of it is gone."""
    hub.add_repository(NAME).add("model-Q4_K_M.gguf", model)
    path = Path(run_oss("pull", NAME).stdout.strip())
    os.truncate(path, len(model) // 2)
    return path


def forget(tmp_path: Path) -> None:
    """As if another program had fetched it."""
    (tmp_path / "oss-home/manifest.json").unlink()


@pytest.mark.parametrize("is_ours", [True, False])
@pytest.mark.parametrize("name", [NAME, MODEL])
def test_run_gives_the_command_that_mends_it(
    path: Path, model: bytes, tmp_path: Path, name: str, is_ours: bool
) -> None:
    if not is_ours:
        forget(tmp_path)
    result = run_oss("run", "-m", name, "Hi")
    assert (result.stdout, result.status) == ("", 7)
    assert result.stderr.startswith(f"error: {path} is cut short\n  ")
    assert result.stderr.endswith(f"\nhint: {MEND}\n")
    assert run_oss("show", name).stderr == result.stderr
    assert run_oss("verify", MODEL).stderr.endswith(f"\nhint: {MEND}\n")
    for command in MEND.split(" && "):
        assert run_oss(*command.split()[1:]).status == 0
    assert path.read_bytes() == model


@pytest.mark.parametrize("is_ours", [True, False])
@pytest.mark.parametrize("name", [NAME, MODEL])
def test_pull_fetches_it_anew(path: Path, model: bytes, tmp_path: Path, name: str, is_ours: bool) -> None:
    if not is_ours:
        forget(tmp_path)
    result = run_oss("pull", name)
    assert (result.stdout, result.status) == (f"{path}\n", 0)
    assert path.read_bytes() == model
    assert run_oss("verify", MODEL) == Result(f"ok        {MODEL}  {path}\n", "", 0)


def test_so_it_does_where_only_bytes_behind_the_tensors_are_lost(hub: FakeHub, model: bytes) -> None:
    hub.add_repository(NAME).add("model-Q4_K_M.gguf", model + b"behind")
    path = Path(run_oss("pull", NAME).stdout.strip())
    os.truncate(path, len(model))
    assert run_oss("pull", NAME).stdout == f"{path}\n"
    assert path.read_bytes() == model + b"behind"


def test_where_there_are_no_links_as_well(hub: FakeHub, model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    hub.add_repository(NAME).add("model-Q4_K_M.gguf", model)
    path = Path(run_oss("pull", NAME).stdout.strip())
    os.truncate(path, len(model) // 2)
    assert run_oss("pull", NAME).stdout == f"{path}\n"
    assert path.read_bytes() == model
