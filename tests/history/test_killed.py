"""`kill -9` in the middle of a reply: what was said is there, but for the last second."""

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from oss_cli.history.database import Database
from oss_cli.history.journal import HistoryJournal
from oss_cli.history.library import History

CHILD = Path(__file__).with_name("streaming_child.py")
ROUNDS = 25


def killed(path: Path, names: list[str], seed: int) -> dict[str, str]:
    """Let processes stream into one history at once, kill each at a moment of its own; what each had said."""
    moments = random.Random(seed)
    children = {
        name: subprocess.Popen([sys.executable, str(CHILD), str(path), name], stdout=subprocess.PIPE) for name in names
    }
    said = {}
    for name, child in children.items():
        assert child.stdout is not None
        first = child.stdout.read(1)  # it has begun
        time.sleep(moments.uniform(0, 0.4))
        child.kill()
        rest, _ = child.communicate()
        said[name] = (first + rest).decode()
    return said


def test_fifty_processes_killed_at_random_lose_their_last_second_at_most(tmp_path: Path) -> None:
    database = Database(tmp_path / "history.sqlite3")
    history = History(database)
    all_said: dict[str, str] = {}
    for number in range(ROUNDS):
        said = killed(database.path, [f"c{number:02}x", f"c{number:02}y"], seed=number)
        all_said |= said
        present = {one.id for one in history.summaries()}
        for name, text in said.items():
            kept = history.load(name).nodes[f"{name}a"].message.content if name in present else ""
            assert text.startswith(kept) or kept.startswith(text)  # killed between the journal and the pipe
            lost = text[len(kept) :].split()
            assert not lost or float(lost[-1]) - float(lost[0]) < 1, f"{name} lost {len(lost)} pieces"
    HistoryJournal(database).close()  # indexes what the killed ones left
    with sqlite3.connect(f"file:{database.path}?mode=ro", uri=True) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM nodes WHERE is_indexed = 0").fetchone() == (0,)
    connection.close()
    assert len(history.summaries()) > ROUNDS  # those killed before their first quarter of a second are not there
    survivor = history.summaries()[0]
    assert survivor.is_partial
    assert survivor.id in {hit.conversation_id for hit in history.search(all_said[survivor.id].split()[0])}
