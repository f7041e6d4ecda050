"""How far a long reading or copying of files is: a line that disappears. Silent unless somebody watches."""

from oss_cli.errors import format_bytes
from oss_cli.terminal.console import Stream
from oss_cli.terminal.status import StatusLine


class CountStatus:
    """Counts bytes. Use it as a context manager: the line is gone when the block ends."""

    def __init__(self, stream: Stream, doing: str, total_bytes: int) -> None:
        self._line = StatusLine(stream)
        self._doing = doing
        self._total_bytes = total_bytes
        self._done_bytes = 0

    def __enter__(self) -> "CountStatus":
        return self

    def __exit__(self, *_: object) -> None:
        self._line.clear()

    def add(self, new_bytes: int) -> None:
        """So many more are done."""
        self._done_bytes += new_bytes
        share = self._done_bytes / self._total_bytes if self._total_bytes else 1.0
        self._line.update(f"{self._doing}: {share:.0%} of {format_bytes(self._total_bytes)}")

    def clear(self) -> None:
        """Make room for a line of text."""
        self._line.clear()
