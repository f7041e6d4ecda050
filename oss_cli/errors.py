"""Everything that can go wrong in a way that the user can act on, and the exit code of each.

OssError
├── BadUsage             2  the command line, the standard input or a file given cannot be used like this
│   ├── UnknownTemplate  2  no saved prompt has that name, and the nearest names
│   ├── UnknownServer    2  config.toml has no server of that name, and the nearest names
│   └── UnknownConversation 2  no conversation has that id, or several begin like it
├── UnknownModel         3  no model of that name, and the nearest names
├── NotDownloaded        4  a known model that is not on this computer
├── DoesNotFit           5
│   ├── ModelTooLarge    5  more memory than there is, and what to run instead
│   ├── ContextTooLong   5  more tokens than the model was trained for
│   ├── ContextFull      5  the conversation has outgrown the context
│   └── PromptTooLong    5  more tokens than the context holds
├── DownloadFailed       6
│   ├── HubUnreachable   6  no network, or nobody answers at the endpoint
│   ├── HubBroken        6  the endpoint answers, but not as a Hub should; it is overloaded
│   ├── AccessRefused    6  a gated, private or missing repository, or a token that is not valid
│   ├── NotOffered       6  the repository has no such file
│   ├── DownloadStopped  6  bytes stopped coming; those that came are kept
│   ├── WrongBytes       6  what came is not what was promised
│   ├── DiskTooSmall     6  no room for all of it
│   ├── SizeLimitReached 6  a limit on the size of files, or a quota
│   ├── CacheNotWritable 6  the cache's folder does not let us write
│   ├── CacheNotReadable 6  the disk does not give back what was written to it
│   ├── CacheClosed      6  a folder or file of the cache that we may not read
│   └── NotVerified      6  files on this disk that are not what they should be
├── EngineFailed         7  llama.cpp could not do it; its last log lines are the cause
│   ├── BadModelFile     7  the file is missing, cut short or not a GGUF
│   ├── HolderFailed     7  no process could be started that keeps the model in memory
│   └── HolderLost       7  the process that kept it ended in the middle of a reply
├── ServerFailed         8  a model server elsewhere
│   ├── ServerUnreachable 8  nobody answers there, or its certificate is not trusted
│   ├── ServerDenied      8  it wants a key, or another one
│   ├── ServerBusy        8  it has no time for us, and our patience has ended
│   ├── RequestRefused    8  it does not take a request like this one
│   └── ReplyBroken       8  a reply broke off on its way; what had come of it stands
├── BadSettings          9  config.toml or an OSS_ variable
│   ├── BadCatalogue     9  a models.toml: the entry and the field
│   ├── BadTemplate      9  a saved prompt that cannot be used
│   ├── UnsafeFolder     9  a folder that must be ours alone and is not
│   └── CannotWrite      9  a file or folder of the user's own that cannot be written or removed
├── HistoryUnusable      9  the database of conversations is damaged, newer than we are, locked, or out of our reach
├── ReplyNotValid       10
├── ReplyCutOff         11  the reply ended before an answer began
├── OutputFailed         2  a full disk, or standard output is closed
└── ClosedPipe         141  nobody reads what we write any more; ends the program without a word

An error takes facts and writes three parts from them: what failed, the cause with its numbers, and the next command to
type. It knows nothing of terminals: `terminal/errors.py` shows it, `__main__` turns it into an exit status.
"""

import os
import shlex
from enum import IntEnum
from pathlib import Path
from typing import ClassVar

_MOVE = "oss config set hub_cache FOLDER"


class ExitCode(IntEnum):
    """The exit statuses of `oss`; they are part of its interface."""

    DONE = 0
    BUG = 1
    USAGE = 2
    UNKNOWN_MODEL = 3
    NOT_DOWNLOADED = 4
    DOES_NOT_FIT = 5
    DOWNLOAD_FAILED = 6
    ENGINE = 7
    SERVER = 8
    SETTINGS = 9
    REPLY_NOT_VALID = 10
    REPLY_CUT_OFF = 11
    SOME_FAILED = 12
    """Of many requests (`oss batch`) not all have an answer; no error of ours: each record says why."""
    # 128 + the signal's number, as shells report it.
    HUNG_UP = 129
    INTERRUPTED = 130
    CLOSED_PIPE = 141
    TERMINATED = 143


