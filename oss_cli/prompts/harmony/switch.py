"""How a reply is led from wherever it is to its answer: the words and control tokens that are missing there.

Knows nothing of token ids and of why: a state of the reader goes in, the names of control tokens and texts come out.
"""

from oss_cli.prompts.harmony.content import Content
from oss_cli.prompts.harmony.draft import HeaderDraft
from oss_cli.prompts.harmony.routing import Route

_ROLE, _CHANNEL = "assistant", "final"


def leave_content(content: Content, *, splits_characters: bool) -> tuple[str, ...]:
    """What ends a message of reasoning and opens the answer; nothing for any other message."""
    if content.route is not Route.REASONING or (content.has_half_character and not splits_characters):
        return ()
    return ("<|end|>", "<|start|>", _ROLE, "<|channel|>", _CHANNEL, "<|message|>")


def leave_header(draft: HeaderDraft, said: Route | None) -> tuple[str, ...]:
    """What makes a header that has begun, or has yet to begin, that of the answer; nothing if it is becoming another's.

    A header of reasoning becomes whole first: then its message is left. said: what the message before it was; after a
    preamble the model is about to call a tool.
    """
    sections = draft.sections(goes_on=True)
    written = sections[-1].text.strip()
    if draft.half_character or any(section.text.strip() not in ("", _ROLE) for section in sections[:-1]):
        return ()
    if draft.is_gap:
        return ("<|start|>", _ROLE, "<|channel|>", _CHANNEL, "<|message|>") if said is not Route.PREAMBLE else ()
    if draft.is_role_alone:
        role = _rest("" if draft.role else _ROLE, written)
        return () if role is None else (*role, "<|channel|>", _CHANNEL, "<|message|>")
    if sections[-1].kind != "channel" or written == _CHANNEL:
        return ()
    channel = _rest(_CHANNEL, written)
    return () if channel is None else (*channel, "<|message|>")


def _rest(word: str, written: str) -> tuple[str, ...] | None:
    """What is missing of a word of which this much is written, if anything; None: something else is being written."""
    if not word.startswith(written):
        return None
    return (word[len(written) :],) if written != word else ()
