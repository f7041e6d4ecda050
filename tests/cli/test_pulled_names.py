"""What was pulled is used by the name that it was pulled by, whatever happens to the cache behind our back."""

import json
import shutil
from pathlib import Path

import pytest

from tests.architecture.test_startup import modules_after
from tests.cli.pulling import NAME
from tests.fakes.fake_hub import FakeHub
from tests.harness import Result, run_oss
from tests.store.gguf_files import write_gguf
from tests.store.installed_models import HubFolder, add_to_catalogue

SAY = ["-e", "low", "--temperature", "0", "Say the word banana."]


@pytest.fixture
def tiny(hub: FakeHub, tiny_gpt_oss: Path) -> Path:
    """The tiny gpt-oss, pulled as a repository's only model."""
    hub.add_repository(NAME).add("tiny-MXFP4.gguf", tiny_gpt_oss.read_bytes())
    return Path(run_oss("pull", NAME).stdout.strip())


def folder_of(tmp_path: Path) -> Path:
    return tmp_path / "hugging-face/hub/models--org--model-GGUF"


@pytest.mark.parametrize("name", [NAME, f"{NAME}:MXFP4", f"{NAME}:mxfp4", f"{NAME}:tiny-MXFP4.gguf"])
def test_a_repositorys_model_is_used_by_its_name(tiny: Path, name: str) -> None:
    assert run_oss("run", "-m", name, *SAY) == Result("banana\n", "", 0)
    assert run_oss("chat", name, *SAY[:-1], stdin=SAY[-1]).stdout == "banana\n"


def test_without_a_name_what_was_pulled_is_used_before_the_starter(tiny_gpt_oss: Path, hub: FakeHub) -> None:
    """The starter has 98 MB: the only larger one is the one that was pulled."""
    data = tiny_gpt_oss.read_bytes() + bytes(100 << 20)
    hub.add_repository(NAME).add("tiny-MXFP4.gguf", data)
    assert run_oss("pull", NAME).status == 0
    assert run_oss("run", *SAY).stdout == "banana\n"


def test_a_projector_that_was_pulled_is_not(hub: FakeHub, smollm2: Path, tmp_path: Path) -> None:
    projector = write_gguf(tmp_path / "mmproj.gguf").read_bytes() + bytes(100 << 20)
    hub.add_repository(NAME).add("mmproj-F16.gguf", projector)
    assert run_oss("pull", f"{NAME}:mmproj-F16.gguf").status == 0
    assert run_oss("run", "--dry-run", "-v", "Hi").stdout.startswith("<|im_start|>")


def test_it_is_found_without_the_hub_library_and_without_a_lock(tiny: Path) -> None:
    for arguments in (["run", "-m", NAME, *SAY], ["list"], ["show", NAME], ["verify", NAME]):
        assert not modules_after(*arguments) & {"huggingface_hub", "httpx2", "filelock"}, arguments


def test_the_bytes_of_a_known_model_from_another_repository_are_listed(tiny: Path, tmp_path: Path) -> None:
    add_to_catalogue(tmp_path / "oss-home", "known", [tiny], repository="org/original-GGUF")
    assert f"\n{NAME}:MXFP4  " in run_oss("list").stdout


def test_it_may_be_given_a_name(tiny: Path) -> None:
    assert run_oss("alias", "tiny", NAME) == Result("", "", 0)
    assert run_oss("run", "-m", "tiny", *SAY).stdout == "banana\n"


def test_it_is_listed_with_its_fit_and_shown_verified_and_removed_by_the_short_name(tiny: Path) -> None:
    one = json.loads(run_oss("list", "--json").stdout)[1]
    assert (one["name"], one["path"], one["from"], one["fits"]) == (f"{NAME}:MXFP4", str(tiny), NAME, "fits")
    assert run_oss("show", NAME).stdout.startswith(f"{NAME}:MXFP4\n")
    assert run_oss("verify", NAME).stdout == f"ok        {NAME}:MXFP4  {tiny}\n"
    assert run_oss("rm", NAME, "--yes").stdout == f"{NAME}:MXFP4 is removed; 817 kB are free again\n"
    assert f"{NAME}:MXFP4" not in run_oss("list").stdout


def test_of_several_the_short_name_means_the_one_that_was_pulled_by_it_last(hub: FakeHub, model: bytes) -> None:
    repository = hub.add_repository(NAME)
    repository.add("model-Q8_0.gguf", model + b"88")
    run_oss("pull", NAME)
    repository.add("model-Q4_K_M.gguf", model)
    run_oss("pull", f"{NAME}:Q4_K_M")
    assert run_oss("show", NAME).stdout.startswith(f"{NAME}:Q8_0\n")
    assert run_oss("show", f"{NAME}:Q4_K_M").stdout.startswith(f"{NAME}:Q4_K_M\n")