class OssError(Exception):
    """A situation the user can act on: what failed, why, and what to type next."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        """The facts, with numbers; may have several lines; empty when the message says it all."""
        self.hint = hint
        """The next command to type, complete; empty when there is none."""


class BadUsage(OssError):
    """What was asked for cannot be done in this form."""

    exit_code = ExitCode.USAGE


class UnknownConversation(BadUsage):
    """No conversation has that id, or several have ids that begin like it."""

    def __init__(self, id_text: str, *, candidates: tuple[str, ...] = ()) -> None:
        message = f"several conversations begin with {id_text!r}" if candidates else f"no conversation is {id_text!r}"
        super().__init__(message, cause="\n".join(candidates), hint="oss history list")
        self.candidates = candidates


class UnknownTemplate(BadUsage):
    """No saved prompt has that name."""

    def __init__(self, name: str, *, nearest: tuple[str, ...] = ()) -> None:
        cause = f"nearest names: {', '.join(nearest)}" if nearest else ""
        super().__init__(f"no template is called {name!r}", cause=cause, hint="oss template list")
        self.name = name


class UnknownServer(BadUsage):
    """config.toml has no server of that name."""

    def __init__(self, name: str, *, nearest: tuple[str, ...] = (), hint: str) -> None:
        cause = f"nearest names: {', '.join(nearest)}" if nearest else "config.toml names none"
        super().__init__(f"no server is called {name!r}", cause=cause, hint=hint)
        self.name = name


class UnknownModel(OssError):
    """Nothing is known under that name."""

    exit_code = ExitCode.UNKNOWN_MODEL

    def __init__(self, name: str, *, nearest: tuple[str, ...] = (), hint: str = "oss list") -> None:
        cause = f"nearest names: {', '.join(nearest)}" if nearest else ""
        super().__init__(f"no model is called {name!r}", cause=cause, hint=hint)
        self.name = name
        self.nearest = nearest


class NotDownloaded(OssError):
    """A known model whose files are not on this computer."""

    exit_code = ExitCode.NOT_DOWNLOADED

    def __init__(self, name: str, *, cause: str, hint: str) -> None:
        super().__init__(f"{name} is not on this computer", cause=cause, hint=hint)
        self.name = name


class DoesNotFit(OssError):
    """This computer lacks the memory, or the model lacks the context."""

    exit_code = ExitCode.DOES_NOT_FIT


class ModelTooLarge(DoesNotFit):
    """The model needs more memory than this computer has."""

    def __init__(self, name: str, *, needs: str, has: str, hint: str) -> None:
        cause = f"needs {needs}\nthere is {has}\nto try it all the same, and slowly: --gpu-layers 0"
        super().__init__(f"{name} does not fit on this computer", cause=cause, hint=hint)
        self.name = name


class ContextTooLong(DoesNotFit):
    """A context was asked for that is longer than what the model was trained for."""

    def __init__(self, *, context_tokens: int, trained_tokens: int) -> None:
        cause = f"{context_tokens:,} tokens were asked for, it was trained for {trained_tokens:,}"
        super().__init__("the context is larger than the model's", cause=cause, hint=f"--ctx {trained_tokens}")


class PromptTooLong(DoesNotFit):
    """The prompt needs more tokens than the context holds."""

    def __init__(self, *, prompt_tokens: int, context_tokens: int, trained_tokens: int) -> None:
        cause = f"the prompt takes {prompt_tokens:,} tokens, the context holds {context_tokens:,}"
        hint = "shorten the prompt, or choose a model with a longer context: oss list"
        if prompt_tokens < trained_tokens and context_tokens < trained_tokens:
            cause += f" (this model can hold {trained_tokens:,})"
            hint = f"give it a longer context: --ctx {min(trained_tokens, _next_power_of_two(prompt_tokens + 1024))}"
        super().__init__("the prompt is longer than the context", cause=cause, hint=hint)
        self.prompt_tokens = prompt_tokens
        self.context_tokens = context_tokens


class ContextFull(DoesNotFit):
    """A conversation whose next turn does not fit any more."""

    def __init__(self, *, prompt_tokens: int, reply_tokens: int, context_tokens: int, may_shorten: bool) -> None:
        """may_shorten: whether leaving out earlier turns would help."""
        cause = (
            f"with this message it takes {prompt_tokens:,} tokens, and a reply some {reply_tokens:,}\n"
            f"the context holds {context_tokens:,}"
        )
        hint = "/compact, /set overflow drop, or /new; of oss run: --overflow drop, or compact"
        if not may_shorten:
            hint = "shorten the message, or begin with a longer context: --ctx N"
        super().__init__("the conversation has outgrown the context", cause=cause, hint=hint)


class DownloadFailed(OssError):
    """Bytes could not be fetched or are not the right ones."""

    exit_code = ExitCode.DOWNLOAD_FAILED


class HubUnreachable(DownloadFailed):
    """Nobody answers where the Hub should be."""

    def __init__(self, endpoint: str, reason: str, *, again: str) -> None:
        cause = f"{reason}\nwhat is downloaded already works without a network: oss list"
        super().__init__(f"{endpoint} cannot be reached", cause=cause, hint=f"check the network, then: {again}")


class HubBroken(DownloadFailed):
    """The Hub, or the mirror that stands for it, answers but does not do its work."""

    def __init__(self, endpoint: str, reason: str, *, again: str, wait_s: float | None = None) -> None:
        when = f"in {wait_s:.0f} s" if wait_s else "later"
        super().__init__(f"{endpoint} cannot serve us now", cause=reason, hint=f"try again {when}: {again}")


class AccessRefused(DownloadFailed):
    """The repository is not for us, or not there: the Hub does not always say which."""


class NotOffered(DownloadFailed):
    """The repository holds no such file."""


class DownloadStopped(DownloadFailed):
    """No more bytes come; those that came are kept."""

    def __init__(self, name: str, reason: str, *, kept_bytes: int, total_bytes: int, again: str) -> None:
        cause = f"{reason}\n{format_bytes(kept_bytes)} of {format_bytes(total_bytes)} are kept"
        super().__init__(f"the download of {name} stopped", cause=cause, hint=f"to go on from there: {again}")


class WrongBytes(DownloadFailed):
    """What came is not the file that was promised; it was thrown away."""

    def __init__(self, name: str, *, expected: str, found: str, again: str) -> None:
        cause = f"its SHA-256 should be {expected}\nbut what came twice has {found}; it was thrown away"
        super().__init__(f"{name} arrived damaged", cause=cause, hint=f"try another network or mirror, then: {again}")


class DiskTooSmall(DownloadFailed):
    """The disk has no room for what is still to come. move: how to take another place."""

    def __init__(
        self, folder: Path | str, *, needed_bytes: int, free_bytes: int, again: str, move: str = _MOVE
    ) -> None:
        cause = f"{format_bytes(needed_bytes)} are still to come, {format_bytes(free_bytes)} are free in {folder}"
        hint = f"free some space, or take another disk: {move}, then: {again}"
        super().__init__("the disk is too small for this download", cause=cause, hint=hint)
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes


class SizeLimitReached(DownloadFailed):
    """A limit on the size of files, or a quota, is reached on a disk that has room; what has come is kept."""

    def __init__(
        self, name: str, limit: str, *, kept_bytes: int, total_bytes: int, again: str, move: str = _MOVE
    ) -> None:
        kept = format_bytes(kept_bytes)
        cause = f"{limit}\n{kept} of {format_bytes(total_bytes)} are kept"
        super().__init__(
            f"{name} may not grow beyond {kept}",
            cause=cause,
            hint=f"lift it, or take another disk: {move}, then: {again}",
        )


class NotVerified(DownloadFailed):
    """Model files on this disk whose bytes are not the ones that were published."""

    def __init__(self, problems: tuple[str, ...], *, checked_files: int, hint: str) -> None:
        count = f"{len(problems)} of {checked_files} files" if checked_files != 1 else "the file"
        verb = "are not what they should be" if len(problems) > 1 else "is not what it should be"
        super().__init__(f"{count} {verb}", cause="\n".join(problems), hint=hint)
        self.problems = problems


class CacheNotWritable(DownloadFailed):
    """The cache's folder, or its disk, does not let us write. move: how to take another place."""

    def __init__(self, folder: Path | str, reason: str, *, again: str, move: str = _MOVE) -> None:
        super().__init__(
            f"{folder} cannot be written to", cause=reason, hint=f"take a folder of your own: {move}, then: {again}"
        )


