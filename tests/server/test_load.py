"""Many clients at once: everybody gets an answer, and nobody another one's."""

from pathlib import Path

import pytest

from tests.server.load import WORDS, Load, resident_kib
from tests.server.serving import Server, serving

_OPTIONS = ("--parallel", "4", "--queue", "64", "--ctx", "4096", "-o", "temperature=0")


def check_knows_all_words(server: Server) -> None:
    """Alone, before anybody else asks."""
    for word in WORDS:
        with server.client() as client:
            for effort in ("low", "medium"):
                answer = client.chat.completions.create(
                    model="tiny-gpt-oss",
                    messages=[{"role": "user", "content": f"Say the word {word}."}],
                    reasoning_effort=effort,
                )
                assert answer.choices[0].message.content == word


def test_eight_clients_get_their_own_answers(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with serving(tiny_gpt_oss, tmp_path, *_OPTIONS) as server:
        check_knows_all_words(server)
        load = Load(server)
        load.run(clients=8, requests=12)
        assert load.wrong == []
        assert load.done.total() == 96
        assert server.stop() == 0
    assert server.lines == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thirty_two_clients_with_fifty_requests_each(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    with serving(tiny_gpt_oss, tmp_path, *_OPTIONS) as server:
        check_knows_all_words(server)
        warm = Load(server)
        warm.run(clients=32, requests=10)
        before = resident_kib(server.child.pid)
        load = Load(server)
        load.run(clients=32, requests=50)
        assert warm.wrong + load.wrong == []
        assert load.done.total() == 1600
        assert min(load.done.values()) > 50
        assert resident_kib(server.child.pid) - before < 24 << 10
        assert server.metric("oss_replies_running") == 0
        assert server.stop() == 0
    assert server.lines == []
