"""The database's file: who may read it, its version, its locks, and what is wrong with it. Knows nothing of messages.

Nothing is written to a file that is damaged, or that a newer `oss` has written, or that is not ours.
"""

import os
import shlex
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from oss_cli.errors import HistoryUnusable
from oss_cli.history.schema import MAKE_INDEX, STEPS, Step

_APPLICATION_ID = 0x6F737368  # "ossh", where `file` and others look for whose database this is
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}


class Connection(sqlite3.Connection):
    """A connection that knows whether it can use the full-text index."""

    has_index: bool = False


@dataclass(frozen=True, slots=True)
class Database:
    """Where the history is, or would be."""

    path: Path
    busy_timeout_s: float = 30.0
    """How long to wait while another process writes."""
    steps: tuple[Step, ...] = STEPS
    full_text: bool = True
    """Whether to use FTS5 where SQLite has it."""

    def prepare(self) -> None:
        """Make the file if there is none, for its owner alone, and look whether it can be used. Takes a millisecond.

        Raises:
            HistoryUnusable: it cannot.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            for file in (self.path, *self._side_files()):
                if file.exists():
                    file.chmod(0o600)  # a copy that was brought back may have become readable for others
        except OSError as error:
            raise HistoryUnusable(self.path, "cannot be written", cause=error.strerror or str(error)) from error
        with self._translated(), self._connect("ro") as connection:
            self._check(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads. The file is not changed, unless it is of an older version; none is made.

        Raises:
            HistoryUnusable: it cannot be read.
        """
        if not self.path.exists():
            with closing(sqlite3.connect(":memory:", isolation_level=None, factory=Connection)) as connection:
                self._migrate(connection)
                yield connection
            return
        with self._translated():
            with self._connect("ro") as connection:
                is_old = self._check(connection) < len(self.steps)
            if is_old:
                with self.writing():
                    pass
            with self._connect("ro") as connection:
                connection.has_index = self.full_text and _finds(connection, "SELECT 1 FROM message_index LIMIT 0")
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection that reads and writes; the file is made if there is none, or brought to this version.

        Raises:
            HistoryUnusable: it cannot be used.
        """
        self.prepare()
        with self._translated():
            with self._connect("ro") as connection:
                (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                if verdict != "ok":
                    raise damaged(self.path, verdict)
            with self._connect("rw") as connection:
                self._migrate(connection)
                connection.has_index = self.full_text and _finds(connection, MAKE_INDEX)
                yield connection

    @contextmanager
    def _connect(self, mode: str) -> Iterator[Connection]:
        path = self.path.absolute().as_posix()
        slash = "" if path.startswith("/") else "/"  # before a drive's letter
        connection = sqlite3.connect(
            f"file://{slash}{quote(os.fsencode(path))}?mode={mode}", uri=True, timeout=self.busy_timeout_s,
            isolation_level=None, factory=Connection,
        )  # fmt: skip
        with closing(connection):
            connection.text_factory = _decode
            connection.execute("PRAGMA temp_store = MEMORY")  # nothing that was said goes to a temporary file
            connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
            connection.execute("PRAGMA synchronous = NORMAL")  # a power cut costs the last seconds, not the database
            yield connection

    def _check(self, connection: Connection) -> int:
        """The version of the file.

        Raises:
            HistoryUnusable: it is newer than we are, or not ours.
        """
        # In this order: another process may be making the tables, and marks them as ours in the same moment.
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if tables and application != _APPLICATION_ID:
            cause = "it is a database of another program"
            raise HistoryUnusable(self.path, "cannot be used", cause=cause, hint=_set_aside(self.path))
        if version > len(self.steps):
            cause = f"its version is {version}, this oss knows versions up to {len(self.steps)}"
            raise HistoryUnusable(
                self.path, "was written by a newer oss", cause=cause, hint="use the newer oss, which can read it"
            )
        return int(version)

    def _migrate(self, connection: Connection) -> None:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has an effect only before the first table
        self._use_wal(connection)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == len(self.steps):
            return
        with transaction(connection):
            for step in self.steps[self._check(connection) :]:  # looked at again: another process may have been quicker
                for statement in step:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(self.steps)}")

    def _use_wal(self, connection: Connection) -> None:
        """Readers and a writer at the same time. SQLite does not wait for locks here by itself."""
        deadline = time.monotonic() + self.busy_timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if _name_of(error) != "SQLITE_BUSY" or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def _side_files(self) -> tuple[Path, Path]:
        return self.path.with_name(f"{self.path.name}-wal"), self.path.with_name(f"{self.path.name}-shm")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.ProgrammingError):
                raise
            if _name_of(error) in _DAMAGED:
                raise damaged(self.path, str(error)) from error
            raise HistoryUnusable(self.path, "cannot be used", cause=str(error)) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing; waits for whoever writes."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def reads_at_once(connection: sqlite3.Connection) -> Iterator[None]:
    """Several reads that see the same state, whoever writes meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def damaged(path: Path, cause: str) -> HistoryUnusable:
    """The error for a file that is no whole database."""
    return HistoryUnusable(path, "is damaged", cause=cause, hint=_set_aside(path))


def _decode(text: bytes) -> str:
    """A text out of the database, whatever its bytes have become."""
    return text.decode("utf-8", "replace")


def _set_aside(path: Path) -> str:
    target = path.with_name(f"{path.name}.damaged")
    if os.name == "nt":
        return f'move "{path}" "{target}"'
    return f"mv {shlex.quote(str(path))} {shlex.quote(str(target))}"


def _finds(connection: Connection, statement: str) -> bool:
    """Whether this SQLite has FTS5, and the database an index that can be opened."""
    try:
        connection.execute(statement)
    except sqlite3.DatabaseError as error:
        if "no such" in str(error) or "vtable constructor failed" in str(error):
            return False
        raise
    return True


def _name_of(error: sqlite3.Error) -> str:
    """SQLite's name of an error, without its finer kinds: SQLITE_CORRUPT for SQLITE_CORRUPT_VTAB."""
    name: str = getattr(error, "sqlite_errorname", "")
    return "_".join(name.split("_")[:2])
