"""About how many tokens a prompt takes, where the tokenizer is elsewhere. A guess, and it says so: no request is made.

It begins with four bytes of UTF-8 a token, a little less than English takes, and learns from what the server said that
each prompt took. Too few is the better error: the server itself refuses what does not fit, with its own numbers.
"""

import json
from collections.abc import Sequence

from oss_cli.conversation.messages import Message
from oss_cli.conversation.options import ReplyOptions

_BYTES_PER_TOKEN = 4.0
_MESSAGE_TOKENS = 5
"""The marks around a message: harmony has 4 or 5, others about as many."""
_PREFACE_TOKENS = 70
"""What gpt-oss's template writes before all messages."""
_LEAST_BYTES = 400
"""Shorter prompts are mostly marks, and teach nothing."""


class TokenGuess:
    """What is known of a server's tokenizer. May be used by many threads at once."""

    def __init__(self) -> None:
        self._bytes_per_token = _BYTES_PER_TOKEN

    def text(self, text: str) -> int:
        """Of a text by itself."""
        return -int(-_size(text) // self._bytes_per_token)

    def prompt(self, messages: Sequence[Message], options: ReplyOptions) -> int:
        """Of the prompt for a reply."""
        count, size = _parts(messages, options)
        return _PREFACE_TOKENS + _MESSAGE_TOKENS * count - int(-size // self._bytes_per_token)

    def learn(self, messages: Sequence[Message], options: ReplyOptions, prompt_tokens: int) -> None:
        """The server said that the prompt took so many; 0: it did not say."""
        count, size = _parts(messages, options)
        rest = prompt_tokens - _MESSAGE_TOKENS * count - _PREFACE_TOKENS
        if size >= _LEAST_BYTES and rest > 0:
            self._bytes_per_token = min(8.0, max(0.5, size / rest))


def _parts(messages: Sequence[Message], options: ReplyOptions) -> tuple[int, int]:
    """How many messages there are, and how many bytes of text."""
    size = sum(
        _size(message.content) + sum(_size(call.arguments) for call in message.tool_calls) for message in messages
    )
    size += sum(_size(tool.name + tool.description) + _size(json.dumps(tool.parameters)) for tool in options.tools)
    count = len(messages)
    if options.begun is not None:
        size, count = size + _size(options.begun.message.content + options.begun.message.reasoning), count + 1
    return count, size


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