def test_a_short_name_that_is_not_clear_says_what_is_here(hub: FakeHub, model: bytes) -> None:
    repository = hub.add_repository(NAME)
    for quant in ("Q4_K_M", "Q8_0"):
        repository.add(f"model-{quant}.gguf", model + quant.encode())
        run_oss("pull", f"{NAME}:{quant}")
    assert run_oss("run", "-m", NAME, "Hi") == Result(
        "",
        f"error: {NAME} has several models here\n  {NAME}:Q8_0\n  {NAME}:Q4_K_M\nhint: name one of them: {NAME}:Q8_0\n",
        2,
    )
    assert run_oss("run", "-m", f"{NAME}:Q2_K", "Hi") == Result(
        "",
        f"error: {NAME}:Q2_K is not on this computer\n"
        f"  of {NAME} there is\n"
        f"  {NAME}:Q8_0\n"
        f"  {NAME}:Q4_K_M\n"
        f"hint: oss pull {NAME}:Q2_K\n",
        4,
    )


def test_a_repository_of_which_nothing_is_here() -> None:
    assert run_oss("run", "-m", NAME, "Hi") == Result(
        "",
        f"error: {NAME} is not on this computer\n  there is no such file or folder either\nhint: oss pull {NAME}\n",
        4,
    )


def test_a_branch_that_another_program_moved_changes_nothing(tiny: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF of another commit")
    HubFolder(tmp_path / "hugging-face/hub", NAME).add(other, commit="9" * 40)
    assert (folder_of(tmp_path) / "refs/main").read_text() == "9" * 40
    assert run_oss("run", "-m", NAME, *SAY).stdout == "banana\n"
    assert run_oss("pull", f"{NAME}:MXFP4").stdout == f"{tiny}\n"
    (folder_of(tmp_path) / "refs/main").unlink()
    assert run_oss("run", "-m", NAME, *SAY).stdout == "banana\n"


def test_a_cache_that_was_moved_is_found_where_it_is(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hugging-face").rename(tmp_path / "big-disk")
    assert f"{NAME}:MXFP4" not in run_oss("list").stdout
    monkeypatch.setenv("HF_HOME", str(tmp_path / "big-disk"))
    assert run_oss("run", "-m", NAME, *SAY).stdout == "banana\n"


def test_a_cache_that_was_emptied_has_no_models_and_is_filled_again(hub: FakeHub, tiny: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder_of(tmp_path))
    assert run_oss("run", "-m", f"{NAME}:MXFP4", "Hi").status == 4
    assert f"{NAME}:MXFP4" not in run_oss("list").stdout
    assert run_oss("verify").status == 0
    hub.add_repository("org/other-GGUF").add("other-Q8_0.gguf", tiny_bytes(hub))
    assert run_oss("pull", "org/other-GGUF").status == 0
    assert list(kept(tmp_path)["models"]) == ["org/other-GGUF:Q8_0"]
    assert run_oss("pull", NAME).stdout == f"{tiny}\n"


def tiny_bytes(hub: FakeHub) -> bytes:
    return hub.repositories[NAME].files["tiny-MXFP4.gguf"].disk.read_bytes()


def kept(tmp_path: Path) -> dict[str, dict[str, object]]:
    value: dict[str, dict[str, object]] = json.loads((tmp_path / "oss-home/manifest.json").read_text())
    return value


def test_where_there_are_no_links_the_manifest_knows_the_hash(
    hub: FakeHub, model: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    repository = hub.add_repository(NAME)
    repository.add("model-Q8_0.gguf", model)
    old = Path(run_oss("pull", NAME).stdout.strip())
    assert run_oss("verify", NAME).stdout == f"ok        {NAME}:Q8_0  {old}\n"
    repository.add("model-Q8_0.gguf", model[:-1] + b"?")
    new = Path(run_oss("pull", NAME, "--update").stdout.strip())
    assert run_oss("rm", NAME, "--yes").stderr.startswith(f"{new}\n{NAME}:Q8_0 means again ")
    assert old.is_file() and not new.exists()
    old.write_bytes(b"?" + model[1:])
    assert run_oss("verify", NAME).status == 6


def test_a_manifest_that_is_lost_costs_nothing_but_what_only_it_knew(tiny: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "oss-home/manifest.json"
    assert manifest.stat().st_mode & 0o777 == 0o600
    manifest.write_text("{ cut sho")
    assert run_oss("run", "-m", NAME, *SAY).stdout == "banana\n"
    assert run_oss("verify", NAME).stdout == f"ok        {NAME}:MXFP4  {tiny}\n"
