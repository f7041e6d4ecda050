"""Every way in which `oss pull` fails, by its whole text."""

import resource
import socket
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from tests.cli.pulling import NAME, error_of
from tests.fakes.fake_hub import GOOD_TOKEN, TOKEN_WITHOUT_ACCESS, FakeHub, Fault, StoredFile
from tests.harness import Result, run_oss
from tests.store.noise import MIB, noise

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
    "503 for ever": (
        [Fault("status", code=503)], None,
        "error: {endpoint} cannot serve us now\n"
        "  HTTP 503, four times in a row\n"
        "hint: try again later: oss pull org/model-GGUF\n",
    ),
    "a token that is not valid": (
        [], "hf_mistyped",
        "(your Hugging Face token is not valid: going on without it (hf auth login replaces it))\n"
        "error: org/model-GGUF is not on {endpoint}\n"
        "  HTTP 401: it does not exist, or it is private\n"
        "hint: check its name at {endpoint}/org/model-GGUF; if it is private: "
        "hf auth login && oss pull org/model-GGUF\n",
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


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (
            None,
            "error: org/model-GGUF is not on {endpoint}\n"
            "  HTTP 401: it does not exist, or it is private\n"
            "hint: check its name at {endpoint}/org/model-GGUF; if it is private: "
            "hf auth login && oss pull org/model-GGUF\n",
        ),
        (
            TOKEN_WITHOUT_ACCESS,
            "error: org/model-GGUF is not on {endpoint}\n"
            "  HTTP 404: it does not exist, or your token may not see it\n"
            "hint: check its name at {endpoint}/org/model-GGUF\n",
        ),
    ],
)
def test_a_private_repository(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, token: str | None, text: str) -> None:
    hub.add_repository(NAME, is_private=True).add("model-Q8_0.gguf", noise(1000))
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    assert run_oss("pull", NAME) == Result("", text.format(endpoint=hub.endpoint), 6)


# The first request is for the header.
STOPS = {
    "rate limit": (
        "file", Fault("status", skip=1, code=429, headers={"Retry-After": "3600"}),
        "HTTP 429; the server asks us to wait 3600 s",
    ),
    "503 for ever": (
        "file", Fault("status", skip=1, code=503),
        "no byte came for 1 s; the last answer was: HTTP 503",
    ),
    "a hub that signs no address": (
        "sign", Fault("status", skip=1, code=503),
        "no byte came for 1 s; the last answer was: the Hub answered 503",
    ),
    "stall": (
        "file", Fault("stall", skip=1, seconds=60),
        "no byte came for 1 s; the last answer was: the connection is open, but nothing comes",
    ),
    "a copy that is too short": (
        "file", Fault("short", skip=1, after=5),
        "the server's copy has 1,048,571 bytes, the Hub says 1,048,576",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STOPS)
def test_a_download_that_stops(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("OSS_DOWNLOAD_PATIENCE_S", "1")
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(MIB))
    part, fault, cause = STOPS[name]
    hub.add_fault(part, replace(fault))
    result = run_oss("pull", NAME)
    assert (result.stdout, error_of(result), result.status) == (
        "",
        "error: the download of model-Q8_0.gguf stopped\n"
        f"  {cause}\n"
        "  0 kB of 1 MB are kept\n"
        "hint: to go on from there: oss pull org/model-GGUF:Q8_0\n",
        6,
    )


@pytest.mark.parametrize("wait_s", ["1", "200"])
def test_a_header_that_does_not_come_holds_nobody_up(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, wait_s: str
) -> None:
    monkeypatch.setenv("OSS_DOWNLOAD_PATIENCE_S", "2")
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(MIB))
    hub.add_fault("file", Fault("status", code=503, headers={"Retry-After": wait_s}))
    result = run_oss("pull", NAME, "--dry-run")
    assert result.status == 0
    assert "  nobody can tell whether it fits: its weights take 1 MB, there is " in result.stderr
    assert run_oss("show", NAME).status == 0


def test_bytes_that_are_wrong_twice(hub: FakeHub, tmp_path: Path) -> None:
    data = noise(MIB)
    file = hub.add_repository(NAME).add("model-Q8_0.gguf", data)
    hub.add_fault("file", Fault("corrupt", after=700_000))
    found = sha256(data[:700_000] + bytes([data[700_000] ^ 1]) + data[700_001:]).hexdigest()
    result = run_oss("pull", NAME)
    assert (result.stdout, result.status) == ("", 6)
    assert result.stderr[result.stderr.index("(model") :] == (
        "(model-Q8_0.gguf arrived damaged: fetching it once more)\n"
        "error: model-Q8_0.gguf arrived damaged\n"
        f"  its SHA-256 should be {file.sha256}\n"
        f"  but what came twice has {found}; it was thrown away\n"
        "hint: try another network or mirror, then: oss pull org/model-GGUF:Q8_0\n"
    )
    assert not list(tmp_path.glob("hugging-face/hub/*/blobs/*"))


def test_a_limit_on_the_size_of_files(hub: FakeHub, tmp_path: Path) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(8 * MIB))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, limits[1]))
    try:
        result = run_oss("pull", NAME)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (result.stdout, result.status) == ("", 6)
    assert error_of(result) == (
        "error: model-Q8_0.gguf may not grow beyond 5 MB\n"
        "  files may not be larger: ulimit -f, or a file system such as FAT32, whose files end at 4.3 GB\n"
        "  5 MB of 8 MB are kept\n"
        "hint: lift it, or take another disk: set HF_HOME to FOLDER, then: oss pull org/model-GGUF:Q8_0\n"
    )
    partial = next(tmp_path.glob("hugging-face/hub/*/blobs/*.incomplete"))
    assert partial.read_bytes() == noise(8 * MIB)[:5_000_000]


