"""How each error looks."""

import pytest

from oss_cli import errors
from oss_cli.errors import (
    AccessRefused,
    BadCatalogue,
    BadModelFile,
    BadSettings,
    BadTemplate,
    BadUsage,
    CacheClosed,
    CacheNotReadable,
    CacheNotWritable,
    CannotWrite,
    ClosedPipe,
    ContextFull,
    ContextTooLong,
    DiskTooSmall,
    DoesNotFit,
    DownloadFailed,
    DownloadStopped,
    EngineFailed,
    ExitCode,
    HistoryUnusable,
    HolderFailed,
    HolderLost,
    HubBroken,
    HubUnreachable,
    ModelTooLarge,
    NotDownloaded,
    NotOffered,
    NotVerified,
    OssError,
    OutputFailed,
    PromptTooLong,
    ReplyBroken,
    ReplyCutOff,
    ReplyNotValid,
    RequestRefused,
    ServerBusy,
    ServerDenied,
    ServerFailed,
    ServerUnreachable,
    SizeLimitReached,
    UnknownConversation,
    UnknownModel,
    UnknownServer,
    UnknownTemplate,
    UnsafeFolder,
    WrongBytes,
)
from oss_cli.terminal.errors import show_bug, show_error
from tests.terminal.streams import Kind, Output

