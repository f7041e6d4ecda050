"""What stands between `<|start|>` and `<|message|>`: role, channel, recipient and content type, however misspelt.

Models slip here more than anywhere else, so everything that can be understood is. Pure functions: knows no tokens and
no stream.
"""

import re
from dataclasses import dataclass, replace

_CHANNELS = ("analysis", "commentary", "final")
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_CONTENT_TYPES = frozenset({"json", "code", "text", "python", "markdown", "xml", "yaml", "jsonl", "string"})
# Recipients that are no tools: gpt-oss-20b writes `to=assistant` before its own analysis (llama.cpp PR 21286).
_NOBODY = frozenset({"assistant", "user", "all"})
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


@dataclass(frozen=True, slots=True)
class Header:
    """The head of one message."""

    role: str = "assistant"
    name: str | None = None
    """A tool's full name, when `role` is tool."""
    channel: str | None = None
    recipient: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """The text after one of the control tokens of a header."""

    kind: str
    """role, channel or constrain."""
    text: str


def parse_header(sections: list[Section], role: str | None) -> Header:
    """A header that `<|message|>` has closed.

    role: who speaks, where the prompt has said so already; None: the first word says it.
    """
    header = Header(role or "assistant")
    before_channel: list[str] = []
    spare: list[str] = []
    for section in sections:
        header, text = _open_section(header, section, role)
        header, words = _read_words(header, text)
        (before_channel if section.kind == "role" else spare).extend(words)
    if header.channel is None:  # with a channel, a word before it is left over from the message before
        spare = before_channel + spare
    is_lone = len(spare) == 1 and _NAME.fullmatch(spare[0]) is not None
    if is_lone and header.recipient is None and header.channel in ("commentary", None):
        header = replace(header, recipient=spare[0])
    return _without_nobody(header)


def recover_header(sections: list[Section], role: str | None, *, is_cut_off: bool) -> tuple[Header, str]:
    """A header and the content that follows it, where `<|message|>` was forgotten: the content is what is no header.

    is_cut_off: the reply ends here, so that a last word may be half a header word; it is not content then.
    """
    header = Header(role or "assistant")
    content: list[str] = []
    for section in sections:
        header, text = _open_section(header, section, role, recovers=not is_cut_off)
        header, rest = _take_leading_words(header, text)
        content.append(rest)
    rest = "".join(content).lstrip(" \t")
    if is_cut_off and (_is_unknown(header.channel) or _may_be_header_word(rest.strip())):
        rest = ""
    return _without_nobody(header), rest


def _open_section(header: Header, section: Section, role: str | None, *, recovers: bool = False) -> tuple[Header, str]:
    """The header with what the section is named for, and the rest of the section's text."""
    if section.kind == "role":
        return _read_role(header, section.text, role)
    if section.kind == "constrain":
        word = re.match(r"\s*([A-Za-z][\w.+-]*)", section.text)
        return (replace(header, content_type=word[1]), section.text[word.end() :]) if word else (header, section.text)
    word = re.match(r"\s*([A-Za-z_]*)", section.text)
    assert word is not None
    written, rest = word[1], section.text[word.end() :]
    known = _known_channel(written)
    if recovers:
        if known is None and header.channel is None:
            # Free text where the channel's name belongs: thoughts, at least nothing to show as the answer.
            header = replace(header, channel="analysis")
            is_header_alone = not _take_leading_words(header, rest)[1].strip()
            return header, rest if is_header_alone else written + rest
        if known is not None and not known.startswith(written.lower()):
            rest = written[len(known) :] + rest
    channel = known or written
    if not channel or (known is None and header.channel in _CHANNELS):
        return header, rest
    return replace(header, channel=channel), rest


def _read_role(header: Header, text: str, role: str | None) -> tuple[Header, str]:
    word = re.match(r"\s*(\S+)", text)
    if word is None or word[1].startswith("to="):
        return header, text
    name, rest = word[1], text[word.end() :]
    if role is not None:
        return header, rest if name == role else text
    if name in _ROLES:
        return replace(header, role=name), rest
    if name.startswith("assistant"):
        return header, name.removeprefix("assistant") + rest
    return replace(header, role="tool", name=name), rest


def _known_channel(written: str) -> str | None:
    """The channel that is meant: `finalx` and `comment` occur."""
    low = written.lower()
    for channel in _CHANNELS:
        if low.startswith(channel) or (len(low) >= 4 and channel.startswith(low)):
            return channel
    return None


def _read_words(header: Header, text: str) -> tuple[Header, list[str]]:
    """The header with the words that are understood, and the other words."""
    others = []
    for word in re.sub(r"(^|\s)to=\s+", r"\1to=", text).split():
        if word.startswith("to="):
            header = replace(header, recipient=word[3:] or header.recipient)
        elif word in _CONTENT_TYPES:
            header = replace(header, content_type=word)
        elif word.startswith("functions.") and header.recipient is None:
            header = replace(header, recipient=word)
        elif word not in _CHANNELS and word not in _NOBODY:
            others.append(word)
    return header, others


def _take_leading_words(header: Header, text: str) -> tuple[Header, str]:
    """The header with the header words that a text begins with, and the rest as it is."""
    while True:
        recipient = re.match(r"\s*to=\s*(\S+)", text) or re.match(r"\s*(functions\.\S+)(?=\s|$)", text)
        if recipient is not None and (header.recipient is None or "to=" in recipient[0]):
            header, text = replace(header, recipient=recipient[1]), text[recipient.end() :]
            continue
        word = re.match(r"\s*(\S+)(?=\s|$)", text)
        has_place = header.content_type is None and (header.recipient or header.channel)
        if word is not None and word[1] in _CONTENT_TYPES and has_place:
            header = replace(header, content_type=word[1])
        elif word is None or word[1] != header.channel:
            return header, text
        text = text[word.end() :]


def _without_nobody(header: Header) -> Header:
    """The header with a recipient only if it calls a tool (or is a tool's answer, which names the assistant)."""
    recipient = (header.recipient or "").partition("<|")[0] or None
    if header.role == "assistant" and recipient in _NOBODY:
        recipient = None
    return replace(header, recipient=recipient)


def _is_unknown(channel: str | None) -> bool:
    return channel is not None and channel not in _CHANNELS


def _may_be_header_word(word: str) -> bool:
    """Whether this is a header word or the beginning of one."""
    if word.startswith(("to=", "functions.")):
        return " " not in word
    return any(known.startswith(word) for known in ("assistant", "to=", "functions.", *_CHANNELS, *_CONTENT_TYPES))