def test_mirrors_that_leave_the_hubs_headers_out_do_as_well(hub: FakeHub) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(1000))
    hub.add_fault("sign", Fault("bare"))
    result = run_oss("pull", NAME)
    assert (result.status, Path(result.stdout.strip()).read_bytes()) == (0, noise(1000))


def test_a_mirror_that_names_no_commit(hub: FakeHub) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(1000))
    hub.add_fault("api", Fault("headless"))
    assert run_oss("pull", NAME) == Result(
        "",
        f"error: {hub.endpoint} cannot serve us now\n"
        "  it names no commit for org/model-GGUF\n"
        "hint: try again later: oss pull org/model-GGUF\n",
        6,
    )


def test_a_file_that_went_between_the_listing_and_the_download(hub: FakeHub) -> None:
    repository = hub.add_repository(NAME)
    repository.add("model-Q8_0.gguf", noise(1000))
    commit = repository.commit
    hub.add_fault("sign", Fault("gone"))
    result = run_oss("pull", NAME)
    assert (result.stdout, error_of(result), result.status) == (
        "",
        "error: org/model-GGUF has no file model-Q8_0.gguf\n"
        f"  at commit {commit[:12]}\n"
        "hint: oss pull org/model-GGUF:Q8_0\n",
        6,
    )


@pytest.mark.parametrize(
    "address", ["http://[bad", "huggingface.co", "ftp://hub.invalid", "https://", "http://hub:99999", "http://a b"]
)
@pytest.mark.parametrize("command", [("pull", NAME), ("show", NAME)], ids=["pull", "show"])
def test_an_address_of_the_hub_that_is_none(
    monkeypatch: pytest.MonkeyPatch, address: str, command: tuple[str, str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert run_oss(*command) == Result(
        "",
        f"error: HF_ENDPOINT cannot be {address!r}\n"
        "  it must be the address of a Hub, such as https://huggingface.co\n",
        9,
    )


@pytest.mark.parametrize("address", ["http://[bad", "http://x:y/", "http://a\x01b/"])
def test_an_address_of_bytes_that_is_none(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("OSS_DOWNLOAD_PATIENCE_S", "1")
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(MIB))
    hub.add_fault("sign", Fault("misled", headers={"Location": address}))
    result = run_oss("pull", NAME)
    assert error_of(result) == (
        "error: the download of model-Q8_0.gguf stopped\n"
        "  no byte came for 1 s; the last answer was: the Hub names an address that is none\n"
        "  0 kB of 1 MB are kept\n"
        "hint: to go on from there: oss pull org/model-GGUF:Q8_0\n"
    )


def test_files_whose_names_are_no_names_are_not_offered(hub: FakeHub) -> None:
    repository = hub.add_repository(NAME)
    repository.add("model-Q4_K_M.gguf", noise(2000))
    for path in ("a\nb-Q8_0.gguf", "CON.gguf", "sub/aux.Q8_0.gguf", "sub./m-Q8_0.gguf", f"{'x' * 250}-Q8_0.gguf"):
        repository.add(path, noise(3000))
    result = run_oss("pull", NAME)
    assert (result.status, result.stdout.endswith("/model-Q4_K_M.gguf\n")) == (0, True)
    assert "OFFERS" not in result.stderr


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
    assert run_oss("pull", NAME) == Result(
        "", "error: OSS_DOWNLOAD_WINDOW_MIB cannot be 'much'\n  it must be a whole number from 1 to 65536\n", 9
    )
    assert not hub.requests


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
        "hint: free some space, or take another disk: set HF_HOME to FOLDER, then: oss pull org/model-GGUF:Q8_0"
    )
    assert result.status == 6
    assert hub.sent_bytes <= 1000  # the header


@pytest.mark.parametrize(
    ("variable", "move"),
    [
        ("HF_HUB_CACHE", "set HF_HUB_CACHE to FOLDER"),
        ("HF_HOME", "set HF_HOME to FOLDER"),
        ("XDG_CACHE_HOME", "oss config set hub_cache FOLDER"),
    ],
)
def test_the_hint_names_what_decides_the_place(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, move: str
) -> None:
    known = StoredFile("model-Q8_0.gguf", Path("/dev/null"), 10**15, "a" * 64, is_large=True)
    hub.add_repository(NAME).add_known(known)
    if variable == "XDG_CACHE_HOME":
        monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("OSS_DOWNLOAD_PATIENCE_S", "1")  # for a header that does not come
    monkeypatch.setenv(variable, str(tmp_path / "place"))
    result = run_oss("pull", NAME, "--yes")
    assert result.stderr.endswith(
        f"hint: free some space, or take another disk: {move}, then: oss pull org/model-GGUF:Q8_0\n"
    )


def test_a_cache_that_cannot_be_made(hub: FakeHub, tmp_path: Path) -> None:
    hub.add_repository(NAME).add("model-Q8_0.gguf", noise(1000))
    (tmp_path / "hugging-face").write_text("a file where a folder should be")
    result = run_oss("pull", NAME)
    folder = f"{tmp_path}/hugging-face/hub"
    assert error_of(result) == (
        f"error: {folder} cannot be written to\n"
        f"  Not a directory: {folder}/models--org--model-GGUF/blobs\n"
        "hint: take a folder of your own: set HF_HOME to FOLDER, then: oss pull org/model-GGUF:Q8_0\n"
    )
    assert result.status == 6
