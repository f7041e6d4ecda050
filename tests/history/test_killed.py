"""`kill -9` in the middle of a reply: what was said is there, but for the last second."""

import os
import random
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oss_cli.history.database import Database
from oss_cli.history.journal import HistoryJournal
from oss_cli.history.library import History

CHILD = Path(__file__).with_name("streaming_child.py")
STREAMED_S = 2.0
"""So long a process streams at least: a journal that commits more seldom than once a second loses more than that."""
AT_ONCE = 4


def killed(path: Path, names: list[str], seed: int) -> dict[str, str]:
    """Let processes stream into one history at once, kill each at a moment of its own; what each had said."""
    moments = random.Random(seed)
    children = {
        name: subprocess.Popen([sys.executable, str(CHILD), str(path), name], stdout=subprocess.PIPE, bufsize=0)
        for name in names
    }
    with ThreadPoolExecutor(len(names)) as pool:
        lasting = [pool.submit(kill_later, child, STREAMED_S + moments.random()) for child in children.values()]
        return dict(zip(children, [one.result() for one in lasting], strict=True))


def kill_later(child: "subprocess.Popen[bytes]", seconds: float) -> str:
    """Kill a process so long after its first word; what it said."""
    assert child.stdout is not None
    said = b""
    while b" " not in said:
        said += child.stdout.read(1)
    begun = float(said)
    while True:  # its words are times, and the pipe has to be read
        piece = os.read(child.stdout.fileno(), 65536)
        assert piece, f"ended by itself after {said[-200:]!r}"
        said += piece
        words = said.split()
        if len(words) > 1 and float(words[-2]) - begun > seconds:
            break
    child.kill()
    rest, _ = child.communicate()
    return (said + rest).decode()


@pytest.mark.slow
def test_processes_killed_at_random_lose_their_last_second_at_most(tmp_path: Path) -> None:
    kill_and_look(tmp_path, rounds=2)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_processes_killed_at_random_lose_their_last_second_at_most(tmp_path: Path) -> None:
    kill_and_look(tmp_path, rounds=13)


def kill_and_look(folder: Path, rounds: int) -> None:
    """Kill processes in rounds, and see what is left of what they said."""
    database = Database(folder / "history.sqlite3")
    history = History(database)
    all_said: dict[str, str] = {}
    for number in range(rounds):
        said = killed(database.path, [f"c{number:02}{letter}" for letter in "wxyz"[:AT_ONCE]], seed=number)
        all_said |= said
        present = {one.id for one in history.summaries()}
        for name, text in said.items():
            assert name in present
            kept = history.load(name).nodes[f"{name}a"].message.content
            assert text.startswith(kept) or kept.startswith(text)  # killed between the journal and the pipe
            lost = text[len(kept) :].split()
            assert not lost or float(lost[-1]) - float(lost[0]) < 1, f"{name} lost {len(lost)} pieces"
    HistoryJournal(database).close()  # indexes what the killed ones left
    with sqlite3.connect(f"file:{database.path}?mode=ro", uri=True) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM nodes WHERE is_indexed = 0").fetchone() == (0,)
    connection.close()
    assert len(history.summaries()) == rounds * AT_ONCE
    survivor = history.summaries()[0]
    assert survivor.is_partial
    assert survivor.id in {hit.conversation_id for hit in history.search(all_said[survivor.id].split()[0])}
