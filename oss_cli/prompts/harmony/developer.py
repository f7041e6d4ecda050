"""The texts of harmony's system and developer message: who the model is, what it is told, which tools it has.

Knows nothing of tokens and of the messages after these two.
"""

import json
from collections.abc import Collection

from oss_cli.conversation.answer_form import AnswerForm, SchemaForm
from oss_cli.conversation.messages import Tool
from oss_cli.prompts.base import RenderOptions
from oss_cli.prompts.harmony.builtin import BUILTIN_TOOLS
from oss_cli.prompts.harmony.typescript import write_namespace

# gpt-oss is trained on these words: a persona belongs in the developer message.
_IDENTITY = "You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06"
_CHANNELS = "# Valid channels: analysis, commentary, final. Channel must be included for every message."
_CALLS = "\nCalls to these tools must go to the commentary channel: 'functions'."


def system_text(options: RenderOptions, builtin_tools: Collection[str]) -> str:
    """Content of the system message."""
    date = f"\nCurrent date: {options.date}" if options.date else ""
    sections = [_IDENTITY + date, f"Reasoning: {options.effort}"]
    if builtin_tools:
        sections.append("# Tools")
        sections += [text for name, text in BUILTIN_TOOLS.items() if name in builtin_tools]
    sections.append(_CHANNELS + (_CALLS if options.tools else ""))
    return "\n\n".join(sections)


def developer_text(instructions: str, tools: Collection[Tool] = (), form: AnswerForm | None = None) -> str:
    """Content of a developer message; empty when there is nothing to say."""
    sections = []
    if instructions:
        sections.append(f"# Instructions\n\n{instructions}")
    if tools:
        sections.append(f"# Tools\n\n{write_namespace('functions', tuple(tools))}")
    if isinstance(form, SchemaForm):
        sections.append(_response_format(form))
    return "\n\n".join(sections)


def _response_format(wanted: SchemaForm) -> str:
    about = f"// {wanted.description}\n" if wanted.description else ""
    schema = json.dumps(wanted.schema, ensure_ascii=False, separators=(",", ":"))
    return f"# Response Formats\n\n## {wanted.name}\n\n{about}{schema}"