LOOKS: list[tuple[OssError, int, str]] = [
    (OssError("it failed"), 1, "error: it failed\n"),
    (
        BadUsage("the prompt is empty", cause="it has 0 characters", hint='oss run "hi"'),
        2,
        'error: the prompt is empty\n  it has 0 characters\nhint: oss run "hi"\n',
    ),
    (UnknownTemplate("sumary"), 2, "error: no template is called 'sumary'\nhint: oss template list\n"),
    (
        UnknownTemplate("sumary", nearest=("summary",)),
        2,
        "error: no template is called 'sumary'\n  nearest names: summary\nhint: oss template list\n",
    ),
    (
        UnknownServer("gpi", nearest=("gpu",), hint="--server gpu"),
        2,
        "error: no server is called 'gpi'\n  nearest names: gpu\nhint: --server gpu\n",
    ),
    (UnknownConversation("7k"), 2, "error: no conversation is '7k'\nhint: oss history list\n"),
    (
        UnknownConversation("7k", candidates=("7k3  Sky", "7k4  Sea")),
        2,
        "error: several conversations begin with '7k'\n  7k3  Sky\n  7k4  Sea\nhint: oss history list\n",
    ),
    (
        HistoryUnusable("/h.sqlite3", "is damaged", cause="file is not a database", hint="mv a b"),
        9,
        "error: the history is damaged\n  /h.sqlite3: file is not a database\nhint: mv a b\n",
    ),
    (UnknownModel("frob"), 3, "error: no model is called 'frob'\nhint: oss list\n"),
    (
        UnknownModel("gtp", nearest=("gpt", "gpt-2"), hint="oss run gpt"),
        3,
        "error: no model is called 'gtp'\n  nearest names: gpt, gpt-2\nhint: oss run gpt\n",
    ),
    (
        NotDownloaded("gpt", cause="12.1 GB from the Hub", hint="oss pull gpt"),
        4,
        "error: gpt is not on this computer\n  12.1 GB from the Hub\nhint: oss pull gpt\n",
    ),
    (
        DoesNotFit("gpt does not fit on this computer", cause="needs 63.4 GB, 14.9 GB free", hint="oss chat small"),
        5,
        "error: gpt does not fit on this computer\n  needs 63.4 GB, 14.9 GB free\nhint: oss chat small\n",
    ),
    (
        PromptTooLong(prompt_tokens=5000, context_tokens=4096, trained_tokens=8192),
        5,
        "error: the prompt is longer than the context\n"
        "  the prompt takes 5,000 tokens, the context holds 4,096 (this model can hold 8,192)\n"
        "hint: give it a longer context: --ctx 8192\n",
    ),
    (
        PromptTooLong(prompt_tokens=9000, context_tokens=8192, trained_tokens=8192),
        5,
        "error: the prompt is longer than the context\n"
        "  the prompt takes 9,000 tokens, the context holds 8,192\n"
        "hint: shorten the prompt, or choose a model with a longer context: oss list\n",
    ),
    (
        ModelTooLarge("gpt", needs="63.7 GB", has="14.9 GB", hint="oss pull gpt-20b"),
        5,
        "error: gpt does not fit on this computer\n  needs 63.7 GB\n  there is 14.9 GB\n"
        "  to try it all the same, and slowly: --gpu-layers 0\nhint: oss pull gpt-20b\n",
    ),
    (
        ContextFull(prompt_tokens=4000, reply_tokens=1024, context_tokens=4096, may_shorten=True),
        5,
        "error: the conversation has outgrown the context\n"
        "  with this message it takes 4,000 tokens, and a reply some 1,024\n"
        "  the context holds 4,096\n"
        "hint: /compact, /set overflow drop, or /new; of oss run: --overflow drop, or compact\n",
    ),
    (
        ContextTooLong(context_tokens=9000, trained_tokens=8192),
        5,
        "error: the context is larger than the model's\n"
        "  9,000 tokens were asked for, it was trained for 8,192\nhint: --ctx 8192\n",
    ),
    (DownloadFailed("m.gguf is not the right file"), 6, "error: m.gguf is not the right file\n"),
    (
        HubUnreachable("https://hub", "connection refused", again="oss pull gpt"),
        6,
        "error: https://hub cannot be reached\n  connection refused\n"
        "  what is downloaded already works without a network: oss list\nhint: check the network, then: oss pull gpt\n",
    ),
    (
        HubBroken("https://hub", "it answered 429", again="oss pull gpt", wait_s=30),
        6,
        "error: https://hub cannot serve us now\n  it answered 429\nhint: try again in 30 s: oss pull gpt\n",
    ),
    (AccessRefused("org/repo is gated", hint="hf auth login"), 6, "error: org/repo is gated\nhint: hf auth login\n"),
    (NotOffered("org/repo has no Q9"), 6, "error: org/repo has no Q9\n"),
    (
        DownloadStopped("m.gguf", "no byte for 120 s", kept_bytes=10**9, total_bytes=2 * 10**9, again="oss pull gpt"),
        6,
        "error: the download of m.gguf stopped\n  no byte for 120 s\n  1.0 GB of 2.0 GB are kept\n"
        "hint: to go on from there: oss pull gpt\n",
    ),
    (
        WrongBytes("m.gguf", expected="aa", found="bb", again="oss pull gpt"),
        6,
        "error: m.gguf arrived damaged\n  its SHA-256 should be aa\n"
        "  but what came twice has bb; it was thrown away\nhint: try another network or mirror, then: oss pull gpt\n",
    ),
    (
        DiskTooSmall("cache", needed_bytes=2 * 10**9, free_bytes=10**9, again="oss pull gpt"),
        6,
        "error: the disk is too small for this download\n  2.0 GB are still to come, 1.0 GB are free in cache\n"
        "hint: free some space, or take another disk: oss config set hub_cache FOLDER, then: oss pull gpt\n",
    ),
    (
        SizeLimitReached(
            "a.gguf", "your quota is used up", kept_bytes=10**9, total_bytes=3 * 10**9, again="oss pull a"
        ),
        6,
        "error: a.gguf may not grow beyond 1.0 GB\n  your quota is used up\n  1.0 GB of 3.0 GB are kept\n"
        "hint: lift it, or take another disk: oss config set hub_cache FOLDER, then: oss pull a\n",
    ),
    (
        CacheClosed("hub", "Permission denied", command="sudo chown -R me hub", again="oss pull a"),
        6,
        "error: hub cannot be read\n  Permission denied\nhint: sudo chown -R me hub && oss pull a\n",
    ),
    (
        CacheNotReadable("a.incomplete", "Input/output error", again="oss pull a"),
        6,
        "error: a.incomplete cannot be read\n  Input/output error; what has come is kept\n"
        "hint: check the disk, then: oss pull a\n",
    ),
    (
        CacheNotWritable("cache", "Permission denied", again="oss pull gpt"),
        6,
        "error: cache cannot be written to\n  Permission denied\n"
        "hint: take a folder of your own: oss config set hub_cache FOLDER, then: oss pull gpt\n",
    ),
    (
        HolderFailed("gpt", "it ended before the model was loaded"),
        7,
        "error: gpt cannot be kept in memory\n  it ended before the model was loaded\nhint: oss doctor\n",
    ),
    (
        HolderLost("gpt", "its connection broke off"),
        7,
        "error: the process that keeps gpt in memory ended in the middle of the reply\n  its connection broke off\n"
        "hint: give the command again: the model is loaded anew\n",
    ),
    (
        ServerUnreachable("http://gpu cannot be reached", cause="refused"),
        8,
        "error: http://gpu cannot be reached\n  refused\n",
    ),
    (ServerDenied("http://gpu wants a key"), 8, "error: http://gpu wants a key\n"),
    (ServerBusy("http://gpu is busy"), 8, "error: http://gpu is busy\n"),
    (RequestRefused("http://gpu refuses"), 8, "error: http://gpu refuses\n"),
    (ReplyBroken("the reply broke off"), 8, "error: the reply broke off\n"),
    (
        UnsafeFolder("/run/holders", "others may write there", hint="chmod 700 /run/holders"),
        9,
        "error: /run/holders is not safe to use\n  others may write there\nhint: chmod 700 /run/holders\n",
    ),
    (
        NotVerified(("m.gguf: 4 bytes too few",), checked_files=2, hint="oss pull gpt"),
        6,
        "error: 1 of 2 files is not what it should be\n  m.gguf: 4 bytes too few\nhint: oss pull gpt\n",
    ),
    (
        EngineFailed("llama.cpp could not load m.gguf", cause="line one\nline two\n"),
        7,
        "error: llama.cpp could not load m.gguf\n  line one\n  line two\n",
    ),
    (
        BadModelFile("m.gguf", "is cut short", cause="it needs 9 bytes, and has 4", hint="oss list"),
        7,
        "error: m.gguf is cut short\n  it needs 9 bytes, and has 4\nhint: oss list\n",
    ),
    (ServerFailed("no answer", cause="connection refused"), 8, "error: no answer\n  connection refused\n"),
    (BadSettings("OSS_CTX cannot be used"), 9, "error: OSS_CTX cannot be used\n"),
    (
        BadCatalogue("models.toml", entry="gpt", field="bytes", problem="missing"),
        9,
        "error: models.toml cannot be read\n  gpt: bytes: missing\n",
    ),
    (
        BadTemplate("sky.toml", "prompt: is missing", name="sky"),
        9,
        "error: sky.toml cannot be used\n  prompt: is missing\nhint: oss template edit sky\n",
    ),
    (
        BadCatalogue("models.toml", entry="", field="", problem="it is no TOML"),
        9,
        "error: models.toml cannot be read\n  it is no TOML\n",
    ),
    (
        CannotWrite("config.toml", PermissionError(13, "Permission denied")),
        9,
        "error: config.toml cannot be written\n  Permission denied\n",
    ),
    (ReplyNotValid("the reply is no JSON"), 10, "error: the reply is no JSON\n"),
    (ReplyCutOff("the reply was cut off", hint="--ctx 1"), 11, "error: the reply was cut off\nhint: --ctx 1\n"),
    (
        OutputFailed("No space left on device"),
        2,
        "error: the output cannot be written\n  No space left on device\n",
    ),
    (ClosedPipe(), 141, "error: the output is closed\n"),  # nobody is there to see it
]


