"""`oss config` and shell completion."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from oss_cli.settings import SETTING_MEANINGS, SETTING_NAMES
from tests.harness import open_terminal, run_oss
from tests.store.installed_models import HubFolder, small_model

HEAVY = {"llama_cpp", "huggingface_hub", "prompt_toolkit", "numpy", "jinja2", "rich", "tomlkit", "httpx2"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "oss-home" / "config.toml"


def test_every_setting_is_shown_with_its_meaning_and_who_decided_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", "/hf")
    assert list(SETTING_MEANINGS) == list(SETTING_NAMES)
    run_oss("config", "set", "temperature", "0.3")
    run_oss("config", "set", "ctx", "4096")
    monkeypatch.setenv("OSS_CTX", "8192")
    monkeypatch.delenv("OSS_THREADS")
    monkeypatch.delenv("OSS_SPECULATION")
    result = run_oss("config", "show")
    rows = {line.split()[0]: line.rstrip() for line in result.stdout.splitlines()}
    assert list(rows) == ["SETTING", *SETTING_NAMES]
    assert rows["SETTING"] == "SETTING           VALUE    FROM         MEANING"
    assert rows["ctx"] == "ctx               8192     OSS_CTX      tokens a conversation can hold"
    assert rows["temperature"].startswith("temperature       0.3      config.toml  a number from 0")
    assert rows["threads"] == "threads                                 CPU threads"
    assert run_oss("config").stdout == result.stdout
    assert json.loads(run_oss("config", "show", "--json").stdout) == {
        "ctx": {"from": "OSS_CTX", "value": 8192},
        "hub_cache": {"from": "HF_HOME", "value": "/hf/hub"},
        "temperature": {"from": "config.toml", "value": 0.3},
    }


@pytest.mark.parametrize(
    ("name", "values", "line", "shown"),
    [
        ("model", ["gpt-oss"], 'model = "gpt-oss-20b"', "gpt-oss-20b"),
        ("effort", ["HIGH"], 'effort = "high"', "high"),
        ("ctx", ["4096"], "ctx = 4096", "4096"),
        ("gpu-layers", ["-1"], "gpu_layers = -1", "-1"),
        ("offline", ["yes"], "offline = true", "true"),
        ("keep_alive", ["600s"], 'keep_alive = "10m"', "10m"),
        ("keep_alive", ["off"], 'keep_alive = "0"', "0"),
        ("markdown", ["off"], "markdown = false", "false"),
        ("overflow", ["Drop"], 'overflow = "drop"', "drop"),
        ("reasoning-budget", ["0"], "reasoning_budget = 0", "0"),
        ("temperature", ["0.25"], "temperature = 0.25", "0.25"),
        ("models_folder", ["~/models"], 'models_folder = "~/models"', str(Path("~/models").expanduser())),
        ("models_folder", ["/big/models"], 'models_folder = "/big/models"', "/big/models"),
        ("system", ['Say "hi".'], "system = \"Say \\\"hi\\\".\"", 'Say "hi".'),
        ("stop", ["\\n"], 'stop = "\\\\n"', "'\\n'"),
        ("stop", ["a", "b"], 'stop = ["a", "b"]', "'a' 'b'"),
        ("logit_bias", ["42:-5,7:2.5"], 'logit_bias = "42:-5,7:2.5"', "42:-5,7:2.5"),
    ],
)  # fmt: skip
def test_a_setting_is_kept_in_the_kind_that_it_has(
    file: Path, name: str, values: list[str], line: str, shown: str
) -> None:
    assert run_oss("config", "set", name, *values).status == 0
    assert [one for one in file.read_text().splitlines() if one and not one.startswith("#")] == [line]
    assert run_oss("config", "get", name).stdout == f"{shown}\n"
    assert run_oss("config", "unset", name).status == 0
    assert run_oss("config", "get", name).stdout == ""


def test_a_fresh_file_explains_itself_and_is_its_owners_alone(file: Path) -> None:
    run_oss("config", "set", "effort", "low")
    text = file.read_text()
    assert text.startswith("# The settings of oss: NAME = VALUE, texts in quotes.")
    assert all(f"# {name}" in text for name in SETTING_NAMES)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]


def test_comments_order_and_what_we_do_not_know_stay(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(
        "# mine\nfuture = 1 # later\n\nctx = 4096   # enough\nstop = [\n  'x', # one\n]\n\n[hosts]\na = 'b'\n"
    )
    assert run_oss("config", "set", "ctx", "8192").status == 0
    assert run_oss("config", "set", "effort", "low").status == 0
    assert file.read_text() == (
        "# mine\nfuture = 1 # later\n\nctx = 8192   # enough\nstop = [\n  'x', # one\n]\neffort = \"low\"\n"
        "\n[hosts]\na = 'b'\n"
    )
    result = run_oss("config", "show")
    assert result.stderr == (
        "warning: config.toml: there is no setting called 'future'\n"
        "warning: config.toml: there is no setting called 'hosts'\n"
    )
    assert run_oss("config", "unset", "future").status == 0
    assert "future" not in file.read_text()


def test_a_link_to_the_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    elsewhere = tmp_path / "dotfiles.toml"
    elsewhere.write_text("ctx = 1\n")
    file.symlink_to(elsewhere)
    run_oss("config", "set", "ctx", "2")
    assert file.is_symlink() and elsewhere.read_text() == "ctx = 2\n"


@pytest.mark.parametrize(
    ("arguments", "text", "status"),
    [
        (("set", "modl", "x"), "error: there is no setting called 'modl'\n  did you mean model?\n", 2),
        (("get", "Top-P2"), "error: there is no setting called 'Top-P2'\n  did you mean top_p?\n", 2),
        (("unset", "efort"), "error: there is no setting called 'efort'\n  did you mean effort?\n", 2),
        (
            ("set", "zzz", "x"),
            f"error: there is no setting called 'zzz'\n  the settings are {', '.join(SETTING_NAMES)}\n",
            2,
        ),
        (("set", "ctx", "many"), "error: ctx cannot be 'many'\n  it must be a whole number from 1 to 2147483647\n", 2),
        (
            ("set", "keep_alive", "-1m"),
            "error: keep_alive cannot be '-1m'\n  it must be a time as 90s, 10m, 2h or 1d, or 0\n",
            2,
        ),
        (("set", "offline", "maybe"), "error: offline cannot be 'maybe'\n  it must be true or false\n", 2),
        (
            ("set", "effort", "a", "b"),
            'error: effort has one value\n  there are 2\nhint: oss config set effort "a b"\n',
            2,
        ),
        (
            ("set", "model", "gpt-os-20b"),
            "error: no model is called 'gpt-os-20b'\n"
            "  nearest names: gpt-oss-20b, gpt-oss-120b\n"
            "hint: oss list\n",
            3,
        ),
        (("edit",), "error: an editor needs a terminal\nhint: oss config set NAME VALUE\n", 2),
    ],
)  # fmt: skip
def test_what_cannot_be_set(file: Path, arguments: tuple[str, ...], text: str, status: int) -> None:
    result = run_oss("config", *arguments)
    assert (result.stdout, result.stderr, result.status) == ("", text, status)
    assert not file.exists()


def test_a_broken_file_is_told_and_left_alone(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("ctx = \n")
    for arguments in (("set", "ctx", "1"), ("show",)):
        result = run_oss("config", *arguments)
        assert (result.stdout, result.status) == ("", 9)
        hint = "" if arguments[0] == "set" else "hint: oss config edit\n"
        assert result.stderr == f"error: {file} cannot be read\n  Invalid value (at line 1, column 7)\n{hint}"
    assert file.read_text() == "ctx = \n"


def test_a_value_that_cannot_be_ends_in_the_command_that_takes_it_out(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("ctx = 0\neffort = 'low'\n")
    result = run_oss("list")
    assert (result.stdout, result.status) == ("", 9)
    assert result.stderr == (
        f"error: {file} cannot be used: ctx cannot be '0'\n"
        "  it must be a whole number from 1 to 2147483647\n"
        "hint: oss config unset ctx\n"
    )
    assert run_oss("config", "unset", "ctx").status == 0
    assert run_oss("list").status == 0


def test_a_pipe_in_the_files_place_is_told_instead_of_waited_for(file: Path) -> None:
    file.parent.mkdir()
    os.mkfifo(file)
    for arguments in (("set", "ctx", "1"), ("show",)):
        result = run_oss("config", *arguments)
        assert (result.stdout, result.status) == ("", 9)
        assert result.stderr == f"error: {file} cannot be read\n  it is a pipe or a device, not a file\n"


def test_a_file_that_cannot_be_written_is_told(file: Path) -> None:
    file.parent.write_text("in the way")
    result = run_oss("config", "set", "ctx", "1")
    assert result.status == 9
    assert result.stderr.startswith(f"error: {file} cannot be read\n")


def test_the_default_model_is_used_and_said_when_it_is_not_here_yet(tiny_gpt_oss: Path) -> None:
    result = run_oss("config", "set", "model", "gpt-oss")
    assert (result.stderr, result.status) == ("gpt-oss-20b is not on this computer yet: oss pull gpt-oss-20b\n", 0)
    assert run_oss("config", "set", "model", os.path.relpath(tiny_gpt_oss)).stderr == ""
    assert run_oss("config", "get", "model").stdout == f"{tiny_gpt_oss}\n"
    assert run_oss("run", "-e", "low", "--temperature", "0", "Say the word banana.").stdout == "banana\n"


def test_a_variable_that_wins_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_CTX", "1024")
    assert run_oss("config", "set", "ctx", "2048").stderr == "OSS_CTX is set, and wins over config.toml\n"
    assert run_oss("config", "get", "ctx").stdout == "1024\n"


def test_the_path_of_the_file(file: Path) -> None:
    assert run_oss("config", "path").stdout == f"{file}\n"


def test_edit_opens_an_editor_and_checks_what_it_left(file: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho 'ctx = 77' >> \"$1\"\n")
    editor.chmod(0o700)
    with open_terminal("config", "edit", EDITOR=str(editor), VISUAL="") as terminal:
        assert terminal.wait() == 0
    assert file.read_text().endswith("ctx = 77\n")
    editor.write_text("#!/bin/sh\necho 'contxt = 77' >> \"$1\"\n")
    with open_terminal("config", "edit", EDITOR=str(editor), VISUAL="") as terminal:
        assert terminal.wait() == 0
        assert terminal.text == "warning: config.toml: there is no setting called 'contxt'; did you mean ctx?\n"
    editor.write_text("#!/bin/sh\necho 'ctx = 0' > \"$1\"\n")
    with open_terminal("config", "edit", EDITOR=str(editor), VISUAL="") as terminal:
        assert terminal.wait() == 9
        assert terminal.text.endswith("hint: oss config edit\n")


def test_a_person_is_told_of_a_mistyped_name_and_the_command_goes_on(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("modle = 'x'\n[hosts]\na = 'b'\n")
    with open_terminal("alias") as terminal:
        assert terminal.wait() == 0
        assert terminal.text == (
            "warning: config.toml: there is no setting called 'modle'; did you mean model?\n"
            "warning: config.toml: there is no setting called 'hosts'\n"
        )
    piped = run_oss("alias")
    assert (piped.stdout, piped.stderr, piped.status) == ("", "", 0)


def test_the_hub_cache_of_the_file_yields_to_the_librarys_variable_and_that_is_told() -> None:
    result = run_oss("config", "set", "hub_cache", "/big/cache")
    assert (result.stderr, result.status) == ("HF_HOME is set, and wins over config.toml\n", 0)


def complete(shell: str, line: str) -> tuple[list[str], set[str]]:
    """What Tab offers after a line in a shell, and the modules that were loaded for it."""
    words = line.split(" ")
    program = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "from oss_cli.__main__ import main\nmain([])\n"
    )
    variables = {
        "_OSS_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1],
    }  # fmt: skip
    child = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **variables}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return child.stdout.splitlines(), set(json.loads(child.stderr.splitlines()[-1]))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
@pytest.mark.parametrize(
    "line",
    ["oss run -m gpt-oss-1", "oss show gpt-oss-1", "oss chat gpt-oss-1", "oss pull gpt-oss-1", "oss run gpt-oss-1"],
)
def test_every_shell_completes_the_names_of_models(shell: str, line: str) -> None:
    offered, loaded = complete(shell, line)
    assert "gpt-oss-120b" in "\n".join(offered)
    assert "gpt-oss-20b" not in "\n".join(offered)
    assert not loaded & HEAVY


def test_what_is_here_is_offered_for_removal_and_settings_for_config() -> None:
    assert complete("bash", "oss rm s")[0] == ["smollm2-135m"]
    assert complete("bash", "oss config set top")[0] == ["top_p", "top_k"]


def test_what_is_no_models_name_is_not_offered() -> None:
    assert complete("fish", "oss run gpt-oss-20b g")[0] == [""]  # a prompt
    assert "starter" in complete("fish", "oss show st")[0]
    assert "starter" not in complete("fish", "oss pull st")[0]  # it comes with a package


def test_names_of_ones_own_are_offered_to_be_taken_away() -> None:
    run_oss("alias", "mine", "gpt-oss-20b")
    assert complete("fish", "oss alias --rm m")[0] == ["mine"]


@pytest.mark.parametrize(
    ("shell", "offered"),
    # The others take a colon for the end of a word, or of a name before its meaning.
    [("bash", []), ("zsh", []), ("fish", ["org/x-GGUF:Q8_0"]), ("pwsh", ["org/x-GGUF:Q8_0"])],
)
def test_names_with_colons_are_offered_where_the_shell_can_take_them(shell: str, offered: list[str]) -> None:
    HubFolder(Path(os.environ["HF_HOME"]) / "hub", "org/x-GGUF").add(small_model(Path("x"), "x-Q8_0.gguf"))
    found = [line.removesuffix("::: ") for line in complete(shell, "oss rm org")[0] if "x-GGUF" in line]
    assert found == offered


def test_a_broken_models_toml_does_not_disturb_completion(tmp_path: Path) -> None:
    (tmp_path / "oss-home").mkdir()
    (tmp_path / "oss-home" / "models.toml").write_text("broken")
    assert complete("bash", "oss show gpt")[0] in ([], [""])


def test_a_name_that_a_shell_could_take_for_more_is_not_offered(tmp_path: Path) -> None:
    file = tmp_path / "oss-home" / "models.toml"
    file.parent.mkdir(exist_ok=True)
    names = ["evil-$(touch)", "evil-`id`", "evil'", "evil-größe"]
    file.write_text("[aliases]\n" + "".join(f'"{name}" = "gpt-oss-20b"\n' for name in names), "utf-8")
    assert complete("fish", "oss show evil")[0] == ["evil-größe"]
