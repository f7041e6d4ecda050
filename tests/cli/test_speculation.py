"""Guessing from the command line on: switched on and off, by a smaller model, and what is told of it."""

import json
import re
from pathlib import Path

import pytest

from oss_cli.conversation.events import Usage
from oss_cli.terminal.reply import describe_usage
from tests.harness import run_oss

ASKED = ("--temperature", "0", "--json", "Repeat after me: to be or not to be")


@pytest.mark.parametrize("command", [("run", "-o", "speculation=on"), ("run",)], ids=["on", "off"])
def test_a_draft_model_guesses_and_the_answer_is_the_same(tiny_gpt_oss: Path, command: tuple[str, ...]) -> None:
    model = str(tiny_gpt_oss)
    alone = json.loads(run_oss("run", "-m", model, *ASKED).stdout)
    result = run_oss(*command, "-m", model, "--draft", model, *ASKED)
    assert (result.status, result.stderr) == (0, "")
    value = json.loads(result.stdout)
    assert (value["answer"], value["reasoning"]) == (alone["answer"], alone["reasoning"])
    assert alone["usage"]["drafted_tokens"] == 0
    assert 0 <= value["usage"]["accepted_tokens"] <= value["usage"]["drafted_tokens"]
    assert (value["usage"]["drafted_tokens"] > 0) <= (command != ("run",))


def test_what_can_be_asked_for_again_is_not_guessed_unless_that_is_asked_for(tiny_gpt_oss: Path) -> None:
    model = str(tiny_gpt_oss)
    for exact in (("--temperature", "0"), ("--seed", "3"), ()):  # --json tells the seed
        value = json.loads(
            run_oss("run", "-o", "speculation=auto", "-m", model, "--draft", model, *exact, "--json", "Hi").stdout
        )
        assert value["usage"]["drafted_tokens"] == 0


def test_a_draft_model_of_another_vocabulary_is_one_clear_error(tiny_gpt_oss: Path, smollm2: Path) -> None:
    result = run_oss("run", "-o", "speculation=auto", "-m", str(tiny_gpt_oss), "--draft", str(smollm2), "Hi")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr == (
        f"error: {smollm2.name} cannot guess for tiny-gpt-oss.gguf\n"
        "  it has 49,152 tokens, not 1,248\n"
        "hint: take a smaller model of the same family, or do without: -o speculation=off\n"
    )


def test_a_draft_model_that_is_not_here_is_an_error(tiny_gpt_oss: Path) -> None:
    result = run_oss("run", "-o", "speculation=auto", "-m", str(tiny_gpt_oss), "--draft", "no-such-model", "Hi")
    assert (result.stdout, result.status) == ("", 3)


def test_speculation_has_two_values(tiny_gpt_oss: Path) -> None:
    result = run_oss("run", "-o", "speculation=fast", "-m", str(tiny_gpt_oss), "Hi")
    assert (result.stdout, result.status) == ("", 2)
    assert result.stderr == "error: speculation cannot be 'fast'\n  it must be auto, on or off\n"


def test_what_was_guessed_is_told_with_the_speed() -> None:
    usage = Usage(prompt_tokens=10, reply_tokens=5, context_tokens=100, drafted_tokens=1200, accepted_tokens=1100)
    assert describe_usage(usage) == (
        "5 tokens · 0.0 tokens/s · first token after 0.0 s · context 15 of 100 · 1,100 of 1,200 guesses right: "
        "the seed may bring another reply"
    )


def test_another_model_of_a_chat_is_not_guessed_for_and_the_first_one_is_again(
    tiny_gpt_oss: Path, smollm2: Path
) -> None:
    lines = (ASKED[-1], "/stats", f"/model {smollm2}", "Hi", f"/model {tiny_gpt_oss}", ASKED[-1], "/stats")
    options = (
        "-m",
        str(tiny_gpt_oss),
        "--draft",
        str(tiny_gpt_oss),
        "-o",
        "speculation=on",
        "--max-tokens",
        "30",
        "--reasoning-budget",
        "9",
    )
    result = run_oss("chat", *options, "--temperature", "0", stdin="\n".join(lines))
    assert result.status == 0, result.stderr
    assert len(re.findall(r"; [1-9]\d* of \d+ guesses right\n", result.stderr)) == 2
    assert len(re.findall(r"^seed: \d+ \(tokens were guessed: it may bring another reply\)$", result.stderr, re.M)) == 2


def test_a_seed_is_told_with_what_it_promises(tiny_gpt_oss: Path) -> None:
    model = str(tiny_gpt_oss)
    told = run_oss("run", "-m", model, "--seed", "3", "--stats", *ASKED[:2], ASKED[-1]).stderr
    assert told.startswith("seed 3 · ") and "guesses" not in told
    guessed = run_oss(
        "run", "-m", model, "--draft", model, "-o", "speculation=on", "--seed", "3", "--stats", *ASKED[:2], ASKED[-1]
    ).stderr
    assert re.search(r"^seed 3 · .* guesses right: the seed may bring another reply$", guessed, re.M)
