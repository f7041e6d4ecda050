"""Many clients at once: whole answers, streams, responses, clients that go away, and bodies that are no requests."""

import contextlib
import http.client
import json
import random
import subprocess
import threading
from collections import Counter
from collections.abc import Callable

from tests.server.serving import Server

WORDS = (
    "banana", "apple", "window", "river", "tiger", "maple", "copper", "violet", "kettle", "lantern", "4821", "7390",
    "1652", "2048", "9173", "6054",
)  # fmt: skip
"""What the tiny gpt-oss can say: what another client asked for would show."""
MALFORMED: tuple[bytes, ...] = (
    b"", b"{", b"[]", b"\xff\xff", b'{"messages": 5}', b'{"messages": []}', b"[" * 5000,
    b'{"messages": [{"role": "x"}]}',
    b'{"messages": [{"role": "user", "content": "Hi"}], "n": 9}',
    b'{"messages": [{"role": "user", "content": "Hi"}], "response_format": {"type": "json_schema"}}',
)  # fmt: skip
ENDLESS: dict[str, object] = {
    "messages": [{"role": "user", "content": "Tell a long story about a dragon."}],
    "reasoning_effort": "low",
    "max_tokens": 4000,
}


class Load:
    """Asks and checks; what was wrong is in `wrong`, what was done in `done`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self.wrong: list[str] = []
        self.done: Counter[str] = Counter()

    def run(self, *, clients: int, requests: int) -> None:
        """Let all clients ask, each in a thread of its own."""
        threads = [threading.Thread(target=self._client, args=(number, requests)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self, number: int, requests: int) -> None:
        chance = random.Random(number)
        ways: list[Callable[[random.Random], str]] = [self._whole, self._stream, self._response, self._cancel]
        ways.append(self._malformed)
        for _ in range(requests):
            way = chance.choices(ways, weights=(4, 4, 2, 1, 1))[0]
            try:
                problem = way(chance)
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                problem = f"{type(error).__name__}: {error}"
            with self._lock:
                self.done[way.__name__.strip("_")] += 1
                if problem:
                    self.wrong.append(f"{way.__name__}: {problem}")

    def _whole(self, chance: random.Random) -> str:
        word, effort = chance.choice(WORDS), chance.choice(("low", "medium"))
        status, text = self._post("/v1/chat/completions", _ask(word, effort))
        if status != 200:
            return f"{status} {text}"
        message = json.loads(text)["choices"][0]["message"]
        expected = (word, None if effort == "low" else _thought(word))
        found = (message["content"], message.get("reasoning"))
        return "" if found == expected else f"{expected}: {found}"

    def _stream(self, chance: random.Random) -> str:
        word = chance.choice(WORDS)
        status, text = self._post("/v1/chat/completions", _ask(word, "low") | {"stream": True})
        if status != 200:
            return f"{status} {text}"
        lines = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
        deltas = [json.loads(line)["choices"][0]["delta"] for line in lines[:-1]]
        said = "".join(delta.get("content", "") for delta in deltas)
        return "" if (said, lines[-1]) == (word, "[DONE]") else f"{word}: {said} {lines[-1]}"

    def _response(self, chance: random.Random) -> str:
        word = chance.choice(WORDS)
        body = {"input": f"Say the word {word}.", "reasoning": {"effort": "low"}}
        status, text = self._post("/v1/responses", body)
        if status != 200:
            return f"{status} {text}"
        said = json.loads(text)["output"][0]["content"][0]["text"]
        return "" if said == word else f"{word}: {said}"

    def _cancel(self, chance: random.Random) -> str:
        """Go away in the middle of a reply, or before it has begun."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/chat/completions", json.dumps(ENDLESS | {"stream": chance.random() < 0.5}))
            connection.sock.settimeout(chance.random() / 10)
            with contextlib.suppress(TimeoutError):
                connection.sock.recv(2000)
        return ""

    def _malformed(self, chance: random.Random) -> str:
        status, text = self._post("/v1/chat/completions", chance.choice(MALFORMED))
        return "" if status == 400 and "error" in json.loads(text) else f"{status} {text}"

    def _post(self, path: str, body: object) -> tuple[int, str]:
        status, _, text = self._server.ask("POST", path, body)
        return status, text


def resident_kib(pid: int) -> int:
    """How much memory a process holds."""
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True).stdout)


def _ask(word: str, effort: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": f"Say the word {word}."}], "reasoning_effort": effort}


def _thought(word: str) -> str:
    return f"The user wants the word {word}."
