"""Models that this user may not look at: what can be read goes on to work, and what cannot is named."""

import json
from pathlib import Path

import pytest

from tests.cli.pulling import NAME, error_of
from tests.fakes.fake_hub import FakeHub, Fault
from tests.harness import Result, open_terminal, run_oss
from tests.permissions import closed
from tests.store.installed_models import add_to_catalogue, small_model
from tests.store.noise import MIB, noise

MODEL = f"{NAME}:Q8_0"


@pytest.fixture
def path(hub: FakeHub, model: bytes) -> Path:
    """A model that was pulled; another one of another repository is here, too."""
    for name in ("org/other-GGUF", NAME):
        hub.add_repository(name).add("model-Q8_0.gguf", model + name.encode())
        here = run_oss("pull", name).stdout
    return Path(here.strip())


def listed() -> list[str]:
    result = run_oss("list", "--json")
    assert (result.stderr, result.status) == ("", 0)
    return [one["name"] for one in json.loads(result.stdout) if one["here"]]


def places(path: Path) -> dict[str, Path]:
    repository = path.parents[2]
    return {
        "cache": repository.parent,
        "repository": repository,
        "snapshots": repository / "snapshots",
        "blobs": repository / "blobs",
    }


@pytest.mark.parametrize("place", ["cache", "repository", "snapshots", "blobs"])
def test_a_closed_folder_hides_only_what_is_in_it(path: Path, place: str) -> None:
    folder = places(path)[place]
    with closed(folder):
        there = [] if place == "cache" else ["org/other-GGUF:Q8_0"]
        assert listed() == ["smollm2-135m", *there]
        for_it = run_oss("run", "-m", NAME, "Hi")
        pulled = run_oss("pull", NAME)
        doctor = run_oss("doctor", "--offline")
        verified = run_oss("verify")
        assert run_oss("run", "-m", "starter", "--max-tokens", "1", "Hi").status in (0, 11)
        removed = run_oss("rm", NAME, "--yes")
    hint = f"chmod u+rwx {folder}"
    assert for_it == Result("", f"error: {NAME} cannot be read\n  {folder}: Permission denied\nhint: {hint}\n", 7)
    again = f"{hint} && oss pull {NAME}"
    assert pulled == Result("", f"error: {folder} cannot be read\n  Permission denied\nhint: {again}\n", 6)
    assert f"warning: {folder} cannot be read: Permission denied\n  do: {hint}\n" in doctor.stdout
    assert (verified.status, len(verified.stdout.splitlines())) == (0, len(there) + 1)
    assert removed == Result("", for_it.stderr, 7)


def test_show_says_it_too(path: Path) -> None:
    folder = path.parents[2]
    with closed(folder):
        result = run_oss("show", NAME)
    hint = f"chmod u+rwx {folder}"
    assert result == Result("", f"error: {NAME} cannot be read\n  {folder}: Permission denied\nhint: {hint}\n", 7)


def test_a_person_is_told_of_it(path: Path) -> None:
    folder = path.parents[2]
    with closed(folder), open_terminal("list", columns=300) as terminal:
        terminal.expect("org/other-GGUF:Q8_0")
        assert terminal.wait() == 0
        assert terminal.text.count(f"({folder} cannot be read: Permission denied)\n") == 1


def test_a_known_model_in_a_closed_folder(tmp_path: Path) -> None:
    add_to_catalogue(tmp_path / "oss-home", "tiny", [small_model(tmp_path)])
    folder = tmp_path / "hugging-face/hub/models--org--tiny-GGUF"
    (folder / "snapshots").mkdir(parents=True)
    with closed(folder):
        assert listed() == ["smollm2-135m"]
        result = run_oss("run", "-m", "tiny", "Hi")
        missing = run_oss("run", "-m", "gpt-oss-20b", "Hi")
    assert result.stderr == (f"error: tiny cannot be read\n  {folder}: Permission denied\nhint: chmod u+rwx {folder}\n")
    assert missing.status == 4


