"""The real `oss serve` as a child, and raw HTTP to talk to it."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai


@dataclass
class Server:
    """A server that answers."""

    child: "subprocess.Popen[str]"
    port: int
    first_line: str
    lines: list[str] = field(default_factory=list)
    """What it has written since."""
    key: str = "none"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> openai.OpenAI:
        """OpenAI's own client of it, which does not try again."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0, timeout=60)

    def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        """One request; status, headers and text of the answer. A body that is no text becomes JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = body if isinstance(body, (str, bytes)) or body is None else json.dumps(body)
        with contextlib.closing(connection):
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text

    def error(self, path: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """A request that fails: its status and its error."""
        status, _, text = self.ask("POST", path, body, headers)
        return status, json.loads(text)["error"]

    def metric(self, name: str) -> int:
        """A number out of /metrics."""
        text = self.ask("GET", "/metrics")[2]
        return next(int(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end; its exit status."""
        self.child.send_signal(number)
        return self.child.wait(30)


@contextlib.contextmanager
def serving(model: Path, home: Path, *options: str, **variables: str) -> Iterator[Server]:
    """`oss serve` on a free port."""
    environment = {**os.environ, "OSS_HOME": str(home), "HF_HOME": str(home), "OSS_THREADS": "1", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "oss_cli", "serve", str(model), "--port", "0", *options]
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment | variables,
    )  # fmt: skip
    assert child.stderr is not None and child.stdout is not None
    seen: list[str] = []
    while (line := child.stderr.readline()) and "answers at" not in line:
        seen.append(line)
    assert line, "".join(seen)
    server = Server(child, int(line.rsplit(":", 1)[1].split("/")[0]), line)
    errors = child.stderr
    reader = threading.Thread(target=lambda: server.lines.extend(errors), daemon=True)
    reader.start()
    try:
        yield server
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        reader.join()
        child.stdout.close()
        child.stderr.close()
