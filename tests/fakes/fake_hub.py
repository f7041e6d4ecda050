"""A Hugging Face Hub on the loopback: an API and a store of files as two origins, faults by script, a log of requests.

    hub = FakeHub(tmp_path)                      # a context manager
    repository = hub.add_repository("org/name")
    repository.add("model.gguf", b"...")         # a large file: the Hub sends to the other origin for it
    hub.add_fault("file", Fault("cut", after=1000, times=2))

Faults hit requests to a part: "api" (the listing), "sign" (the Hub's redirect) or "file" (the bytes); see `Fault`.
"""

import hashlib
import threading
import time
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from types import TracebackType

GOOD_TOKEN = "hf_good"
TOKEN_WITHOUT_ACCESS = "hf_stranger"


@dataclass
class Fault:
    """Something that goes wrong, for so many requests.

    status     answer with `code` and `headers`
    expired    the address's signature has run out: 403
    cut        close the connection after `after` bytes of the body; `reset`: with RST instead of FIN
    stall      send nothing more after `after` bytes, for `seconds`
    slow       at most `bytes_per_second` on a connection
    corrupt    flip a bit of the byte at `after` (counted in the whole file)
    short      pretend that the file has `after` bytes less
    norange    send the whole file, whatever is asked for
    hang       take the request and answer nothing for `seconds`
    nonsense   answer with a page of HTML
    headless   (api) name no commit, as some mirrors do
    bare       (sign) leave out the Hub's own headers, as some mirrors do
    direct     (sign) send the bytes from here, no second origin, as some mirrors do
    gone       (sign) say that there is no such file
    misled     (sign) send to `headers`' Location for the bytes
    xet        (sign) speak of Xet
    """

    kind: str
    times: int = 10**9
    skip: int = 0
    """Requests that pass before it begins."""
    code: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0
    seconds: float = 30
    bytes_per_second: int = 0
    reset: bool = False
    path: str = "*"


@dataclass(frozen=True)
class Request:
    """One request and what was sent for it."""

    part: str
    method: str
    path: str
    status: int
    span: str
    sent_bytes: int
    token: str | None


@dataclass(frozen=True)
class StoredFile:
    """A file of a repository."""

    path: str
    disk: Path
    bytes: int
    sha256: str
    is_large: bool

    @property
    def git_id(self) -> str:
        return hashlib.sha1(self.sha256.encode()).hexdigest()


class Repository:
    """A repository with one branch."""

    def __init__(self, folder: Path, name: str, *, is_gated: bool, is_private: bool) -> None:
        self.name = name
        self.is_gated = is_gated
        self.is_private = is_private
        self.files: dict[str, StoredFile] = {}
        self._folder = folder

    @property
    def commit(self) -> str:
        text = self.name + "".join(f"{path}{file.sha256}" for path, file in sorted(self.files.items()))
        return hashlib.sha1(text.encode()).hexdigest()

    def add(self, path: str, data: bytes, *, is_large: bool = True) -> StoredFile:
        """Add or replace a file."""
        sha256 = hashlib.sha256(data).hexdigest()
        disk = self._folder / sha256
        disk.write_bytes(data)
        return self.add_known(StoredFile(path, disk, len(data), sha256, is_large))

    def add_known(self, file: StoredFile) -> StoredFile:
        """Add a file of which only the listing is wanted."""
        self.files[file.path] = file
        return file


class FakeHub:
    """Both origins, running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "fake-hub"
        self.folder.mkdir(parents=True)
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.faults: list[tuple[str, Fault]] = []
        self.connections = self.most_connections = 0
        self.signature_life: int | None = None
        """Requests that a signed address is good for; None: any number."""
        self._uses: dict[str, int] = {}
        self.lock = threading.Lock()

    def __enter__(self) -> "FakeHub":
        from tests.fakes.hub_server import FileHandler, HubHandler, HubServer

        self._file_server = HubServer(self, FileHandler)
        self._hub_server = HubServer(self, HubHandler)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._hub_server.stop()
        self._file_server.stop()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._hub_server.server_port}"

    @property
    def file_endpoint(self) -> str:
        return f"http://127.0.0.1:{self._file_server.server_port}"

    def add_repository(self, name: str, *, is_gated: bool = False, is_private: bool = False) -> Repository:
        self.repositories[name] = Repository(self.folder, name, is_gated=is_gated, is_private=is_private)
        return self.repositories[name]

    def add_fault(self, part: str, fault: Fault) -> None:
        with self.lock:
            self.faults.append((part, fault))

    def forget(self) -> None:
        """No more faults, and an empty log."""
        self.wait_for_connections()
        with self.lock:
            self.faults.clear()
            self.requests.clear()

    def take_fault(self, part: str, path: str) -> Fault | None:
        """The fault that hits this request."""
        with self.lock:
            for where, fault in self.faults:
                if where != part or fault.times <= 0 or not fnmatch(path, fault.path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def is_signed(self, signature: str) -> bool:
        """Whether a signed address still works; counts its use."""
        with self.lock:
            self._uses[signature] = self._uses.get(signature, 0) + 1
            return self.signature_life is None or self._uses[signature] <= self.signature_life

    def record(self, request: Request) -> None:
        with self.lock:
            self.requests.append(request)

    def count(self, part: str, method: str = "GET") -> int:
        """How many requests there were."""
        return sum(one.part == part and one.method == method for one in list(self.requests))

    def wait_for_connections(self) -> None:
        """Let those that are still sending notice that nobody listens any more."""
        deadline = time.monotonic() + 3
        while self.connections and time.monotonic() < deadline:
            time.sleep(0.01)

    @property
    def sent_bytes(self) -> int:
        """Bytes of files that were sent, all connections together."""
        self.wait_for_connections()
        return sum(one.sent_bytes for one in list(self.requests))
