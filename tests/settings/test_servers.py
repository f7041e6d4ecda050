"""[servers.NAME] of config.toml, and which server a name or an address means."""

from pathlib import Path

import pytest

from oss_cli.errors import BadSettings, BadUsage, UnknownServer
from oss_cli.server_settings import ServerSettings, find_server, read_address
from oss_cli.settings import read_config, read_servers, unknown_settings


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_server_is_read_with_all_its_fields(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'server = "gpu"\n[servers.gpu]\nurl = "https://gpu-box/v1/"\nmodel = "m"\napi_key_env = "GPU_KEY"\n'
        "timeout_s = 30\nallow_plain_http = true\n",
    )
    assert read_servers(path) == {
        "gpu": ServerSettings("https://gpu-box/v1", "gpu", "m", "GPU_KEY", 30.0, allow_plain_http=True)
    }
    assert read_config(path).server == "gpu"
    assert unknown_settings(path) == ()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("https://host/v1/", "https://host/v1"),
        ("https://host/api/v1/chat/completions", "https://host/api/v1"),
        ("https://host/v1beta/openai", "https://host/v1beta/openai"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_an_address_without_a_path_gets_v1(text: str, address: str) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "host:8000", "ftp://host", "http://", "http://me:key@host", "http://host/?key=1", "http://a b", "http://[::1"],
)
def test_an_address_that_is_none_or_holds_a_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_address(text)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('servers = "gpu"', "servers is no table of tables", "oss config edit"),
        ("[servers.gpu]\nmodel = 'm'", "servers.gpu has no url", "oss config set servers.gpu.url URL"),
        (
            "[servers.gpu]\nurl = 'http://a'\ntimeout_s = 0",
            "servers.gpu.timeout_s cannot be '0'",
            "oss config unset servers.gpu.timeout_s",
        ),
        (
            "[servers.gpu]\nurl = 'http://a'\napi_key_env = 'sk-1234567'",
            "servers.gpu.api_key_env cannot be what was given",
            "oss config unset servers.gpu.api_key_env",
        ),
    ],
)
def test_a_server_that_cannot_be_used_is_told_with_the_command(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadSettings) as raised:
        read_servers(path)
    assert (raised.value.message, raised.value.hint) == (f"{path} cannot be used: {message}", hint)


def test_a_mistyped_field_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    path = written(tmp_path, "[servers.gpu]\nurl = 'http://a'\napi_key_en = 'K'\nzzz = 1\n")
    assert unknown_settings(path) == (
        "config.toml: servers.gpu has no setting called 'api_key_en'; did you mean api_key_env?",
        "config.toml: servers.gpu has no setting called 'zzz'",
    )
    assert list(read_servers(path)) == ["gpu"]


def test_a_name_an_address_and_this_computer_are_told_apart() -> None:
    servers = {"gpu": ServerSettings("http://a/v1", "gpu")}
    assert find_server("gpu", lambda: servers) == servers["gpu"]
    assert find_server("http://b", lambda: servers) == ServerSettings("http://b/v1")
    assert find_server("local", lambda: servers) is None


@pytest.mark.parametrize(
    ("text", "cause", "hint"),
    [
        ("gpp", "nearest names: gpu", "oss config set servers.gpp.url URL"),
        ("gpu-box:8000", "nearest names: gpu", "--server http://gpu-box:8000"),
    ],
)
def test_an_unknown_server_is_told_with_the_nearest_names(text: str, cause: str, hint: str) -> None:
    with pytest.raises(UnknownServer) as raised:
        find_server(text, lambda: {"gpu": ServerSettings("http://a/v1", "gpu")})
    assert (raised.value.cause, raised.value.hint) == (cause, hint)


def test_an_address_with_a_key_in_it_is_not_repeated() -> None:
    with pytest.raises(BadUsage) as raised:
        find_server("https://me:secret@host", dict)
    assert "secret" not in f"{raised.value.message} {raised.value.cause} {raised.value.hint}"
