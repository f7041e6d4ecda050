"""`oss template`, and `oss run -t`."""

import json
import os
import stat
from pathlib import Path

import pytest

from tests.harness import Result, open_terminal, run_oss

SYSTEM = "<|im_start|>system\n{}<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n\n"
NO_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where templates are."""
    return tmp_path / "oss-home" / "templates"


def save(name: str, prompt: str, *options: str) -> None:
    """Save a template."""
    assert run_oss("template", "save", name, "-", *options, stdin=prompt).status == 0


def prompt_of(*arguments: str, stdin: str | bytes = "") -> str:
    """The prompt of a run, as a model would read it."""
    result = run_oss("run", "--dry-run", *arguments, stdin=stdin)
    assert (result.stderr, result.status) == ("", 0)
    return result.stdout


def test_a_template_is_a_private_file_that_a_person_can_edit(folder: Path) -> None:
    result = run_oss(
        "template", "save", "tr", "Into $language:\n\n$input", "-s", "You are $who.", "-p", "language=English",
        "-o", "temperature=0.5", "-e", "low", "--stop", r"\n", "-x", "--extract-lang", "py", "-m", "starter",
    )  # fmt: skip
    path = folder / "tr.toml"
    assert (result.stdout, result.stderr, result.status) == ("", f"saved: {path}\n", 0)
    text = (
        'prompt = """\nInto $language:\n\n$input"""\nsystem = "You are $who."\nmodel = "starter"\nextract = true\n'
        'extract_lang = "py"\n\n[options]\ntemperature = 0.5\nstop = ["\\\\n"]\neffort = "low"\n\n'
        '[defaults]\nlanguage = "English"\n'
    )
    assert path.read_text("utf-8") == text
    assert run_oss("template", "show", "tr").stdout == text
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_variables_are_filled_in_and_what_is_put_there_stays_text() -> None:
    save("tr", "Into $language: $input costs $$5${language}s", "-s", "You are $who.", "-p", "language=English")
    arguments = ("-t", "tr", "-p", "who=$language ${x} $$")
    prompt = prompt_of(*arguments, stdin="a $who\n")
    assert prompt == SYSTEM.format("You are $language ${x} $$.", "Into English: a $who costs $5Englishs")
    assert "Into Dutch: b costs" in prompt_of(*arguments, "-p", "language=Dutch", "b")


def test_without_its_variable_the_input_goes_before_the_prompt(tmp_path: Path) -> None:
    save("sum", "Sum it up.")
    Path("notes.txt").write_text("Sky\n", "utf-8")
    told = "File notes.txt:\n```\nSky\n```\n\none\n\ntwo\n\nSum it up."
    assert prompt_of("-t", "sum", "-f", "notes.txt", "two", stdin="one\n") == SYSTEM.format(NO_SYSTEM, told)
    assert prompt_of("-t", "sum") == SYSTEM.format(NO_SYSTEM, "Sum it up.")


def test_all_that_is_missing_is_named_at_once() -> None:
    save("tr", "$a $b $input")
    result = run_oss("run", "-t", "tr", "-p", "b=1")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr == (
        "error: the template tr lacks values\n  nothing is given for $a, $input\n"
        "hint: oss run -t tr -p a=VALUE < FILE\n"
    )


@pytest.mark.parametrize(
    ("arguments", "stderr"),
    [
        (("-t", "tr", "-p", "aa=1"), "error: the template tr has no variable $aa to be given\n  it has $a\n"),
        (
            ("-t", "tr", "-p", "input=1"),
            "error: the template tr has no variable $input to be given\n"
            "  it stands for standard input, files and the prompt\n",
        ),
        (("-t", "tr", "-p", "a"), "error: 'a' gives no variable a value\nhint: -p NAME=VALUE\n"),
        (("-p", "a=1", "hi"), "error: -p goes with a template\nhint: oss run -t NAME -p a=1\n"),
        (("-t", "tz"), "error: no template is called 'tz'\n  nearest names: tr\nhint: oss template list\n"),
    ],
)
def test_a_slip_is_told(arguments: tuple[str, ...], stderr: str) -> None:
    save("tr", "$a")
    result = run_oss("run", *arguments)
    assert (result.stdout, result.stderr, result.status) == ("", stderr, 2)


def test_options_of_the_command_line_win_over_the_template_and_it_over_the_environment(
    tiny_gpt_oss: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save("say", "Say the word $word.", "-m", str(tiny_gpt_oss), "-e", "low", "-o", "temperature=0", "-o", "seed=7")
    monkeypatch.setenv("OSS_EFFORT", "high")
    monkeypatch.setenv("OSS_SEED", "1")
    value = json.loads(run_oss("run", "-t", "say", "-p", "word=banana", "--json").stdout)
    assert (value["answer"], value["options"]["effort"], value["seed"]) == ("banana", "low", 7)
    value = json.loads(run_oss("run", "-t", "say", "-p", "word=banana", "--json", "-e", "medium", "--seed", "9").stdout)
    assert (value["answer"], value["options"]["effort"], value["seed"]) == ("banana", "medium", 9)


def test_instructions_of_the_command_line_take_the_place_of_the_templates() -> None:
    save("say", "Hi", "-s", "Be $how.", "-p", "how=brief")
    assert prompt_of("-t", "say") == SYSTEM.format("Be brief.", "Hi")
    assert prompt_of("-t", "say", "-s", "Be $how.") == SYSTEM.format("Be $how.", "Hi")


def test_a_template_can_ask_for_plain_completion_and_for_code() -> None:
    save("go", "One, two,", "--raw")
    assert prompt_of("-t", "go") == "One, two,\n"
    save("py", "$input", "--extract-lang", "python", "-o", "temperature=0")
    result = run_oss("run", "-t", "py", "Write a Python function that adds two numbers.")
    assert result.stdout == "def add_numbers(num1, num2):\n    return num1 + num2\n"


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", ".x", "CON", "com1", "-x", "x" * 65, "ü", "a.b"])
def test_a_name_is_letters_digits_and_dashes(name: str, tmp_path: Path) -> None:
    result = run_oss("template", "save", "--", name, "hi")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr == (
        f"error: no template can be called {name!r}\n"
        "  it must be up to 64 ASCII letters, digits, - and _, and begin with a letter or a digit\n"
    )
    assert not (tmp_path / "oss-home").exists()


def test_nothing_is_written_over_unasked(folder: Path) -> None:
    save("a", "one")
    result = run_oss("template", "save", "a", "two")
    assert (result.stderr, result.status) == (
        "error: nobody is here to answer: Write over the template a?\nhint: oss template save a PROMPT --yes\n",
        2,
    )
    assert run_oss("template", "save", "a", "two", "--yes").status == 0
    assert (folder / "a.toml").read_text("utf-8") == 'prompt = "two"\n'


def test_what_cannot_be_a_template_is_not_saved(folder: Path) -> None:
    result = run_oss("template", "save", "a", "It is\n5 $ or so")
    assert (result.stderr, result.status) == (
        "error: the template a cannot be saved\n  prompt: the $ in line 2 begins no $name; a dollar sign is $$\n",
        2,
    )
    result = run_oss("template", "save", "a")
    assert (result.stderr, result.status) == ("error: the template a cannot be saved\n  prompt: is missing\n", 2)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("prompt = ", "Invalid value (at end of document)"),
        (
            "promt = 'x'",
            "promt: a template has prompt, system, model, extract, extract_lang, raw, schema, grammar, options and "
            "defaults",
        ),
        ("prompt = 1", "prompt: must be a text"),
        ("prompt = 'x'\nraw = 'x'", "raw: must be true or false"),
        ("prompt = 'x'\nraw = true\nsystem = 'y'", "system: a raw prompt has no place for instructions"),
        ("prompt = 'x'\noptions = 1", "options: must be a table, [options]"),
        ("prompt = 'x'\n[options]\ntemperature = 'warm'",
         "temperature cannot be 'warm'; it must be a number from 0 (always the likeliest token) to 100"),
        ("prompt = 'x'\n[defaults]\na = []", "defaults.a: must be a text or a number"),
        ("prompt = '${x'", "prompt: the $ in line 1 begins no $name; a dollar sign is $$"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_with_what_is_wrong(folder: Path, text: str, problem: str) -> None:
    folder.mkdir(parents=True)
    path = folder / "a.toml"
    path.write_text(text, "utf-8")
    result = run_oss("run", "-t", "a", "hi")
    assert (result.stdout, result.status) == ("", 9)
    assert result.stderr == f"error: {path} cannot be used\n  {problem}\nhint: oss template edit a\n"


def test_a_file_may_begin_with_a_byte_order_mark_as_editors_of_windows_write_it(folder: Path) -> None:
    save("a", "one")
    (folder / "a.toml").write_text('prompt = "two $x"\r\n', "utf-8-sig")
    assert prompt_of("-t", "a", "-p", "x=y") == SYSTEM.format(NO_SYSTEM, "two y")


def test_the_list_has_variables_and_beginnings_and_names_what_is_broken(folder: Path) -> None:
    assert run_oss("template").stderr == 'no template is saved yet: oss template save NAME "PROMPT"\n'
    save("b", "Into $language:\n\n$input")
    save("a", "Hello")
    (folder / "broken.toml").write_text("x", "utf-8")
    (folder / "not a name.toml").write_text("prompt = 'x'", "utf-8")
    result = run_oss("template", "list")
    assert result.stdout == (
        "TEMPLATE  VARIABLES         PROMPT\na                           Hello\n"
        "b         $language $input  Into $language: $input\n"
    )
    assert result.stderr.startswith(f"{folder / 'broken.toml'} cannot be used: ")
    value = json.loads(run_oss("template", "show", "b", "--json").stdout)
    assert value == {
        "name": "b", "prompt": "Into $language:\n\n$input", "system": "", "model": "", "extract": False,
        "extract_lang": "", "raw": False, "schema": "", "grammar": "", "options": {}, "defaults": {},
        "variables": ["language", "input"],
    }  # fmt: skip
    assert [one["name"] for one in json.loads(run_oss("template", "list", "--json").stdout)] == ["a", "b"]


def test_templates_are_removed_all_or_none(folder: Path) -> None:
    save("a", "x")
    save("b", "x")

    def rm(*arguments: str) -> Result:
        return run_oss("template", "rm", *arguments)

    assert rm("a", "b").stderr == ("error: nobody is here to answer: Remove a b?\nhint: oss template rm a b --yes\n")
    assert rm("a", "c", "--yes").status == 2
    assert sorted(path.name for path in folder.iterdir()) == ["a.toml", "b.toml"]
    assert rm("a", "b", "--yes").status == 0
    assert list(folder.iterdir()) == []


def test_a_new_template_is_begun_in_the_editor_and_checked(folder: Path, tmp_path: Path) -> None:
    result = run_oss("template", "edit", "a")
    assert (result.stderr, result.status) == (
        'error: an editor needs a terminal\nhint: oss template save a "PROMPT"\n',
        2,
    )
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "temperature = 0\\n" >> "$1"\n', "utf-8")
    editor.chmod(0o755)
    with open_terminal("template", "edit", "a", EDITOR=str(editor)) as terminal:
        terminal.expect("temperature: a template has")
        terminal.expect("hint: oss template edit a")
        assert terminal.wait() == 9
    assert (folder / "a.toml").read_text("utf-8").endswith('\nprompt = """\n$input"""\ntemperature = 0\n')


def test_names_of_templates_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    save("translate", "x")
    save("sum", "x")
    monkeypatch.setenv("_OSS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "oss run -t t")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert run_oss().stdout.split() == ["translate"]
