"""`oss run` through `main`, on real models."""

import json
import re
from pathlib import Path

from tests.harness import run_oss

SMOLLM2_PROMPT = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)


def test_the_answer_alone_goes_to_stdout_and_nothing_to_stderr() -> None:
    result = run_oss("run", "Hi", "--temperature", "0")
    assert (result.stdout, result.stderr, result.status) == ("Hello! How can I help you today?\n", "", 0)


def test_the_same_seed_gives_the_same_answer_and_another_seed_another() -> None:
    def answer(seed: int) -> str:
        return run_oss(
            "run", "Tell me a story.", "--seed", str(seed), "--max-tokens", "24", "--temperature", "1.5"
        ).stdout

    assert answer(7) == answer(7)
    assert len({answer(7), answer(8), answer(9)}) == 3


def test_without_a_seed_every_run_has_a_fresh_one() -> None:
    answers = {
        run_oss("run", "Tell me a story.", "--max-tokens", "24", "--temperature", "1.5").stdout for _ in range(3)
    }
    assert len(answers) == 3


def test_standard_input_goes_before_the_prompt() -> None:
    result = run_oss("run", "--dry-run", "Sum it up.", stdin="One line.\nAnother.\n")
    assert result.stdout == SMOLLM2_PROMPT.format("One line.\nAnother.\n\nSum it up.") + "\n"


def test_standard_input_alone_is_the_prompt() -> None:
    assert run_oss("run", "--dry-run", stdin="Hello\n").stdout == SMOLLM2_PROMPT.format("Hello") + "\n"


def test_the_system_message_takes_the_place_of_the_templates_own() -> None:
    result = run_oss("run", "--dry-run", "-s", "Be brief.", "Hello")
    assert result.stdout == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n\n"
    )


def test_a_dry_run_as_json_has_the_text_and_the_token_ids() -> None:
    result = run_oss("run", "--dry-run", "--json", "hi")
    tokens = [
        1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, 2,
        198, 1, 4093, 198, 6004, 2, 198, 1, 520, 9531, 198,
    ]  # fmt: skip
    assert json.loads(result.stdout) == {"model": "smollm2-135m", "text": SMOLLM2_PROMPT.format("hi"), "tokens": tokens}


def test_a_model_before_the_prompt_is_the_model(tiny_gpt_oss: Path) -> None:
    result = run_oss("run", str(tiny_gpt_oss), "Say the word banana.", "-e", "low", "--temperature", "0")
    assert (result.stdout, result.status) == ("banana\n", 0)


def test_a_catalogue_name_before_the_prompt_is_the_model() -> None:
    result = run_oss("run", "smollm2:135m", "Hi", "--temperature", "0")
    assert (result.stdout, result.status) == ("Hello! How can I help you today?\n", 0)


def test_a_model_alone_takes_its_prompt_from_a_pipe() -> None:
    assert run_oss("run", "smollm2-135m", "--dry-run", stdin="Hello").stdout == SMOLLM2_PROMPT.format("Hello") + "\n"


def test_a_slip_for_a_model_is_never_answered_by_another() -> None:
    result = run_oss("run", "gpt-oss-20", "hi")
    assert (result.stdout, result.status) == ("", 3)
    assert result.stderr == (
        "error: no model is called 'gpt-oss-20'\n"
        "  nearest names: gpt-oss-20b, gpt-oss-120b\n"
        "hint: oss run gpt-oss-20b hi\n"
    )


def test_a_prompt_of_several_words_has_to_be_quoted() -> None:
    result = run_oss("run", "why", "is", "the", "sky", "blue")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr == (
        "error: the prompt must be one argument\n  there are 5\nhint: oss run 'why is the sky blue'\n"
    )


def test_a_known_model_that_is_not_here_is_an_error_with_the_command_that_fetches_it() -> None:
    result = run_oss("run", "-m", "gpt-oss", "hi")
    assert (result.stdout, result.status) == ("", 4)
    assert result.stderr == (
        "error: gpt-oss-20b is not on this computer\n"
        "  gpt-oss 20B: 12.1 GB from ggml-org/gpt-oss-20b-GGUF on the Hugging Face Hub\n"
        "hint: oss pull gpt-oss-20b\n"
    )


def test_no_prompt_at_all_is_an_error() -> None:
    result = run_oss("run")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr == 'error: there is no prompt\nhint: oss run "Why is the sky blue?"\n'


def test_bytes_that_are_not_utf8_are_an_error() -> None:
    result = run_oss("run", stdin=b"caf\xe9 au lait")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr == (
        "error: standard input is not UTF-8 text\n  byte 3 of 12 is 0xe9\n"
        "hint: if it is a text, name its encoding: --encoding latin-1\n"
    )


def test_a_prompt_longer_than_the_context_is_an_error_with_both_numbers() -> None:
    result = run_oss("run", "--ctx", "20", "Hello")
    assert (result.stdout, result.status) == ("", 5)
    assert result.stderr == (
        "error: the prompt is longer than the context\n"
        "  the prompt takes 31 tokens, the context holds 20 (this model can hold 8,192)\n"
        "hint: give it a longer context: --ctx 2048\n"
    )


def test_a_context_larger_than_the_models_is_an_error() -> None:
    result = run_oss("run", "--ctx", "9000", "Hello")
    assert (result.stdout, result.status) == ("", 5)
    assert result.stderr == (
        "error: the context is larger than the model's\n"
        "  9,000 tokens were asked for, it was trained for 8,192\n"
        "hint: --ctx 8192\n"
    )


