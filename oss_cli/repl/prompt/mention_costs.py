"""What the files that a message mentions cost in tokens, found on a thread of its own. Knows no terminal."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path

from oss_cli.attachments import Mention, find_mentions
from oss_cli.errors import OssError

_MOST_COUNTED_BYTES = 200_000
_BYTES_PER_TOKEN = 4  # English prose and code, roughly; what is estimated so is marked

CountTokens = Callable[[Path], int | None]


class MentionCosts:
    """Costs of the files in the text that was looked at last."""

    def __init__(self, count_tokens: CountTokens, on_news: Callable[[], None], *, about: str = "≈") -> None:
        """count_tokens and on_news are called on the thread; about: stands before an estimate."""
        self._count_tokens = count_tokens
        self._on_news = on_news
        self._about = about
        self._texts: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._known: dict[tuple[Path, int, int], str] = {}
        self._thread: threading.Thread | None = None
        self.shown: tuple[tuple[str, str], ...] = ()
        """Each mention with its cost."""

    def look_at(self, text: str) -> None:
        """Find out what the files in this text cost; returns at once."""
        if "@" not in text:
            self.shown = ()
            if self._thread is None:
                return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="costs of mentions", daemon=True)
            self._thread.start()
        self._texts.put(text)

    def _work(self) -> None:
        while True:
            text = self._texts.get()
            while not self._texts.empty():  # only the last counts
                text = self._texts.get()
            costs = [(one.text, self._cost(one)) for one in find_mentions(text).files]
            self.shown = tuple((name, cost) for name, cost in costs if cost)
            self._on_news()

    def _cost(self, mention: Mention) -> str:
        """What to say of a file; nothing of one that is gone."""
        try:
            status = mention.path.stat()
        except OSError:
            return ""
        version = (mention.path, status.st_mtime_ns, status.st_size)
        if version not in self._known:
            self._known[version] = self._find_cost(mention.path, status.st_size)
        return self._known[version]

    def _find_cost(self, path: Path, size_bytes: int) -> str:
        if size_bytes > _MOST_COUNTED_BYTES:
            return f"{self._about}{size_bytes // _BYTES_PER_TOKEN:,} tokens"
        try:
            tokens = self._count_tokens(path)
        except (OssError, OSError):
            tokens = None
        return "no text" if tokens is None else f"{tokens:,} tokens"
