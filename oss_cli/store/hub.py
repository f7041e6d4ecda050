"""The Hugging Face Hub, or a mirror: what a repository holds, where its bytes can be read.

The one module that knows huggingface_hub. It fetches no model's bytes itself: huggingface_hub 2.4 keeps nothing of an
interrupted download and checks no hash (its pull request #4306), so `transfer.py` does that.
"""

import os
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit

from oss_cli.errors import AccessRefused, DownloadFailed, HubBroken, HubUnreachable, NotOffered
from oss_cli.http import HttpTrouble, is_address, make_timeout, read_wait_s, translated_errors
from oss_cli.store.repository import Address, Listing, RemoteFile, is_commit, is_safe_path, is_sha256

# Before the library loads, which reads them once: else its first call of a day asks the Hub for a list of agents and
# tells it of torch (utils/_telemetry.py). The bytes are ours to show and to fetch.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")

from huggingface_hub import HfApi, get_hf_file_metadata, get_token, hf_hub_url  # noqa: E402 - after its environment
from huggingface_hub.errors import (  # noqa: E402
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers  # noqa: E402

DEFAULT_ENDPOINT = "https://huggingface.co"
_BAD_ADDRESS = "the Hub names an address that is none"
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAUSES_S = (1.0, 2.0, 4.0)
_LONGEST_WAIT_S = 60.0  # a server that asks for more gets a person's decision instead

Said = TypeVar("Said")


class Hub:
    """One endpoint, as one user. `again` is the command that tries anew: errors name it."""

    def __init__(
        self, endpoint: str, *, token: str | None, again: str, say: Callable[[str], None], pause_unit_s: float = 1.0
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._token = token
        self.again = again
        self.say = say
        self._pause_unit_s = pause_unit_s

    def list_files(self, repository: str, revision: str = "main") -> Listing | None:
        """All files of a repository at a revision; None if it has no such revision. One request.

        Raises:
            HubUnreachable: no network, or nobody there. Tells so after about three seconds.
            HubBroken: it is overloaded, or answers with something else.
            AccessRefused: the repository is missing, private, gated or disabled, or our token is not valid.
        """
        api = HfApi(endpoint=self.endpoint, library_name="oss")

        def ask() -> Listing:
            info = api.model_info(
                repository, revision=revision, files_metadata=True, timeout=make_timeout(10), token=self._token or False
            )
            return Listing(repository, str(info.sha), tuple(_remote_file(one) for one in info.siblings or ()))

        try:
            listing = self._ask_patiently(repository, ask)
        except RevisionNotFoundError:
            return None
        files = tuple(file for file in listing.files if is_safe_path(file.path))
        if not is_commit(listing.commit):
            raise HubBroken(self.endpoint, f"it names no commit for {repository}", again=self.again)
        return Listing(repository, listing.commit, files)

    def sign(self, repository: str, commit: str, path: str) -> Address:
        """Where a file's bytes can be read for the next hour or so. One request, not repeated.

        Raises:
            HttpTrouble: it did not work this time.
            NotOffered: the file is not there (any more).
            AccessRefused: we may not read it.
        """
        url = hf_hub_url(repository, path, revision=commit, endpoint=self.endpoint)
        try:
            with translated_errors():
                found = get_hf_file_metadata(
                    url, token=self._token or False, timeout=make_timeout(10), library_name="oss",
                    endpoint=self.endpoint,
                )  # fmt: skip
        except ValueError as error:  # of the library, out of the address that it is led to
            raise HttpTrouble(_BAD_ADDRESS) from error
        except EntryNotFoundError as error:
            raise NotOffered(
                f"{repository} has no file {path}", cause=f"at commit {commit[:12]}", hint=self.again
            ) from error
        except HfHubHTTPError as error:
            status = error.response.status_code
            if status in _PASSING:
                wait_s = read_wait_s(error.response.headers)
                raise HttpTrouble(f"the Hub answered {status}", status=status, wait_s=wait_s) from error
            if self._is_token_bad(error):
                self._forget_token()
                return self.sign(repository, commit, path)
            self._refuse(repository, error)
        if not is_address(found.location.partition("?")[0]):
            raise HttpTrouble(_BAD_ADDRESS)
        headers: dict[str, str] = build_hf_headers(token=self._token or False, library_name="oss")
        if _origin(found.location) != _origin(self.endpoint):
            headers.pop("authorization", None)  # our token is for the Hub, not for whoever keeps its files
        return Address(found.location, headers)

    def _ask_patiently(self, repository: str, ask: Callable[[], Said]) -> Said:
        pauses = iter(_PAUSES_S)
        while True:
            try:
                with translated_errors():
                    return ask()
            except HttpTrouble as trouble:
                # Once more, for a network that is just waking up; somebody waits for our answer.
                if next(pauses, None) != _PAUSES_S[0]:
                    raise HubUnreachable(self.endpoint, trouble.reason, again=self.again) from trouble
                time.sleep(0.5 * self._pause_unit_s)
            except HfHubHTTPError as error:
                if self._is_token_bad(error):
                    self._forget_token()
                elif error.response.status_code in _PASSING:
                    self._wait(error, next(pauses, None))
                else:
                    self._refuse(repository, error)
            except OfflineModeIsEnabled as error:
                raise HubUnreachable(self.endpoint, "HF_HUB_OFFLINE is set", again=self.again) from error
            except HFValidationError as error:
                raise NotOffered(f"{repository} cannot be the name of a repository", cause=str(error)) from error
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                # Out of the library's reading of JSON: a captive portal, or a mirror with an API of its own.
                reason = f"its answer about {repository} is not what the Hub's would be"
                raise HubBroken(self.endpoint, reason, again=self.again) from error

    def _wait(self, error: HfHubHTTPError, pause_s: float | None) -> None:
        status = error.response.status_code
        asked_s = read_wait_s(error.response.headers)
        if pause_s is None or (asked_s or 0) > _LONGEST_WAIT_S:
            what = "rate limit, HTTP 429" if status == 429 else f"HTTP {status}"
            reason = f"{what}, four times in a row" if pause_s is None else what
            if status == 429 and not self._token:
                reason += "; with a token the limit is higher: hf auth login"
            raise HubBroken(self.endpoint, reason, again=self.again, wait_s=asked_s) from error
        wait_s = max(asked_s or 0.0, pause_s) * self._pause_unit_s
        if asked_s:
            self.say(f"the Hub asks us to wait {asked_s:.0f} s")
        time.sleep(wait_s)

    def _is_token_bad(self, error: HfHubHTTPError) -> bool:
        is_about_it = "invalid credentials" in (error.server_message or str(error)).lower()
        return self._token is not None and error.response.status_code == 401 and is_about_it

    def _forget_token(self) -> None:
        self.say("your Hugging Face token is not valid: going on without it (hf auth login replaces it)")
        self._token = None

    def _refuse(self, repository: str, error: HfHubHTTPError) -> NoReturn:
        """Raise the error for an answer that will not change by waiting."""
        if isinstance(error, RevisionNotFoundError):
            raise error
        raise _refusal(repository, error, endpoint=self.endpoint, has_token=bool(self._token), again=self.again) from (
            error
        )


def is_endpoint(text: str) -> bool:
    """Whether a Hub could be asked at that address."""
    return is_address(text)


def find_token() -> str | None:
    """The user's token, where huggingface_hub keeps it: HF_TOKEN, then the file that `hf auth login` writes."""
    token: str | None = get_token()
    return token


def _refusal(repository: str, error: HfHubHTTPError, *, endpoint: str, has_token: bool, again: str) -> DownloadFailed:
    page = f"{endpoint}/{repository}"
    status = error.response.status_code
    if isinstance(error, GatedRepoError):  # before RepositoryNotFoundError: it is a subclass of it
        cause = "its owners want to know who you are, and that you accept their terms"
        hint = f"accept them at {page}, then: hf auth login && {again}"
        if has_token:
            cause, hint = "its owners have not given you access yet", f"ask for access at {page}, then: {again}"
        return AccessRefused(f"{repository} is gated", cause=f"HTTP {status}: {cause}", hint=hint)
    if isinstance(error, DisabledRepoError):
        return AccessRefused(f"{repository} is disabled", cause=f"the Hub has closed it: {page}", hint="oss list")
    if isinstance(error, RepositoryNotFoundError):
        cause, hint = "it is private", f"check its name at {page}; if it is private: hf auth login && {again}"
        if has_token:
            cause, hint = "your token may not see it", f"check its name at {page}"
        cause = f"HTTP {status}: it does not exist, or {cause}"
        return AccessRefused(f"{repository} is not on {endpoint}", cause=cause, hint=hint)
    if status in (401, 403):
        cause = f"HTTP {status}: {error.server_message or 'no reason given'}"
        return AccessRefused(f"{endpoint} refuses us", cause=cause, hint=f"hf auth login && {again}")
    return HubBroken(endpoint, f"it answered HTTP {status} about {repository}", again=again)


def _remote_file(sibling: object) -> RemoteFile:
    lfs = getattr(sibling, "lfs", None)
    sha256 = str(getattr(lfs, "sha256", "") or "").lower()
    path = str(getattr(sibling, "rfilename", ""))
    return RemoteFile(path, int(getattr(sibling, "size", 0) or 0), sha256 if is_sha256(sha256) else "")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