def look(error: OssError, kind: Kind) -> str:
    output = Output(kind)
    show_error(error, output.stream)
    return output.text


@pytest.mark.parametrize(("error", "status", "text"), LOOKS, ids=lambda value: type(value).__name__)
def test_an_error_is_what_failed_its_cause_and_the_next_command(error: OssError, status: int, text: str) -> None:
    assert (look(error, Kind.PIPE), look(error, Kind.PLAIN), error.exit_code) == (text, text, status)


def test_every_error_has_its_look_here() -> None:
    ours = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, OssError)}
    assert {type(error) for error, _, _ in LOOKS} == ours


def test_every_error_and_its_exit_code_stands_in_the_tree() -> None:
    drawn = [line.strip("│├└─ ").split()[:2] for line in (errors.__doc__ or "").splitlines() if "─" in line]
    assert dict(drawn) == {type(error).__name__: str(status) for error, status, _ in LOOKS[1:]}


def test_in_colour_the_two_words_stand_out() -> None:
    error = BadUsage("it failed", cause="why", hint="oss list")
    assert look(error, Kind.COLOUR) == ("\x1b[1;31merror:\x1b[0m it failed\n  why\n\x1b[1mhint:\x1b[0m oss list\n")


def test_an_error_cannot_drive_the_terminal() -> None:
    error = BadUsage("\x1b[2J", cause="\x9b1m", hint="\x07")
    assert look(error, Kind.PLAIN) == "error: ␛[2J\n  <9B>1m\nhint: ␇\n"


def test_a_bug_of_ours_is_one_line_with_the_place_of_its_details() -> None:
    output = Output(Kind.PIPE)
    show_bug("KeyError: 'x'", "oss.log", output.stream)
    assert output.text == "error: this is a bug in oss: KeyError: 'x' (the details are in oss.log)\n"


def test_exit_statuses_are_part_of_the_interface() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "DONE": 0,
        "BUG": 1,
        "USAGE": 2,
        "UNKNOWN_MODEL": 3,
        "NOT_DOWNLOADED": 4,
        "DOES_NOT_FIT": 5,
        "DOWNLOAD_FAILED": 6,
        "ENGINE": 7,
        "SERVER": 8,
        "SETTINGS": 9,
        "REPLY_NOT_VALID": 10,
        "REPLY_CUT_OFF": 11,
        "SOME_FAILED": 12,
        "HUNG_UP": 129,
        "INTERRUPTED": 130,
        "CLOSED_PIPE": 141,
        "TERMINATED": 143,
    }
