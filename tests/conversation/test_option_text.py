"""Options as people write them: what each may be, and what is said when it is something else."""

import pytest

from oss_cli.conversation.option_text import OPTION_RULES, set_option, set_option_pair
from oss_cli.conversation.options import SamplingOptions
from oss_cli.errors import BadUsage, ExitCode

NOTHING = SamplingOptions()

NUMBERS: dict[str, tuple[dict[str, float], list[str]]] = {
    "temperature": ({"0": 0, "0.7": 0.7, "1e-3": 0.001, "100": 100}, ["-0.1", "100.1", "nan", "inf", "", "hot", "0,7"]),
    "top_p": ({"1e-9": 1e-9, "0.95": 0.95, "1": 1}, ["0", "-1", "1.01", "nan", "x"]),
    "top_k": ({"0": 0, "40": 40, "1000000": 10**6}, ["-1", "1000001", "4.5", "40.0", ""]),
    "min_p": ({"0": 0, "0.05": 0.05, "1": 1}, ["-0.01", "1.1", "nan"]),
    "repeat_penalty": ({"0.1": 0.1, "1": 1, "100": 100}, ["0", "-1", "101", "inf"]),
    "seed": ({"0": 0, "4294967294": 2**32 - 2}, ["-1", "4294967295", "1.0", "0x10"]),
    "max_tokens": ({"1": 1, "1000000000": 10**9}, ["0", "-5", "1000000001", "all"]),
}
MEANINGS = {
    "temperature": "it must be a number from 0 (always the likeliest token) to 100",
    "top_p": "it must be a number above 0, up to 1 (keep all)",
    "top_k": "it must be a whole number from 0 (keep all)",
    "min_p": "it must be a number from 0 (drop none) to 1",
    "repeat_penalty": "it must be a number above 0 (1: no penalty)",
    "seed": "it must be a whole number from 0 to 4294967294",
    "max_tokens": "it must be a whole number from 1",
    "stop": r"it must be a text that ends the answer (\n is a line feed)",
    "logit_bias": "it must be TOKEN:BIAS pairs such as 42:-5,77:2.5",
}


def refusal(name: str, text: str) -> tuple[str, str, str, ExitCode]:
    with pytest.raises(BadUsage) as caught:
        set_option(NOTHING, name, text)
    return caught.value.message, caught.value.cause, caught.value.hint, caught.value.exit_code


def test_every_option_has_its_rule_and_its_words() -> None:
    assert list(OPTION_RULES) == list(SamplingOptions.__dataclass_fields__) == list(MEANINGS)


@pytest.mark.parametrize(
    ("name", "text", "value"), [(name, *pair) for name, (good, _) in NUMBERS.items() for pair in good.items()]
)
def test_a_number_in_its_range_is_taken(name: str, text: str, value: float) -> None:
    assert getattr(set_option(NOTHING, name, text), name) == value


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, (_, bad) in NUMBERS.items() for text in bad])
def test_a_number_outside_its_range_is_refused_with_the_range(name: str, text: str) -> None:
    assert refusal(name, text) == (f"{name} cannot be {text!r}", MEANINGS[name], "", ExitCode.USAGE)


@pytest.mark.parametrize("name", ["top-k", "TOP_K", " Top-K "])
def test_names_are_read_in_any_case_and_with_dashes(name: str) -> None:
    assert set_option(NOTHING, name, " 5 ") == SamplingOptions(top_k=5)


def test_an_unknown_name_is_refused_with_all_names() -> None:
    assert refusal("temprature", "1") == (
        "there is no option called 'temprature'",
        "the options are temperature, top_p, top_k, min_p, repeat_penalty, seed, max_tokens, stop, logit_bias",
        "",
        ExitCode.USAGE,
    )


@pytest.mark.parametrize(
    ("text", "stop"),
    [
        ("END", "END"),
        (" ", " "),
        (" you to", " you to"),
        (r"\n", "\n"),
        (r"\n\nUser:", "\n\nUser:"),
        (r"a\tb\r\n", "a\tb\r\n"),
        (r"\\n", r"\n"),
        ("\n", "\n"),
        ("é", "é"),
        ("你好。", "你好。"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        ("\\你", "\\你"),
        (r"\begin{document}", r"\begin{document}"),
        (r"\d", r"\d"),
        ("\\", "\\"),
        ("```", "```"),
    ],
)
def test_a_stop_string_is_what_was_written_but_for_four_escapes(text: str, stop: str) -> None:
    assert set_option(NOTHING, "stop", text) == SamplingOptions(stop=(stop,))


def test_stop_strings_add_up_and_all_else_is_replaced() -> None:
    options = NOTHING
    for name, text in [("stop", "a"), ("seed", "1"), ("stop", r"\n"), ("seed", "2"), ("stop", "a")]:
        options = set_option(options, name, text)
    assert options == SamplingOptions(seed=2, stop=("a", "\n", "a"))


def test_an_empty_stop_string_is_refused() -> None:
    assert refusal("stop", "") == ("stop cannot be ''", MEANINGS["stop"], "", ExitCode.USAGE)


@pytest.mark.parametrize(
    ("text", "biases"),
    [
        ("42:-5", {42: -5.0}),
        ("42:-5,77:2.5", {42: -5.0, 77: 2.5}),
        (" 0 : 1e9 , 2147483647 : -1e9 ", {0: 1e9, 2**31 - 1: -1e9}),
        ("7:1,7:2", {7: 2.0}),
    ],
)
def test_logit_biases_are_pairs(text: str, biases: dict[int, float]) -> None:
    assert set_option(NOTHING, "logit_bias", text) == SamplingOptions(logit_bias=biases)


@pytest.mark.parametrize(
    "text", ["", "42", "42:", ":1", "a:1", "42:x", "-1:1", "2147483648:1", "42:1e10", "1:1,", "1:nan"]
)
def test_anything_else_is_no_logit_bias(text: str) -> None:
    assert refusal("logit_bias", text) == (f"logit_bias cannot be {text!r}", MEANINGS["logit_bias"], "", ExitCode.USAGE)


@pytest.mark.parametrize(
    ("pair", "options"),
    [
        ("temperature=0.2", SamplingOptions(temperature=0.2)),
        ("stop==", SamplingOptions(stop=("=",))),
        ("stop= a", SamplingOptions(stop=(" a",))),
        ("top-k = 3", SamplingOptions(top_k=3)),
    ],
)
def test_a_pair_is_cut_at_its_first_equals_sign(pair: str, options: SamplingOptions) -> None:
    assert set_option_pair(NOTHING, pair) == options


def test_a_pair_without_an_equals_sign_is_refused_with_an_example() -> None:
    with pytest.raises(BadUsage) as caught:
        set_option_pair(NOTHING, "temperature 0.2")
    assert (caught.value.message, caught.value.cause, caught.value.hint) == (
        "'temperature 0.2' is not an option",
        "an option is NAME=VALUE",
        "-o temperature=0.2",
    )
