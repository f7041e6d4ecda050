"""What lies in our models folder and is no whole model: it is shown, told and removed, not hidden."""

import json
from pathlib import Path

import pytest

from tests.harness import Result, run_oss
from tests.store.installed_models import split_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "oss-home/models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(params=["gone", "loop", "parts", "first"])
def broken(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> tuple[Path, str]:
    """A broken model called "big": its first file, and what is wrong with it."""
    link = folder / "big.gguf"
    if request.param == "gone":
        link.symlink_to(tmp_path / "gone.gguf")
        return link, f"is a link to {tmp_path}/gone.gguf, which is gone"
    if request.param == "loop":
        link.symlink_to(link.name)
        return link, "is a link that leads back to itself"
    parts = split_model(folder, "big", parts=3)
    if request.param == "parts":
        parts[1].unlink()
        parts[2].unlink()
        return parts[0], "is not complete: of its 3 parts 2 and 3 are missing"
    parts[0].unlink()
    return parts[1], "is not complete: of its 3 parts 1 is missing"


def test_list_shows_it(broken: tuple[Path, str]) -> None:
    path, problem = broken
    lines = run_oss("list").stdout.splitlines()
    row = next(line for line in lines if line.startswith("big "))
    assert lines[lines.index(row) - 1].split("  ")[0] == "NOT COMPLETE"
    assert row.endswith(f"  {problem}")
    value = next(one for one in json.loads(run_oss("list", "--json").stdout) if one["name"] == "big")
    assert (value["here"], value["path"], value["problem"]) == (False, str(path), problem)


def test_verify_names_it_with_the_command_that_takes_it_away(broken: tuple[Path, str]) -> None:
    path, problem = broken
    result = run_oss("verify")
    assert result.stderr == f"error: 1 of 2 files is not what it should be\n  {path}: {problem}\nhint: oss rm big\n"
    assert result.status == 6
    assert run_oss("verify", "big") == Result(
        "", f"error: the file is not what it should be\n  {path}: {problem}\nhint: oss rm big\n", 6
    )


def test_a_command_that_needs_it_says_what_is_wrong(broken: tuple[Path, str]) -> None:
    path, problem = broken
    expected = Result("", f"error: {path} {problem}\nhint: oss rm big\n", 7)
    assert run_oss("run", "-m", "big", "Hi") == expected
    assert run_oss("run", "big", "Hi") == expected
    assert run_oss("show", "BIG") == expected


def test_rm_takes_it_away(broken: tuple[Path, str], folder: Path) -> None:
    sizes = sum(path.lstat().st_size for path in folder.iterdir() if not path.is_symlink())
    files = "".join(f"{path}\n" for path in sorted(folder.iterdir()))
    assert run_oss("rm", "big", "--yes") == Result(f"big is removed; {sizes / 1e3:.0f} kB are free again\n", files, 0)
    assert list(folder.iterdir()) == []


def test_a_known_model_that_is_here_is_used_beside_it(folder: Path, smollm2: Path) -> None:
    (folder / "smollm2-135m.gguf").symlink_to("gone.gguf")
    assert run_oss("show", "smollm2-135m").status == 0
    assert run_oss("verify", "smollm2-135m").stdout == f"ok        smollm2-135m  {smollm2}\n"
    removed = run_oss("rm", "smollm2-135m", "--yes")
    assert (removed.status, list(folder.iterdir())) == (0, [])
    assert smollm2.is_file()
