"""`oss pull` as its users see it: what it shows before the first byte and what it leaves."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.machine.record import write_record
from tests.architecture.test_startup import modules_after
from tests.cli.pulling import NAME, error_of, own_model
from tests.fakes.fake_hub import GOOD_TOKEN, FakeHub, Fault, StoredFile
from tests.harness import open_terminal, run_oss
from tests.machine.machines import without_gpu
from tests.machine.sparse_models import Sizes, write_sparse_model
from tests.store.noise import MIB, noise


def without_free_space(text: str) -> str:
    """A text without how much room this machine's disk has."""
    return re.sub(r"[\d.]+ [kMG]B are free", "FREE are free", text)


def test_a_pull_ends_with_the_path_on_standard_output(hub: FakeHub, model: bytes, tmp_path: Path) -> None:
    repository = hub.add_repository(NAME)
    repository.add("model-Q8_0.gguf", model)
    result = run_oss("pull", NAME)
    path = tmp_path / f"hugging-face/hub/models--org--model-GGUF/snapshots/{repository.commit}/model-Q8_0.gguf"
    assert (result.stdout, result.status) == (f"{path}\n", 0)
    assert path.read_bytes() == model
    first, fetch, fit, end = result.stderr.splitlines()
    assert first == f"org/model-GGUF:Q8_0: {len(model) / 1e3:.0f} kB from org/model-GGUF"
    assert fetch.startswith(f"  to fetch: {len(model) / 1e3:.0f} kB; ")
    assert fetch.endswith(f" are free in {tmp_path}/hugging-face/hub")
    assert fit.startswith("  ") and fit.strip()
    assert end == "org/model-GGUF:Q8_0 is here and verified; oss chat org/model-GGUF:Q8_0"


def test_what_is_here_is_found_without_asking_the_hub(hub: FakeHub, model: bytes) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", model)
    first = run_oss("pull", NAME)
    hub.forget()
    again = run_oss("pull", NAME)
    assert (again.stdout, again.stderr) == (first.stdout, f"{NAME} is on this computer already\n")
    assert not hub.requests


def test_a_dry_run_fetches_no_more_than_a_header(hub: FakeHub, model: bytes, tmp_path: Path) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", model + b"\0" * 4 * MIB)
    result = run_oss("pull", NAME, "--dry-run", "--json")
    plan = json.loads(result.stdout)
    assert (plan["name"], plan["total_bytes"], plan["missing_bytes"]) == (
        "org/model-GGUF:Q8_0", len(model) + 4 * MIB, len(model) + 4 * MIB,
    )  # fmt: skip
    assert plan["fits"] is True
    assert hub.sent_bytes == 256 * 1024
    assert not (tmp_path / "hugging-face").exists()


KEYS = {
    "name", "repository", "commit", "files", "total_bytes", "missing_bytes", "free_bytes", "folder", "fits", "fit",
    "paths", "older",
}  # fmt: skip


def test_the_json_has_one_shape_whatever_happens(hub: FakeHub, model: bytes, tmp_path: Path) -> None:
    repository = hub.add_repository(NAME)
    files = [repository.add(f"m-Q8_0-{number:05}-of-00002.gguf", model + bytes(number)) for number in (1, 2)]
    planned = json.loads(run_oss("pull", NAME, "--dry-run", "--json").stdout)
    pulled = json.loads(run_oss("pull", NAME, "--json").stdout)
    here = json.loads(run_oss("pull", NAME, "--json").stdout)
    assert planned.keys() == pulled.keys() == here.keys() == KEYS
    assert (planned["paths"], planned["missing_bytes"]) == ([], planned["total_bytes"])
    assert [file["here"] for file in planned["files"]] == [False, False]
    # Free bytes change under our feet, and what is here can be looked at more closely.
    changing = {"free_bytes", "fits", "fit"}
    assert {key: here[key] for key in KEYS - changing} == {key: pulled[key] for key in KEYS - changing}
    assert isinstance(here["fit"], str) and here["fit"]
    assert here["files"] == [
        {"path": file.path, "bytes": file.bytes, "sha256": file.sha256, "here": True} for file in files
    ]
    assert [Path(path).name for path in here["paths"]] == [file.path for file in files]


def test_a_model_that_somebody_else_brought_has_that_shape_too(smollm2: Path) -> None:
    told = json.loads(run_oss("pull", "smollm2-135m", "--json").stdout)
    assert told.keys() == KEYS
    assert (told["repository"], told["commit"], told["paths"]) == (None, None, [str(smollm2)])
    assert (told["fits"], told["missing_bytes"]) == (True, 0)


