"""The settings hub_cache and models_folder: every command looks in the same place, and in no other."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_config import complete
from tests.fakes.fake_hub import FakeHub
from tests.harness import run_oss

NAME = "org/tiny-GGUF:Q8_0"
BANANA = ("-e", "low", "--temperature", "0", "Say the word banana.")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with FakeHub(tmp_path) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        yield hub


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home in which nothing is set, so that a folder in config.toml counts."""
    home = tmp_path / "home"
    for name in ("HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    return home


def places() -> dict[str, str]:
    """Folders as `oss doctor` shows them."""
    return {
        place["label"]: place["path"] for place in json.loads(run_oss("doctor", "--json", "--offline").stdout)["places"]
    }


def test_every_command_uses_the_cache_that_the_settings_name(
    hub: FakeHub, home: Path, tmp_path: Path, tiny_gpt_oss: Path
) -> None:
    repository = hub.add_repository("org/tiny-GGUF")
    repository.add("tiny-Q8_0.gguf", tiny_gpt_oss.read_bytes())
    cache = tmp_path / "big" / "cache"
    assert run_oss("config", "set", "hub_cache", str(cache)).stderr == ""
    path = cache / f"models--org--tiny-GGUF/snapshots/{repository.commit}/tiny-Q8_0.gguf"
    pulled = run_oss("pull", NAME)
    assert (pulled.stdout, pulled.status) == (f"{path}\n", 0)
    assert f" are free in {cache}\n" in pulled.stderr
    assert run_oss("pull", NAME).stderr == f"{NAME} is on this computer already\n"
    assert run_oss("list").stdout.splitlines()[2].split()[0] == NAME
    assert run_oss("show", NAME).status == 0
    assert run_oss("verify", NAME).stdout == f"ok        {NAME}  {path}\n"
    assert run_oss("run", "-m", NAME, *BANANA).stdout == "banana\n"
    assert complete("fish", "oss rm org/t")[0] == [NAME]
    assert places()["downloads"] == str(cache)
    assert run_oss("rm", NAME, "--yes").status == 0
    assert not path.exists()
    assert NAME not in run_oss("list").stdout
    assert not (home / ".cache/huggingface").exists()


def test_what_another_program_put_into_that_cache_is_found(
    hub: FakeHub, home: Path, tmp_path: Path, tiny_gpt_oss: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repository("org/tiny-GGUF").add("tiny-Q8_0.gguf", tiny_gpt_oss.read_bytes())
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "theirs"))
    assert run_oss("pull", NAME).status == 0
    monkeypatch.setenv("OSS_HUB_CACHE", str(tmp_path / "ours"))
    assert NAME not in run_oss("list").stdout
    shutil.move(tmp_path / "theirs", tmp_path / "ours")
    assert NAME in run_oss("list").stdout


def test_every_command_uses_the_models_folder_that_the_settings_name(
    home: Path, tmp_path: Path, tiny_gpt_oss: Path
) -> None:
    folder = home / "my models"
    run_oss("config", "set", "models_folder", "~/my models")
    imported = run_oss("import", str(tiny_gpt_oss), "--name", "mine", "--copy")
    assert (imported.stderr, imported.status) == ("", 0)
    path = folder / "mine.gguf"
    assert path.read_bytes() == tiny_gpt_oss.read_bytes()
    assert run_oss("list").stdout.splitlines()[2].split()[0] == "mine"
    assert run_oss("show", "mine").status == 0
    assert run_oss("run", "-m", "mine", *BANANA).stdout == "banana\n"
    assert complete("bash", "oss show min")[0] == ["mine"]
    assert places()["own models"] == str(folder)
    assert run_oss("rm", "mine", "--yes").status == 0
    assert not path.exists()
    assert not (tmp_path / "oss-home" / "models").exists()


def test_a_broken_config_toml_does_not_disturb_completion(tmp_path: Path) -> None:
    (tmp_path / "oss-home").mkdir()
    (tmp_path / "oss-home" / "config.toml").write_text("models_folder = 'here'")
    assert complete("bash", "oss show gpt")[0] in ([], [""])


def test_a_pipe_in_the_place_of_models_toml_is_told_instead_of_waited_for(tmp_path: Path) -> None:
    (tmp_path / "oss-home").mkdir()
    os.mkfifo(tmp_path / "oss-home" / "models.toml")
    for arguments in (["list"], ["alias"], ["alias", "fast", "gpt-oss-20b"]):
        result = run_oss(*arguments)
        assert (result.stdout, result.status) == ("", 9)
        assert result.stderr == (
            f"error: {tmp_path}/oss-home/models.toml cannot be read\n  it is a pipe or a device, not a file\n"
        )


@pytest.mark.parametrize("variable", ["OSS_HOME", "HF_HUB_CACHE"])
def test_the_home_of_nobody_is_told_and_no_folder_of_that_name_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "~nobody-of-that-name/x")
    for command in ("list", "doctor"):
        result = run_oss(command)
        assert (result.stdout, result.status) == ("", 9)
        assert result.stderr == (
            "error: the folder ~nobody-of-that-name/x cannot be found\n"
            "  it begins with the home folder of somebody whom the system does not know\n"
            "hint: export HOME=FOLDER\n"
        )
    assert list(Path().iterdir()) == []
