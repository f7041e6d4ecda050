"""Settings from the command line, the environment and config.toml: who wins, and what each refuses."""

import os
from pathlib import Path

import pytest

from oss_cli.conversation.habits import EditingMode, Overflow, ReasoningView
from oss_cli.conversation.options import ReasoningEffort, SamplingOptions
from oss_cli.errors import BadSettings, BadUsage, ExitCode
from oss_cli.plan import KvType, Speculation
from oss_cli.settings import (
    SETTING_NAMES,
    Settings,
    deciding_variable,
    load_settings,
    read_config,
    set_setting,
    unknown_settings,
)

ALL_TOML = """
model = "gpt-oss-20b"
system = "Be brief."
effort = "high"
ctx = 4096
threads = 8
gpu_layers = -1
cpu_moe = 4
kv_type = "q8_0"
no_mmap = true
mlock = true
batch = 256
repack = false
speculation = "off"
draft = "small"
offline = true
keep_alive = "10m"
server = "gpu"
hub_cache = "/big/cache"
models_folder = "/big/models"
private = true
cache = true
cache_gb = 12
overflow = "compact"
reasoning_budget = 512
reasoning = "hide"
editing_mode = "vi"
markdown = false
temperature = 0.5
top_p = 0.9
top_k = 20
min_p = 0.1
repeat_penalty = 1.1
seed = 7
max_tokens = 100
stop = ["END", "\\n\\n"]
logit_bias = "42:-5"
"""
ALL = Settings(
    model="gpt-oss-20b",
    system="Be brief.",
    effort=ReasoningEffort.HIGH,
    ctx=4096,
    threads=8,
    gpu_layers=-1,
    cpu_moe=4,
    kv_type=KvType.Q8_0,
    no_mmap=True,
    mlock=True,
    batch=256,
    repack=False,
    speculation=Speculation.OFF,
    draft="small",
    offline=True,
    keep_alive=600,
    server="gpu",
    hub_cache=Path("/big/cache"),
    models_folder=Path("/big/models"),
    private=True,
    cache=True,
    cache_gb=12,
    overflow=Overflow.COMPACT,
    reasoning_budget=512,
    reasoning=ReasoningView.HIDE,
    editing_mode=EditingMode.VI,
    markdown=False,
    sampling=SamplingOptions(
        temperature=0.5,
        top_p=0.9,
        top_k=20,
        min_p=0.1,
        repeat_penalty=1.1,
        seed=7,
        max_tokens=100,
        stop=("END", "\n\n"),
        logit_bias={42: -5.0},
    ),
)
NAMES = (
    "the settings are model, system, effort, ctx, threads, gpu_layers, cpu_moe, kv_type, no_mmap, mlock, batch, "
    "repack, speculation, draft, keep_alive, offline, server, hub_cache, models_folder, private, cache, cache_gb, "
    "overflow, reasoning_budget, reasoning, editing_mode, markdown, temperature, top_p, top_k, min_p, repeat_penalty, "
    "seed, max_tokens, stop, logit_bias"
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def failure(error: BadSettings | BadUsage) -> tuple[str, str, str]:
    return error.message, error.cause, error.hint


def config_failure(config: Path, content: str | bytes) -> tuple[str, str, str]:
    config.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(BadSettings) as caught:
        read_config(config)
    assert caught.value.exit_code == ExitCode.SETTINGS
    return failure(caught.value)


def test_without_any_source_nothing_is_decided(config: Path) -> None:
    assert load_settings(Settings(), config, {}) == Settings()


def test_every_setting_may_stand_in_config_toml(config: Path) -> None:
    config.write_text(ALL_TOML)
    assert load_settings(Settings(), config, {}) == ALL


def test_every_setting_may_stand_in_the_environment(config: Path) -> None:
    values = [
        "gpt-oss-20b", "Be brief.", "HIGH", "4096", "8", "-1", "4", "q8_0", "true", "true", "256", "no", "off", "small",
        "10M", "true", "gpu",
        "/big/cache", "/big/models", "1", "on", "12", "Compact", "512", "HIDE", "vi", "off",
        "0.5", "0.9", "20", "0.1", "1.1", "7", "100", "END",
        "42:-5",
    ]  # fmt: skip
    environment = {f"OSS_{name.upper()}": value for name, value in zip(SETTING_NAMES, values, strict=True)}
    environment["OSS_STOP"] = r"\n\n"
    found = load_settings(Settings(sampling=SamplingOptions(stop=("END", "\n\n"))), config, environment)
    assert found == ALL


def test_the_process_environment_is_the_one_that_counts(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSS_CTX", "512")
    monkeypatch.delenv("OSS_THREADS")
    monkeypatch.delenv("OSS_SPECULATION")
    monkeypatch.delenv("HF_HOME")
    assert load_settings(Settings(), config) == Settings(ctx=512)


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(config: Path) -> None:
    config.write_text('model = "file"\nctx = 1\nthreads = 1\ntemperature = 0.1\ntop_k = 1\nseed = 1\n')
    environment = {"OSS_MODEL": "environment", "OSS_CTX": "2", "OSS_TEMPERATURE": "0.2", "OSS_TOP_K": "2"}
    command_line = Settings(model="line", sampling=SamplingOptions(temperature=0.3))
    assert load_settings(command_line, config, environment) == Settings(
        model="line", ctx=2, threads=1, sampling=SamplingOptions(temperature=0.3, top_k=2, seed=1)
    )


def test_stop_strings_of_two_sources_do_not_add_up(config: Path) -> None:
    config.write_text('stop = ["a", "b"]')
    assert load_settings(Settings(), config, {"OSS_STOP": "c"}).sampling == SamplingOptions(stop=("c",))


def test_an_empty_variable_decides_nothing(config: Path) -> None:
    config.write_text("ctx = 5")
    assert load_settings(Settings(), config, {"OSS_CTX": "", "OSS_MODEL": ""}) == Settings(ctx=5)


def test_variables_of_other_names_are_left_alone(config: Path) -> None:
    assert load_settings(Settings(), config, {"OSS_HOME": "x", "OSS_DEBUG": "1", "OSS_FROB": "2"}) == Settings()


def test_nought_gpu_layers_over_the_file_is_a_decision(config: Path) -> None:
    config.write_text("gpu_layers = 9")
    assert load_settings(Settings(gpu_layers=0), config, {}) == Settings(gpu_layers=0)


def test_a_bad_variable_is_named_with_what_it_may_be(config: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        load_settings(Settings(), config, {"OSS_TOP_P": "2"})
    assert failure(caught.value) == (
        "OSS_TOP_P cannot be used: top_p cannot be '2'",
        "it must be a number above 0, up to 1 (keep all)",
        "unset OSS_TOP_P",
    )


def test_a_bad_file_is_told_though_the_command_line_decides(config: Path) -> None:
    config.write_text("ctx = 0")
    with pytest.raises(BadSettings):
        load_settings(Settings(ctx=5), config, {})


@pytest.mark.parametrize(
    ("content", "problem", "cause"),
    [
        ("effort = 'none'", "effort cannot be 'none'", "it must be low, medium or high"),
        ("ctx = 0", "ctx cannot be '0'", "it must be a whole number from 1 to 2147483647"),
        ("ctx = 4096.0", "ctx cannot be '4096.0'", "it must be a whole number from 1 to 2147483647"),
        ("threads = 513", "threads cannot be '513'", "it must be a whole number from 1 to 512"),
        ("overflow = 'truncate'", "overflow cannot be 'truncate'", "it must be stop, drop or compact"),
        ("reasoning = 'dim'", "reasoning cannot be 'dim'", "it must be fold, show or hide"),
        ("editing_mode = 'nano'", "editing_mode cannot be 'nano'", "it must be emacs or vi"),
        ("markdown = 'maybe'", "markdown cannot be 'maybe'", "it must be true or false"),
        (
            "reasoning_budget = -1",
            "reasoning_budget cannot be '-1'",
            "it must be a whole number from 0 to 2147483647",
        ),
        ("gpu_layers = -2", "gpu_layers cannot be '-2'", "it must be a whole number from -1 to 2147483647"),
        ("seed = 'x'", "seed cannot be 'x'", "it must be a whole number from 0 to 4294967294"),
        ("stop = ['']", "stop cannot be ''", r"it must be a text that ends the answer (\n is a line feed)"),
        ("models_folder = 'models'", "models_folder cannot be 'models'", "it must be a whole path, or begin with ~"),
        ("hub_cache = ''", "hub_cache cannot be ''", "it must be a whole path, or begin with ~"),
        ("hub_cache = '$NOWHERE/x'", "hub_cache cannot be '$NOWHERE/x'", "it must be a whole path, or begin with ~"),
        ("ctx = true", "ctx is a bool", "it must be a whole number from 1 to 2147483647"),
        ("ctx = [1]", "ctx is a list", "it must be a whole number from 1 to 2147483647"),
        ("private = [true]", "private is a list", "it must be true or false"),
        ("stop = [['a']]", "stop is a list", r"it must be a text that ends the answer (\n is a line feed)"),
        ("[logit_bias]\n42 = -5", "logit_bias is a dict", "it must be TOKEN:BIAS pairs such as 42:-5,77:2.5"),
        ("seed = 2026-01-01", "seed is a date", "it must be a whole number from 0 to 4294967294"),
    ],
)
def test_a_setting_that_cannot_be_is_told_with_the_file(config: Path, content: str, problem: str, cause: str) -> None:
    hint = f"oss config unset {problem.split()[0]}"
    assert config_failure(config, content) == (f"{config} cannot be used: {problem}", cause, hint)


def test_settings_that_we_do_not_know_are_passed_over_and_named_with_the_nearest(config: Path) -> None:
    config.write_text("frob = 1\nModel = 'x'\ntop-k = 1\nctx = 4096\nsampling = 1\n[models]\nx = 1\n")
    assert read_config(config) == Settings(ctx=4096)
    assert unknown_settings(config) == (
        "config.toml: there is no setting called 'frob'",
        "config.toml: there is no setting called 'Model'; did you mean model?",
        "config.toml: there is no setting called 'top-k'; did you mean top_k?",
        "config.toml: there is no setting called 'sampling'",
        "config.toml: there is no setting called 'models'; did you mean model?",
    )


def test_without_a_file_nothing_is_unknown(config: Path) -> None:
    assert unknown_settings(config) == ()


HUB_CACHES: list[tuple[dict[str, str], str, str | None]] = [
    ({}, "/file", None),
    ({"HF_HOME": "/home-of-hf"}, "/home-of-hf/hub", "HF_HOME"),
    ({"HF_HOME": "/home-of-hf", "HF_HUB_CACHE": "/hf"}, "/hf", "HF_HUB_CACHE"),
    ({"HF_HUB_CACHE": "/hf", "OSS_HUB_CACHE": "/ours"}, "/ours", "OSS_HUB_CACHE"),
    ({"OSS_HUB_CACHE": "", "HF_HUB_CACHE": ""}, "/file", None),
]


@pytest.mark.parametrize(("variables", "folder", "decider"), HUB_CACHES)
def test_the_hub_cache_is_ours_to_say_then_the_librarys_then_the_files(
    config: Path, variables: dict[str, str], folder: str, decider: str | None
) -> None:
    config.write_text("hub_cache = '/file'")
    assert load_settings(Settings(), config, variables) == Settings(hub_cache=Path(folder))
    assert deciding_variable("hub_cache", variables) == decider
    line = Settings(hub_cache=Path("/line"))
    assert load_settings(line, config, variables) == line


def test_a_folder_may_begin_at_home_or_with_a_variable(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("BIG", "/mnt/big")
    config.write_text("hub_cache = '~/hub'\nmodels_folder = '$BIG/models'")
    assert read_config(config) == Settings(hub_cache=Path("/home/me/hub"), models_folder=Path("/mnt/big/models"))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("model = gpt-oss", "Invalid value (at line 1, column 9)"),
        ("ctx = 1\nctx = 2", "Cannot overwrite a value (at end of document)"),
        (b"model = '\xff'", "'utf-8' codec can't decode byte 0xff in position 9: invalid start byte"),
    ],
)
def test_a_file_that_is_no_toml_is_told(config: Path, content: str | bytes, cause: str) -> None:
    assert config_failure(config, content) == (f"{config} cannot be read", cause, "oss config edit")


def test_a_folder_in_the_files_place_is_told(config: Path) -> None:
    config.mkdir()
    with pytest.raises(BadSettings) as caught:
        read_config(config)
    assert failure(caught.value) == (f"{config} cannot be read", "Is a directory", "")


def test_a_pipe_in_the_files_place_is_told_instead_of_waited_for(config: Path) -> None:
    os.mkfifo(config)
    with pytest.raises(BadSettings) as caught:
        read_config(config)
    assert failure(caught.value) == (f"{config} cannot be read", "it is a pipe or a device, not a file", "")


def test_an_empty_device_in_the_files_place_is_an_empty_file(config: Path) -> None:
    config.symlink_to(os.devnull)
    assert read_config(config) == Settings()


def test_a_stop_string_in_a_file_may_be_one_or_several(config: Path) -> None:
    config.write_text('stop = "你好"')
    assert read_config(config).sampling == SamplingOptions(stop=("你好",))
    config.write_text('stop = ["a", "\\n"]')
    assert read_config(config).sampling == SamplingOptions(stop=("a", "\n"))


def test_a_settings_value_is_decided_one_by_one() -> None:
    settings = set_setting(set_setting(Settings(), "threads", "512"), "min_p", "0")
    assert settings == Settings(threads=512, sampling=SamplingOptions(min_p=0.0))


def test_an_unknown_setting_is_refused_with_all_names() -> None:
    with pytest.raises(BadUsage) as caught:
        set_setting(Settings(), "frob", "1")
    assert failure(caught.value) == ("there is no setting called 'frob'", NAMES, "")


@pytest.mark.parametrize(("text", "effort"), [("low", "low"), (" Medium ", "medium"), ("HIGH", "high")])
def test_an_effort_is_read_in_any_case(text: str, effort: str) -> None:
    assert set_setting(Settings(), "effort", text) == Settings(effort=ReasoningEffort(effort))
