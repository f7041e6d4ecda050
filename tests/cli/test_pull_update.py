"""`oss pull --update`: the name means the new files once they are verified, and what it meant before is kept."""

import json
from pathlib import Path

import pytest

from tests.cli.pulling import NAME, error_of, own_model
from tests.fakes.fake_hub import FakeHub, Fault, Repository
from tests.harness import Result, run_oss
from tests.store.gguf_files import write_gguf


@pytest.fixture
def moved(hub: FakeHub, model: bytes, tmp_path: Path) -> Repository:
    """The model "mine" was pulled, and then its repository got another file in its place."""
    repository = hub.add_repository(NAME)
    file = repository.add("model.gguf", model)
    own_model("mine", NAME, repository.commit, file, tmp_path / "oss-home/models.toml")
    assert run_oss("pull", "mine").status == 0
    repository.add("model.gguf", write_gguf(tmp_path / "new.gguf", tokens=400).read_bytes())
    return repository


def listed() -> dict[str, int]:
    return {one["name"]: one["bytes"] for one in json.loads(run_oss("list", "--json").stdout) if one["here"]}


def test_an_update_moves_the_name_and_keeps_the_old_file(moved: Repository, model: bytes, tmp_path: Path) -> None:
    old_commit = Path(run_oss("pull", "mine").stdout).parent.name
    result = run_oss("pull", "mine", "--update")
    new = (tmp_path / "new.gguf").read_bytes()
    kept = f"mine@{old_commit[:7]}"
    assert result.status == 0
    assert result.stderr.splitlines()[-2:] == [
        "mine is here and verified; oss chat mine",
        f"what mine was before is kept as {kept}; to free its {len(model) / 1e3:.0f} kB: oss rm {kept}",
    ]
    path = Path(result.stdout.strip())
    assert path.read_bytes() == new
    assert run_oss("pull", "mine") == Result(f"{path}\n", "mine is on this computer already\n", 0)
    shown = json.loads(run_oss("show", "mine", "--json").stdout)
    assert (shown["file"], shown["shape"]["vocabulary_tokens"]) == (str(path), 400)
    assert run_oss("verify", "mine").stdout == f"ok        mine  {path}\n"
    sizes = listed()
    assert (sizes["mine"], sizes[kept]) == (len(new), len(model))
    assert json.loads(run_oss("show", kept, "--json").stdout)["shape"]["vocabulary_tokens"] == 300


def test_the_old_file_is_removed_by_the_name_that_it_was_kept_under(moved: Repository, model: bytes) -> None:
    old = Path(run_oss("pull", "mine").stdout.strip())
    new = Path(run_oss("pull", "mine", "--update").stdout.strip())
    kept = f"mine@{old.parent.name[:7]}"
    assert run_oss("rm", kept, "--yes") == Result(
        f"{kept} is removed; {len(model) / 1e3:.0f} kB are free again\n", f"{old}\n", 0
    )
    assert new.is_file()
    assert not old.exists()
    assert kept not in listed()
    assert run_oss("verify", "mine").stdout == f"ok        mine  {new}\n"


def test_without_the_new_file_the_name_means_the_old_one_again(moved: Repository, model: bytes) -> None:
    old = Path(run_oss("pull", "mine").stdout.strip())
    new = Path(run_oss("pull", "mine", "--update").stdout.strip())
    size = len(new.read_bytes()) / 1e3
    assert run_oss("rm", "mine", "--yes") == Result(
        f"mine is removed; {size:.0f} kB are free again\n",
        f"{new}\nmine means again what it did before its update: {len(model) / 1e3:.0f} kB, model.gguf\n",
        0,
    )
    assert old.read_bytes() == model
    assert run_oss("verify", "mine").stdout == f"ok        mine  {old}\n"
    assert run_oss("rm", "mine", "--yes").status == 0
    assert "mine" not in listed()


def test_an_update_that_stops_leaves_the_old_file_in_force(hub: FakeHub, moved: Repository) -> None:
    old = Path(run_oss("pull", "mine").stdout.strip())
    hub.add_fault("file", Fault("status", code=418, skip=1))  # the first request is for the header
    result = run_oss("pull", "mine", "--update")
    assert result.status == 6
    assert error_of(result) == (
        "error: the download of model.gguf stopped\n"
        "  the server answered HTTP 418\n"
        "  0 kB of 121 kB are kept\n"
        "hint: to go on from there: oss pull mine --update\n"
    )
    assert run_oss("verify", "mine").stdout == f"ok        mine  {old}\n"
    assert listed()["mine"] == old.stat().st_size


def test_an_update_finds_nothing_new(hub: FakeHub, model: bytes, tmp_path: Path) -> None:
    repository = hub.add_repository(NAME)
    own_model("mine", NAME, repository.commit, repository.add("m.gguf", model), tmp_path / "oss-home/models.toml")
    path = run_oss("pull", "mine").stdout
    assert run_oss("pull", "mine", "--update") == Result(
        path,
        f"mine: {len(model) / 1e3:.0f} kB from {NAME}\n"
        "  all of it is here already\n"
        "mine is here and verified; oss chat mine\n",
        0,
    )


