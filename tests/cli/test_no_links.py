"""A Hugging Face cache where links cannot be: models are found, verified and removed there as anywhere else."""

from pathlib import Path

import pytest

from tests.cli.pulling import NAME
from tests.fakes.fake_hub import FakeHub, Fault
from tests.harness import Result, run_oss
from tests.store.installed_models import HubFolder
from tests.store.noise import MIB, noise

MODEL = f"{NAME}:MXFP4"


@pytest.fixture
def placed(hub: FakeHub, model: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that was pulled without links, while another one of its repository is half here."""
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    repository = hub.add_repository(NAME)
    repository.add("model-MXFP4.gguf", model)
    repository.add("model-Q8_0.gguf", noise(4 * MIB))
    hub.add_fault("file", Fault("status", code=418, skip=3, path="*Q8_0*"))
    assert run_oss("pull", f"{NAME}:Q8_0").status == 6
    return Path(run_oss("pull", MODEL).stdout.strip())


def partials(path: Path) -> list[Path]:
    return list((path.parents[2] / "blobs").glob("*.incomplete"))


def test_what_was_pulled_is_removed_and_nothing_else(placed: Path, model: bytes) -> None:
    assert run_oss("rm", MODEL, "-y") == Result(
        f"{MODEL} is removed; {len(model) / 1e3:.0f} kB are free again\n", f"{placed}\n", 0
    )
    assert not placed.parent.exists()
    assert not (placed.parents[2] / "refs/main").exists()
    assert len(partials(placed)) == 1


def test_so_is_what_another_program_has_fetched(placed: Path, model: bytes, tmp_path: Path) -> None:
    (tmp_path / "oss-home/manifest.json").unlink()
    assert run_oss("rm", MODEL, "-y") == Result(
        f"{MODEL} is removed; {len(model) / 1e3:.0f} kB are free again\n", f"{placed}\n", 0
    )
    assert not placed.parent.exists()
    assert not (placed.parents[2] / "refs/main").exists()
    assert len(partials(placed)) == 1


def test_the_hash_that_a_pull_knew_is_verified(placed: Path) -> None:
    assert run_oss("verify", MODEL) == Result(f"ok        {MODEL}  {placed}\n", "", 0)


def test_what_is_here_with_links_stays_whole_when_an_update_has_none(
    hub: FakeHub, model: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = hub.add_repository(NAME)
    repository.add("model-Q4_K_M.gguf", model)
    old = Path(run_oss("pull", NAME).stdout.strip())
    repository.add("another-Q8_0.gguf", noise(MIB))
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    result = run_oss("pull", f"{NAME}:Q4_K_M", "--update")
    assert result.status == 0, result.stderr
    new = Path(result.stdout.strip())
    assert new != old and not new.is_symlink()
    assert old.read_bytes() == new.read_bytes() == model
    assert run_oss("rm", f"{NAME}:Q4_K_M", "-y").status == 0
    assert HubFolder(tmp_path / "hugging-face/hub").left() == ["CACHEDIR.TAG"]
