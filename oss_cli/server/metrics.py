"""Counts of what the server has done, as Prometheus reads them. Knows nothing of HTTP.

Source: the text format, version 0.0.4 (prometheus.io, "Exposition formats").
"""

from collections import Counter

from oss_cli.conversation.events import TurnEnded


class Metrics:
    """Counts; changed on the event loop alone."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._counts: Counter[str] = Counter()

    def note_request(self, path: str, status: int) -> None:
        """A request was answered. path: one of ours."""
        self._requests[path, status] += 1

    def note_end(self, ended: TurnEnded | None, *, has_failed: bool, was_stopped: bool) -> None:
        """A reply has ended. ended: its last event, if it came to one."""
        if ended is None:
            self._counts["failed" if has_failed else "cancelled" if was_stopped else "made"] += 1
            return
        usage = ended.usage
        self._counts["made"] += 1
        self._counts["prompt_tokens"] += usage.prompt_tokens
        self._counts["reused_tokens"] += usage.reused_tokens
        self._counts["reply_tokens"] += usage.reply_tokens

    def text(self, *, running: int, waiting: int) -> str:
        """Everything, as Prometheus reads it."""
        count = self._counts
        lines = ["# HELP oss_requests_total Requests answered.", "# TYPE oss_requests_total counter"]
        lines += [
            f'oss_requests_total{{path="{path}",status="{status}"}} {number}'
            for (path, status), number in sorted(self._requests.items())
        ]
        lines += ["# HELP oss_replies_total Replies, by how they ended.", "# TYPE oss_replies_total counter"]
        lines += [f'oss_replies_total{{end="{end}"}} {count[end]}' for end in ("made", "cancelled", "failed")]
        lines += _single("oss_prompt_tokens_total", "counter", "Tokens of prompts.", count["prompt_tokens"])
        lines += _single("oss_reused_tokens_total", "counter", "Of these, found in the cache.", count["reused_tokens"])
        lines += _single("oss_reply_tokens_total", "counter", "Tokens of replies.", count["reply_tokens"])
        lines += _single("oss_replies_running", "gauge", "Replies that are being made.", running)
        lines += _single("oss_requests_waiting", "gauge", "Requests that wait for a place.", waiting)
        return "\n".join(lines) + "\n"


def _single(name: str, kind: str, meaning: str, value: int) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", f"{name} {value}"]