def test_the_json_comes_before_the_error_of_a_disk_that_is_too_small(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSS_DOWNLOAD_PATIENCE_S", "1")  # for a header that does not come
    known = StoredFile("model-Q8_0.gguf", Path("/dev/null"), 10**15, "a" * 64, is_large=True)
    hub.add_repository(NAME).add_known(known)
    result = run_oss("pull", NAME, "--dry-run", "--json")
    told = json.loads(result.stdout)
    assert told.keys() == KEYS
    assert (told["missing_bytes"], told["fits"], result.status) == (10**15, None, 6)


def test_where_nothing_fits_that_is_said(hub: FakeHub, tmp_path: Path) -> None:
    giant = write_sparse_model(tmp_path / "giant.gguf", Sizes("llama", 64, 65_536, 64, 64, 1024, 131_072, 1000, 4096))
    size = giant.stat().st_size
    repository = hub.add_repository(NAME)
    repository.add_known(StoredFile("model-Q4_K_M.gguf", giant, size, "a" * 64, is_large=True))
    repository.add_known(StoredFile("model-Q8_0.gguf", giant, 2 * size, "b" * 64, is_large=True))
    result = run_oss("pull", NAME, "--dry-run")
    assert [line.split()[-1] for line in result.stderr.splitlines()[1:3]] == ["no", "no"]
    assert result.stderr.splitlines()[3] == "none fits; the smallest: Q4_K_M"


def test_a_repository_of_many_shows_them_and_takes_the_best_that_fits(hub: FakeHub, model: bytes) -> None:
    repository = hub.add_repository(NAME)
    for quant, size in (("Q2_K", 1), ("Q4_K_M", 2), ("Q8_0", 3), ("BF16", 5)):
        repository.add(f"model-{quant}.gguf", model + b"\0" * size * MIB)
    repository.add("mmproj-model-f16.gguf", b"projector")
    repository.add("eagle3-model-Q8_0.gguf", b"draft")
    result = run_oss("pull", NAME)
    assert result.status == 0
    assert result.stdout.endswith("/model-Q8_0.gguf\n")
    assert result.stderr.startswith(
        "org/model-GGUF OFFERS  SIZE  FITS\n"
        "Q2_K                   1 MB  yes\n"
        "Q4_K_M                 2 MB  yes\n"
        "Q8_0                   3 MB  yes\n"
        "BF16                   5 MB  yes\n"
        "the best that fits: Q8_0\n"
    )


def test_a_quantisation_is_asked_for_by_its_name(hub: FakeHub, model: bytes) -> None:
    repository = hub.add_repository(NAME)
    for quant in ("Q2_K", "Q4_K_M"):
        repository.add(f"{quant}/model-{quant}.gguf", model + quant.encode())
    assert run_oss("pull", f"{NAME}:q2_k").stdout.endswith("/Q2_K/model-Q2_K.gguf\n")
    assert run_oss("pull", f"{NAME}:model-Q4_K_M.gguf").stdout.endswith("/Q4_K_M/model-Q4_K_M.gguf\n")


@pytest.mark.parametrize("is_same", [True, False])
def test_a_file_that_ollama_has_is_linked_and_not_fetched(
    hub: FakeHub, model: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_same: bool
) -> None:
    file = hub.add_repository(NAME).add("model-Q8_0.gguf", model)
    blob = tmp_path / f"ollama/blobs/sha256-{file.sha256}"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(model if is_same else model[:-1] + b"?")
    monkeypatch.setenv("OLLAMA_MODELS", str(blob.parents[1]))
    result = run_oss("pull", f"{NAME}:Q8_0")
    assert f"  on this disk already: {len(model) / 1e3:.0f} kB as {blob}\n  to fetch: 0 kB; " in result.stderr
    assert (f"({blob} is not the same file, or cannot be linked: fetching it)\n" in result.stderr) != is_same
    path = Path(result.stdout.strip())
    assert path.read_bytes() == model
    assert path.samefile(blob) == is_same


def test_a_renamed_file_is_found_by_its_hash(hub: FakeHub, model: bytes, tmp_path: Path) -> None:
    repository = hub.add_repository(NAME)
    new = repository.add("model-NEW.gguf", model)
    own_model("mine", NAME, "0" * 40, replace(new, path="model-old.gguf"), tmp_path / "oss-home/models.toml")
    result = run_oss("pull", "mine")
    assert (result.status, result.stdout.endswith("/model-NEW.gguf\n")) == (0, True)
    again = run_oss("pull", "mine")
    assert again.stderr == "mine is on this computer already\n"


@pytest.fixture
def small_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer with 16 GB and no GPU stands for this one."""
    path = tmp_path / "probe.json"
    assert write_record(path, without_gpu(16), 0)
    monkeypatch.setenv("OSS_MACHINE", str(path))


NO_ROOM = (
    "needs 63.7 GB: weights 63.4 GB, a context of 4,096 tokens 179 MB, work space 102 MB; "
    "there is 14.0 GB of 17.2 GB of memory free"
)


@pytest.mark.usefixtures("small_machine")
def test_a_model_that_is_too_large_gets_no_and_why_and_what_instead(hub: FakeHub, tmp_path: Path) -> None:
    repository = hub.add_repository("ggml-org/gpt-oss-120b-GGUF")
    sha256 = "582bd40f6886200101f4c4ed9f25f3fe80cc14c86e9e2b37746cd8904a0c622d"
    file = StoredFile("gpt-oss-120b-MXFP4.gguf", Path("/dev/null"), 63_387_346_208, sha256, is_large=True)
    repository.add_known(file)
    before = (
        "gpt-oss-120b: 63.4 GB from ggml-org/gpt-oss-120b-GGUF\n"
        f"  to fetch: 63.4 GB; FREE are free in {tmp_path}/hugging-face/hub\n"
    )
    for arguments in (["--dry-run"], ["--dry-run", "--yes"]):
        result = run_oss("pull", "gpt-oss-120b", *arguments)
        assert (result.stdout, without_free_space(result.stderr), result.status) == (
            "",
            f"{before}error: gpt-oss-120b does not fit on this computer\n  {NO_ROOM}\nhint: oss pull gpt-oss-20b\n",
            5,
        )
    asked = run_oss("pull", "gpt-oss-120b")
    assert (asked.stdout, without_free_space(asked.stderr), asked.status) == (
        "",
        f"{before}error: gpt-oss-120b does not fit, and nobody can be asked\n"
        f"  {NO_ROOM}\n"
        "hint: oss pull gpt-oss-120b --yes\n",
        2,
    )


@pytest.mark.usefixtures("small_machine")
def test_memory_that_is_too_small_is_told_before_a_disk_that_is(hub: FakeHub, tmp_path: Path) -> None:
    file = StoredFile("gpt-oss-120b-MXFP4.gguf", Path("/dev/null"), 10**15, "a" * 64, is_large=True)
    hub.add_repository("ggml-org/gpt-oss-120b-GGUF").add_known(file)
    (tmp_path / "oss-home").mkdir()
    (tmp_path / "oss-home" / "models.toml").write_text(
        f"[models.gpt-oss-120b]\nfiles = [{{ name = '{file.path}', bytes = {file.bytes}, sha256 = '{file.sha256}' }}]\n"
    )
    result = run_oss("pull", "gpt-oss-120b", "--dry-run")
    assert error_of(result).startswith("error: gpt-oss-120b does not fit on this computer\n")


def test_a_machine_that_is_no_probe_is_told(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_MACHINE", "/dev/null")
    result = run_oss("show", "gpt-oss-20b")
    assert (result.stdout, result.status) == ("", 9)
    assert result.stderr == (
        "error: OSS_MACHINE cannot be '/dev/null'\n"
        "  it must be the path of a probe.json, as oss doctor keeps one in its cache folder\n"
        "hint: oss doctor\n"
    )


def test_a_private_repository_opens_for_its_token(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repository(NAME, is_private=True, is_gated=True).add("model-Q8_0.gguf", noise(1000))
    monkeypatch.setenv("HF_TOKEN", GOOD_TOKEN)
    assert run_oss("pull", NAME).status == 0


def test_a_token_that_is_not_valid_does_not_keep_us_from_what_is_public(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(1000))
    monkeypatch.setenv("HF_TOKEN", "hf_mistyped")
    result = run_oss("pull", NAME)
    assert result.status == 0
    assert result.stderr.startswith(
        "(your Hugging Face token is not valid: going on without it (hf auth login replaces it))\n"
    )


def test_what_is_here_loads_no_hub_library() -> None:
    loaded = modules_after("pull", "smollm2-135m")
    assert "oss_cli.cli.pull" in loaded
    assert not loaded & {"huggingface_hub", "httpx2", "rich", "llama_cpp"}


def test_a_name_from_the_hub_cannot_leave_the_cache(hub: FakeHub, tmp_path: Path) -> None:
    repository = hub.add_repository(NAME)
    repository.add("../../../../evil-Q8_0.gguf", noise(1000))
    assert run_oss("pull", NAME).stderr.startswith("error: org/model-GGUF has no model that could be run\n")


def test_a_person_sees_a_bar_and_ctrl_c_says_how_to_go_on(hub: FakeHub) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(24 * MIB))
    hub.add_fault("file", Fault("slow", bytes_per_second=MIB))
    with open_terminal("pull", NAME, OSS_DOWNLOAD_WINDOW_MIB="2") as terminal:
        terminal.expect("MB/s")
        terminal.interrupt()
        terminal.expect("stopped: ")
        terminal.expect("are kept; to go on: oss pull org/model-GGUF:Q8_0")
        assert terminal.wait() == 130
    hub.forget()
    assert run_oss("pull", f"{NAME}:Q8_0").status == 0


def test_a_person_is_asked_which_and_whether(hub: FakeHub, model: bytes) -> None:
    repository = hub.add_repository(NAME)
    repository.add("model-Q2_K.gguf", model + b"2")
    repository.add("model-Q8_0.gguf", model + b"88")
    with open_terminal("pull", NAME) as terminal:
        terminal.expect("Which one? [Q8_0]")
        terminal.send("q2_k\n")
        terminal.expect("is here and verified")
        assert terminal.wait() == 0
    assert run_oss("pull", f"{NAME}:Q2_K").stderr == f"{NAME}:Q2_K is on this computer already\n"


def test_nobody_need_have_a_home(hub: FakeHub, model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like a user of a container without an entry in its passwd and without HOME."""
    monkeypatch.setenv("HOME", "~")
    monkeypatch.setenv("OLLAMA_MODELS", "~nobody-of-that-name/models")
    hub.add_repository(NAME).add("model-Q8_0.gguf", model)
    assert run_oss("pull", NAME).status == 0
