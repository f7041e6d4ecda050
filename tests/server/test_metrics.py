"""What /metrics counts, and its whole text."""

import asyncio

from oss_cli.conversation.events import StopReason, TextDelta, TurnEnded, Usage
from oss_cli.conversation.messages import user_message
from oss_cli.conversation.options import ReplyOptions
from oss_cli.server.metrics import Metrics
from oss_cli.server.replies import Replies
from tests.fakes.backend import ScriptedBackend

TEXT = """\
# HELP oss_requests_total Requests answered.
# TYPE oss_requests_total counter
oss_requests_total{path="/v1/models",status="200"} 1
# HELP oss_replies_total Replies, by how they ended.
# TYPE oss_replies_total counter
oss_replies_total{end="made"} 1
oss_replies_total{end="cancelled"} 1
oss_replies_total{end="failed"} 0
# HELP oss_prompt_tokens_total Tokens of prompts.
# TYPE oss_prompt_tokens_total counter
oss_prompt_tokens_total 9
# HELP oss_reused_tokens_total Of these, found in the cache.
# TYPE oss_reused_tokens_total counter
oss_reused_tokens_total 0
# HELP oss_reply_tokens_total Tokens of replies.
# TYPE oss_reply_tokens_total counter
oss_reply_tokens_total 4
# HELP oss_replies_running Replies that are being made.
# TYPE oss_replies_running gauge
oss_replies_running 0
# HELP oss_requests_waiting Requests that wait for a place.
# TYPE oss_requests_waiting gauge
oss_requests_waiting 2
"""


def test_a_reply_counts_though_its_client_is_slow_to_read_it() -> None:
    metrics = Metrics()
    usage = Usage(prompt_tokens=9, reply_tokens=4)
    backend = ScriptedBackend([TextDelta("Hello"), TextDelta("!"), TurnEnded(StopReason.END, usage)])

    async def check() -> None:
        replies = Replies(parallel=1, queue=0, metrics=metrics)
        reply = await replies.start(backend, [user_message("Hi")], ReplyOptions(date="2026-11-24"))
        while replies.admission.running:
            await asyncio.sleep(0.001)
        assert "oss_reply_tokens_total 4\n" in metrics.text(running=0, waiting=0)
        assert [type(event) async for event in reply.events()] == [TextDelta, TextDelta, TurnEnded]
        replies.close()

    asyncio.run(check())
    metrics.note_end(None, has_failed=False, was_stopped=True)
    metrics.note_request("/v1/models", 200)
    assert metrics.text(running=0, waiting=2) == TEXT