class CacheNotReadable(DownloadFailed):
    """The disk does not give back what was written to it; nothing was removed."""

    def __init__(self, path: Path | str, reason: str, *, again: str) -> None:
        cause = f"{reason}; what has come is kept"
        super().__init__(f"{path} cannot be read", cause=cause, hint=f"check the disk, then: {again}")


class CacheClosed(DownloadFailed):
    """A folder or file of the cache that we may not read: nobody can tell what is in it already."""

    def __init__(self, path: Path | str, reason: str, *, command: str, again: str) -> None:
        super().__init__(f"{path} cannot be read", cause=reason, hint=f"{command} && {again}")


class EngineFailed(OssError):
    """llama.cpp could not load the model or evaluate a prompt."""

    exit_code = ExitCode.ENGINE


class BadModelFile(EngineFailed):
    """A model file that is missing, cut short, or not a GGUF at all."""

    def __init__(self, path: Path | str, problem: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(f"{path} {problem}", cause=cause, hint=hint)
        self.path = path


class HolderFailed(EngineFailed):
    """No process could be started that keeps a model in memory."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} cannot be kept in memory", cause=reason, hint="oss doctor")


class HolderLost(EngineFailed):
    """The process that keeps a model in memory ended in the middle of a reply; what had come of it stands."""

    def __init__(self, name: str, reason: str) -> None:
        message = f"the process that keeps {name} in memory ended in the middle of the reply"
        super().__init__(message, cause=reason, hint="give the command again: the model is loaded anew")


class ServerFailed(OssError):
    """A model server elsewhere does not do what it should."""

    exit_code = ExitCode.SERVER


class ServerUnreachable(ServerFailed):
    """Nobody answers where a server should be."""


class ServerDenied(ServerFailed):
    """The server wants a key, or another one."""


class ServerBusy(ServerFailed):
    """The server has no time for us, for longer than we are patient."""


class RequestRefused(ServerFailed):
    """The server answers, but does not take a request like this one."""


class ReplyBroken(ServerFailed):
    """A reply broke off on its way to us; what had come of it stands."""


class BadSettings(OssError):
    """config.toml or an OSS_ variable holds a value that cannot be used."""

    exit_code = ExitCode.SETTINGS


class BadCatalogue(BadSettings):
    """A models.toml holds something it may not; names the entry and the field."""

    def __init__(self, path: Path | str, *, entry: str, field: str, problem: str) -> None:
        where = ": ".join(part for part in (entry, field) if part)
        super().__init__(f"{path} cannot be read", cause=f"{where}: {problem}" if where else problem, hint="")
        self.entry = entry
        self.field = field


class BadTemplate(BadSettings):
    """The file of a saved prompt holds something that cannot be used."""

    def __init__(self, path: Path | str, problem: str, *, name: str) -> None:
        super().__init__(f"{path} cannot be used", cause=problem, hint=f"oss template edit {name}")
        self.path = path


class UnsafeFolder(BadSettings):
    """A folder that must be this user's alone, and is not."""

    def __init__(self, path: Path | str, problem: str, *, hint: str) -> None:
        super().__init__(f"{path} is not safe to use", cause=problem, hint=hint)
        self.path = path


class CannotWrite(BadSettings):
    """A file or folder on this computer that cannot be written or removed."""

    def __init__(self, path: Path | str, error: OSError, *, verb: str = "written") -> None:
        super().__init__(f"{path} cannot be {verb}", cause=error.strerror or str(error))
        self.path = path


class HistoryUnusable(OssError):
    """The database of conversations cannot be used; its file stays as it is."""

    exit_code = ExitCode.SETTINGS

    def __init__(self, path: Path | str, problem: str, *, cause: str, hint: str = "") -> None:
        super().__init__(f"the history {problem}", cause=f"{path}: {cause}", hint=hint)
        self.path = path


class ReplyNotValid(OssError):
    """The reply does not have the form that was asked for."""

    exit_code = ExitCode.REPLY_NOT_VALID


class ReplyCutOff(OssError):
    """The reply ended before an answer began."""

    exit_code = ExitCode.REPLY_CUT_OFF


class OutputFailed(OssError):
    """What we write cannot be written: a full disk, a closed stream."""

    exit_code = ExitCode.USAGE

    def __init__(self, cause: str) -> None:
        super().__init__("the output cannot be written", cause=cause)


class ClosedPipe(OssError):
    """Nobody reads what we write any more, as after `| head -1`: end quietly, like any filter."""

    exit_code = ExitCode.CLOSED_PIPE

    def __init__(self) -> None:
        super().__init__("the output is closed")


def quoted(text: object) -> str:
    """A word of a command to be typed: in quotes where the shell would take it for something else."""
    word = str(text)
    if os.name != "nt":
        return shlex.quote(word)
    return f'"{word}"' if not word or set(word) & set(" &()^;,=%!'`") else word


def format_bytes(number: int) -> str:
    """An amount of bytes for people: 12.1 GB, 640 MB, 12 kB."""
    if number >= 10**9:
        return f"{number / 1e9:.1f} GB"
    return f"{number / 1e6:.0f} MB" if number >= 10**6 else f"{number / 1e3:.0f} kB"


def _next_power_of_two(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()