def test_a_catalogue_that_names_another_file_takes_nothing_away(hub: FakeHub, model: bytes, tmp_path: Path) -> None:
    repository, models = hub.add_repository(NAME), tmp_path / "oss-home/models.toml"
    own_model("mine", NAME, repository.commit, repository.add("m-1.gguf", model), models)
    old = Path(run_oss("pull", "mine").stdout.strip())
    own_model("mine", NAME, repository.commit, repository.add("m-2.gguf", model + b"2"), models)
    assert run_oss("verify", "mine").stdout == f"ok        mine  {old}\n"
    new = Path(run_oss("pull", "mine", "--update").stdout.strip())
    assert (new.name, new.read_bytes()) == ("m-2.gguf", model + b"2")
    assert run_oss("verify", "mine").stdout == f"ok        mine  {new}\n"
    assert listed()[f"mine@{old.parent.name[:7]}"] == len(model)


def test_a_damaged_file_gets_the_command_that_fetches_the_same_again(moved: Repository) -> None:
    old = Path(run_oss("pull", "mine").stdout.strip())
    new = Path(run_oss("pull", "mine", "--update").stdout.strip())
    for path in (old, new):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert run_oss("verify", "mine").stderr.endswith("\nhint: oss rm mine --yes && oss pull mine --update\n")
    kept = f"mine@{old.parent.name[:7]}"
    assert run_oss("verify", kept).stderr.endswith(f"\nhint: oss rm {kept}\n")


def test_an_update_of_a_repositorys_model(hub: FakeHub, model: bytes, tmp_path: Path) -> None:
    repository = hub.add_repository(NAME)
    repository.add("model-Q8_0.gguf", model)
    run_oss("pull", NAME)
    repository.add("model-Q8_0.gguf", model + b"new")
    assert run_oss("pull", f"{NAME}:Q8_0").stderr == f"{NAME}:Q8_0 is on this computer already\n"
    result = run_oss("pull", f"{NAME}:Q8_0", "--update", "--json")
    assert Path(json.loads(result.stdout)["paths"][0]).read_bytes() == model + b"new"
    kept = json.loads(result.stdout)["older"]
    assert listed() == {"smollm2-135m": 98_362_432, f"{NAME}:Q8_0": len(model) + 3, kept: len(model)}


def test_what_another_program_fetched_is_kept_as_well(moved: Repository, model: bytes, tmp_path: Path) -> None:
    (tmp_path / "oss-home/manifest.json").unlink()
    result = run_oss("pull", "mine", "--update", "--json")
    kept = json.loads(result.stdout)["older"]
    assert listed()[kept] == len(model)
    assert run_oss("verify", kept).stdout.startswith(f"ok        {kept}  ")


def test_a_part_that_both_releases_have_stays_with_the_new_one(hub: FakeHub, tmp_path: Path) -> None:
    from tests.store.installed_models import split_model

    parts = split_model(tmp_path / "parts")
    repository = hub.add_repository(NAME)
    for part in parts:
        repository.add(part.name, part.read_bytes())
    old = Path(run_oss("pull", NAME).stdout.strip())
    repository.add(parts[1].name, parts[1].read_bytes() + b"new")
    result = run_oss("pull", NAME, "--update", "--json")
    kept = json.loads(result.stdout)["older"]
    removed = run_oss("rm", kept, "--yes")
    second = parts[1].stat().st_size
    assert removed.stdout == f"{kept} is removed; {second / 1e3:.0f} kB are free again\n"
    assert not old.parent.exists()
    assert [line.split()[0] for line in run_oss("verify", NAME).stdout.splitlines()] == ["ok", "ok"]


def test_a_file_of_our_folder_is_not_updated(hub: FakeHub, model: bytes, tmp_path: Path) -> None:
    repository = hub.add_repository(NAME)
    own_model("mine", NAME, repository.commit, repository.add("m.gguf", model), tmp_path / "oss-home/models.toml")
    run_oss("import", str(tmp_path / "small.gguf"))
    own = tmp_path / "oss-home/models/mine.gguf"
    assert run_oss("pull", "mine") == Result(f"{own}\n", "mine is on this computer already\n", 0)
    assert run_oss("pull", "mine", "--update") == Result(
        "",
        "error: mine is a file of the models folder\n"
        f"  {own} goes first: the name would not mean what is fetched\n"
        "hint: oss rm mine && oss pull mine --update\n",
        2,
    )


def test_a_manifest_that_cannot_be_written_is_told_when_the_name_depends_on_it(
    moved: Repository, tmp_path: Path
) -> None:
    manifest = tmp_path / "oss-home/manifest.json"
    manifest.write_text('{"version": 2, "models": {}}')
    assert run_oss("pull", "mine").stderr == "mine is on this computer already\n"
    result = run_oss("pull", "mine", "--update")
    assert error_of(result) == f"error: {manifest} cannot be written\n  a newer oss wrote it (version 2)\n"
    assert result.status == 9
    assert manifest.read_text() == '{"version": 2, "models": {}}'


def test_a_file_that_was_replaced_is_not_taken_for_the_known_one(hub: FakeHub, model: bytes, tmp_path: Path) -> None:
    repository = hub.add_repository(NAME)
    old = repository.add("model.gguf", model)
    own_model("mine", NAME, repository.commit, old, tmp_path / "oss-home/models.toml")
    repository.add("model.gguf", model + b"new")
    assert run_oss("pull", "mine") == Result(
        "",
        "error: mine has moved\n"
        "  org/model-GGUF no longer holds the file that oss knows as mine\n"
        "hint: to take what it holds now: oss pull mine --update\n",
        6,
    )
    updated = run_oss("pull", "mine", "--update")
    assert updated.status == 0 and Path(updated.stdout.strip()).read_bytes() == model + b"new"