def test_a_closed_folder_of_our_own_models(tmp_path: Path) -> None:
    own = small_model(tmp_path / "oss-home/models", "mine.gguf")
    with closed(own.parent):
        assert listed() == ["smollm2-135m"]
        result = run_oss("run", "-m", "mine", "Hi")
    assert result == Result(
        "", f"error: mine cannot be read\n  {own.parent}: Permission denied\nhint: chmod u+rwx {own.parent}\n", 7
    )


def test_it_does_not_stand_in_the_way_of_the_cache(path: Path, tmp_path: Path) -> None:
    own = small_model(tmp_path / "oss-home/models", "mine.gguf")
    with closed(own.parent):
        assert run_oss("pull", NAME, "--update").status == 0
        assert run_oss("rm", NAME, "--yes").status == 0


def test_a_file_in_a_closed_folder(tmp_path: Path) -> None:
    model = small_model(tmp_path / "usb")
    with closed(model.parent):
        result = run_oss("run", "-m", str(model), "Hi")
        imported = run_oss("import", str(model))
    assert (result.stdout, result.status) == ("", 7)
    assert result.stderr.startswith(f"error: {model} cannot be read\n  Permission denied\nhint: ")
    assert imported == result


def test_a_manifest_that_cannot_be_read_is_not_replaced(hub: FakeHub, path: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "oss-home/manifest.json"
    before = manifest.read_text()
    with closed(manifest):
        assert run_oss("pull", NAME, "--update").status == 0
    assert manifest.read_text() == before


def test_other_programs_models_that_cannot_be_read(
    hub: FakeHub, model: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home/.lmstudio/models/org").mkdir(parents=True)
    hub.add_repository(NAME).add("model-Q8_0.gguf", model)
    with closed(tmp_path / "home/.lmstudio"):
        assert run_oss("pull", NAME).status == 0


def test_a_blob_that_cannot_be_read(path: Path) -> None:
    with closed(path.resolve()):
        assert MODEL in listed()
        result = run_oss("run", "-m", NAME, "Hi")
        shown = run_oss("show", NAME)
        verified = run_oss("verify", NAME)
        found = run_oss("pull", NAME)
        assert run_oss("doctor", "--offline").status == 0
    hint = f"chmod u+rw {path.resolve()}"
    error = f"error: {path} cannot be read\n  Permission denied\nhint: {hint}\n"
    assert result == Result("", error, 7)
    assert shown == Result("", error, 7)
    assert verified.stderr == (
        f"error: the file is not what it should be\n  {path}: cannot be read: Permission denied\nhint: {hint}\n"
    )
    assert found == Result(f"{path}\n", f"{NAME} is on this computer already\n", 0)


def test_half_a_download_that_cannot_be_read(hub: FakeHub, tmp_path: Path) -> None:
    file = hub.add_repository(NAME).add("model-Q8_0.gguf", noise(4 * MIB))
    hub.add_fault("file", Fault("status", code=418, skip=3))
    assert run_oss("pull", NAME).status == 6
    hub.forget()
    partial = tmp_path / f"hugging-face/hub/models--org--model-GGUF/blobs/{file.sha256}.incomplete"
    with closed(partial):
        assert listed() == ["smollm2-135m"]
        result = run_oss("pull", NAME)
    assert error_of(result) == (
        f"error: {partial} cannot be read\n  Permission denied\nhint: chmod u+rw {partial} && oss pull {NAME}:Q8_0\n"
    )
    assert run_oss("pull", NAME).status == 0


def test_a_model_that_cannot_be_seen_is_not_forgotten(hub: FakeHub, path: Path, model: bytes) -> None:
    with closed(path.parents[2]):
        hub.add_repository("org/third-GGUF").add("model-Q8_0.gguf", model)
        assert run_oss("pull", "org/third-GGUF").status == 0
        assert run_oss("rm", "org/other-GGUF", "--yes").status == 0
    (path.parents[2] / "refs/main").unlink()  # only the manifest knows it now
    assert listed() == ["smollm2-135m", MODEL, "org/third-GGUF:Q8_0"]