def test_a_prompt_grows_the_context_by_itself(tiny_gpt_oss: Path) -> None:
    result = run_oss("run", "-m", str(tiny_gpt_oss), "--verbose", "--temperature", "0", "-e", "low",
                     "Say the word banana.", stdin="word " * 5000)  # fmt: skip
    used = re.search(r"context ([\d,]+) of ([\d,]+)", result.stderr)
    assert used is not None
    assert 4096 < int(used[1].replace(",", "")) < int(used[2].replace(",", ""))


def test_reasoning_does_not_reach_stdout(tiny_gpt_oss: Path) -> None:
    result = run_oss("run", "-m", str(tiny_gpt_oss), "-e", "high", "--temperature", "0", "Say the word banana.")
    assert (result.stdout, result.stderr, result.status) == ("banana\n", "", 0)


def test_tokens_that_run_out_before_the_answer_are_an_error(tiny_gpt_oss: Path) -> None:
    result = run_oss("run", "-m", str(tiny_gpt_oss), "-e", "high", "--max-tokens", "5", "Say the word banana.")
    assert (result.stdout, result.status) == ("", 11)
    assert result.stderr == (
        "error: the reply was cut off before its answer began\n"
        "  the limit was 5 tokens; all 5 tokens of the reply were reasoning\n"
        "hint: --max-tokens 512\n"
    )


def test_a_stop_string_ends_the_answer_before_it() -> None:
    result = run_oss("run", "Hi", "--temperature", "0", "--stop", " you to", "--stop", "day")
    assert (result.stdout, result.status) == ("Hello! How can I help\n", 0)


def test_logit_bias_forbids_a_token() -> None:
    hello = json.loads(run_oss("run", "--dry-run", "--json", "Hello").stdout)["tokens"][24]
    free = run_oss("run", "Hi", "-o", "temperature=0", "-o", "max_tokens=1")
    forced = run_oss("run", "Hi", "-o", f"logit_bias={hello}:-100", "-o", "temperature=0", "-o", "max_tokens=1")
    assert free.stdout == "Hello\n"
    assert "Hello" not in forced.stdout


def test_an_unknown_option_of_ours_names_the_command_for_help() -> None:
    result = run_oss("run", "--frob", "hi")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr == "error: no such option: --frob\nhint: oss run --help\n"


def test_an_option_value_that_cannot_be_says_what_it_must_be() -> None:
    result = run_oss("run", "--seed", "x", "hi")
    assert (result.stderr, result.status) == (
        "error: seed cannot be 'x'\n  it must be a whole number from 0 to 4294967294\n",
        2,
    )


def test_verbose_sends_llama_cpps_log_to_stderr() -> None:
    result = run_oss("run", "--verbose", "--max-tokens", "1", "Hello")
    assert re.search(r"llama_model_loader: loaded meta data", result.stderr)
    assert re.search(r"^seed \d+ · 1 tokens", result.stderr, re.MULTILINE)
    assert "llama" not in result.stdout


def test_the_seed_that_was_reported_gives_the_same_answer_again() -> None:
    options = ("--temperature", "1.5", "--max-tokens", "16", "Tell me a story.")
    first = run_oss("run", "--verbose", *options)
    seed = re.search(r"^seed (\d+)", first.stderr, re.MULTILINE)
    assert seed is not None
    assert run_oss("run", "--seed", seed[1], *options).stdout == first.stdout


def test_a_base_model_goes_on_with_the_text(smollm2: Path, tmp_path: Path) -> None:
    models = tmp_path / "oss-home" / "models.toml"
    models.parent.mkdir()
    models.write_text(f"[models.base]\npath = {str(smollm2)!r}\nformat = 'plain'\n", "utf-8")
    result = run_oss("run", "-m", "base", "--temperature", "0", "--max-tokens", "4", "One, two, three, four,")
    assert (result.stdout, result.stderr, result.status) == (" five, six,\n", "", 0)
    dry = run_oss("run", "-m", "base", "--dry-run", "One, two,")
    assert dry.stdout == "One, two,\n"


def test_a_file_without_a_chat_template_is_a_base_model(smollm2: Path, tmp_path: Path) -> None:
    path = tmp_path / "base.gguf"
    path.write_bytes(smollm2.read_bytes().replace(b"tokenizer.chat_template", b"tokenizer.chat_templatX"))
    result = run_oss("run", "-m", str(path), "--temperature", "0", "--max-tokens", "4", "One, two, three, four,")
    assert (result.stdout, result.status) == (" five, six,\n", 0)


def test_run_leaves_nothing_on_disk_but_the_date_of_its_use(tmp_path: Path) -> None:
    run_oss("run", "--max-tokens", "1", "Hello")
    assert [path.name for path in (tmp_path / "oss-home").rglob("*")] == ["usage.json"]
    assert list((tmp_path / "work").iterdir()) == []


def test_a_file_that_is_no_model_does_not_stand_in_the_way_of_those_that_are(tmp_path: Path) -> None:
    folder = tmp_path / "oss-home" / "models"
    folder.mkdir(parents=True)
    (folder / "zeros.gguf").write_bytes(bytes(200_000_000))
    result = run_oss("run", "Hi", "--temperature", "0")
    assert (result.stdout, result.status) == ("Hello! How can I help you today?\n", 0)
