"""gpt-oss's harmony format, by token id in both directions: messages to a prompt, a reply's tokens to events.

`HarmonyFormat` is the way in. Knows nothing of engines: a `Vocabulary` is handed in, and the control tokens are found
in it by name.
Source: github.com/openai/harmony, docs/format.md and openai_harmony 0.0.8, with which the tests compare.
"""

from oss_cli.prompts.harmony.format import HarmonyFormat
from oss_cli.prompts.harmony.markers import has_markers
from oss_cli.prompts.harmony.message import HarmonyMessage
from oss_cli.prompts.harmony.reader import HarmonyReader
from oss_cli.prompts.harmony.routing import find_tool, unknown_tool_reply

__all__ = [
    "HarmonyFormat",
    "HarmonyMessage",
    "HarmonyReader",
    "find_tool",
    "has_markers",
    "unknown_tool_reply",
]
