"""Every way in which `oss pull` fails, by its whole text."""

import socket
import time
from pathlib import Path

import pytest

from tests.cli.pulling import NAME, error_of
from tests.fakes.fake_hub import GOOD_TOKEN, TOKEN_WITHOUT_ACCESS, FakeHub, Fault, StoredFile
from tests.harness import Result, run_oss
from tests.store.noise import noise

ERRORS = {
    "missing": (
        [], None,
        "error: org/model-GGUF is not on {endpoint}\n"
        "  HTTP 401: it does not exist, or it is private\n"
        "hint: check its name at {endpoint}/org/model-GGUF; if it is private: "
        "hf auth login && oss pull org/model-GGUF\n",
    ),
    "missing, with a token": (
        [], GOOD_TOKEN,
        "error: org/model-GGUF is not on {endpoint}\n"
        "  HTTP 404: it does not exist, or your token may not see it\n"
        "hint: check its name at {endpoint}/org/model-GGUF\n",
    ),
    "rate limit": (
        [Fault("status", code=429, headers={"RateLimit": '"api";r=0;t=299'})], None,
        "error: {endpoint} cannot serve us now\n"
        "  rate limit, HTTP 429; with a token the limit is higher: hf auth login\n"
        "hint: try again in 300 s: oss pull org/model-GGUF\n",
    ),
    "a page instead of an answer": (
        [Fault("nonsense")], None,
        "error: {endpoint} cannot serve us now\n"
        "  its answer about org/model-GGUF is not what the Hub's would be\n"
        "hint: try again later: oss pull org/model-GGUF\n",
    ),
    "refused": (
        [Fault("status", code=403)], None,
        "error: {endpoint} refuses us\n"
        "  HTTP 403: out of order\n"
        "hint: hf auth login && oss pull org/model-GGUF\n",
    ),
    "teapot": (
        [Fault("status", code=418)], None,
        "error: {endpoint} cannot serve us now\n"
        "  it answered HTTP 418 about org/model-GGUF\n"
        "hint: try again later: oss pull org/model-GGUF\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_of_the_listing(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    faults, token, text = ERRORS[name]
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    for fault in faults:
        hub.add_fault("api", fault)
    assert run_oss("pull", NAME) == Result("", text.format(endpoint=hub.endpoint), 6)


@pytest.mark.parametrize(
    ("token", "cause", "hint"),
    [
        (
            None,
            "HTTP 401: its owners want to know who you are, and that you accept their terms",
            "accept them at {page}, then: hf auth login && oss pull org/model-GGUF:Q8_0",
        ),
        (
            TOKEN_WITHOUT_ACCESS,
            "HTTP 403: its owners have not given you access yet",
            "ask for access at {page}, then: oss pull org/model-GGUF:Q8_0",
        ),
    ],
)
def test_a_gated_repository(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, token: str | None, cause: str, hint: str
) -> None:
    hub.add_repository(NAME, is_gated=True).add("model-Q8_0.gguf", noise(1000))
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    result = run_oss("pull", NAME)
    hint = hint.format(page=f"{hub.endpoint}/{NAME}")
    assert error_of(result) == f"error: org/model-GGUF is gated\n  {cause}\nhint: {hint}\n"
    assert result.status == 6


def test_no_network_is_told_in_three_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    begun = time.monotonic()
    result = run_oss("pull", NAME)
    assert time.monotonic() - begun < 3.5
    assert result == Result(
        "",
        f"error: {endpoint} cannot be reached\n"
        "  no connection: [Errno 111] Connection refused\n"
        "  what is downloaded already works without a network: oss list\n"
        "hint: check the network, then: oss pull org/model-GGUF\n",
        6,
    )


@pytest.mark.parametrize(
    ("variable", "switch"),
    [("OSS_OFFLINE", "the setting offline (--offline, OSS_OFFLINE)"), ("HF_HUB_OFFLINE", "HF_HUB_OFFLINE")],
)
def test_offline_nothing_is_asked(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, variable: str, switch: str) -> None:
    monkeypatch.setenv(variable, "1")
    assert run_oss("pull", NAME) == Result(
        "",
        "error: org/model-GGUF is not on this computer\n"
        f"  {switch} forbids the network\n"
        "hint: allow the network, then: oss pull org/model-GGUF\n",
        4,
    )
    assert not hub.requests


def test_a_quantisation_that_is_not_there(hub: FakeHub) -> None:
    repository = hub.add_repository(NAME)
    repository.add("model-Q4_K_M.gguf", noise(2000))
    repository.add("model-Q8_0.gguf", noise(4000))
    assert run_oss("pull", f"{NAME}:Q3_K_S") == Result(
        "",
        "error: org/model-GGUF has no 'Q3_K_S'\n"
        "  it has Q4_K_M (2 kB), Q8_0 (4 kB)\n"
        "hint: oss pull org/model-GGUF:Q4_K_M\n",
        6,
    )


def test_a_repository_without_a_gguf(hub: FakeHub) -> None:
    hub.add_repository("org/model").add("model.safetensors", noise(2000))
    assert run_oss("pull", "org/model") == Result(
        "",
        "error: org/model has no model that could be run\n"
        "  it holds no GGUF file; other formats cannot be run\n"
        "hint: look for a repository whose name ends in -GGUF\n",
        6,
    )


def test_a_mistyped_name() -> None:
    assert run_oss("pull", "gpt-oss-20") == Result(
        "",
        "error: no model is called 'gpt-oss-20'\n"
        "  nearest names: gpt-oss-20b, gpt-oss-120b\n"
        "hint: oss list, or oss pull ORGANISATION/REPOSITORY\n",
        3,
    )


def test_a_window_that_is_no_number(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(1000))
    monkeypatch.setenv("OSS_DOWNLOAD_WINDOW_MIB", "much")
    result = run_oss("pull", NAME)
    assert error_of(result) == (
        "error: OSS_DOWNLOAD_WINDOW_MIB cannot be 'much'\n  it must be a whole number from 1 to 65536\n"
    )
    assert result.status == 9


def test_a_disk_that_is_too_small_for_all_files_is_told_before_the_first_byte(hub: FakeHub, tmp_path: Path) -> None:
    repository = hub.add_repository(NAME)
    repository.add("model-Q8_0-00001-of-00002.gguf", noise(1000))
    known = StoredFile("model-Q8_0-00002-of-00002.gguf", Path("/dev/null"), 10**15, "a" * 64, is_large=True)
    repository.add_known(known)
    result = run_oss("pull", NAME, "--yes")
    first, cause, hint = error_of(result).splitlines()
    assert first == "error: the disk is too small for this download"
    assert cause.startswith("  1000000.0 GB are still to come, ")
    assert cause.endswith(f" are free in {tmp_path}/hugging-face/hub")
    assert hint == (
        "hint: free some space, or take another disk: oss config set hub_cache FOLDER, then: "
        "oss pull org/model-GGUF:Q8_0"
    )
    assert result.status == 6
    assert hub.sent_bytes <= 1000  # the header


def test_a_cache_that_cannot_be_made(hub: FakeHub, tmp_path: Path) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(1000))
    (tmp_path / "hugging-face").write_text("a file where a folder should be")
    result = run_oss("pull", NAME)
    folder = f"{tmp_path}/hugging-face/hub"
    assert error_of(result) == (
        f"error: {folder} cannot be written to\n"
        f"  Not a directory: {folder}/models--org--model-GGUF/blobs\n"
        "hint: take a folder of your own: oss config set hub_cache FOLDER, then: oss pull org/model-GGUF:Q8_0\n"
    )
    assert result.status == 6
