"""What may stand around an answer in a reply that is plain text: white space and reasoning between tags."""

from typing import NoReturn

from oss_cli.errors import BadUsage
from oss_cli.prompts.base import ReplyFrame, Vocabulary

_BLANK = r"[ \n\r\t]{0,8}"
"""After a tag it is layout; without a limit a small model writes it for ever."""
_OPENS = rf"""
root ::= {_BLANK} opening thought {_BLANK} answer | answer
"""
_HAS_OPENED = rf"""
root ::= thought {_BLANK} answer
"""


def text_frame(vocabulary: Vocabulary, *, tags: tuple[str, str] | None = None, thinks: bool = False) -> ReplyFrame:
    """The frame of a reply.

    tags: around reasoning at the start of the reply; thinks: the prompt has opened the reasoning already.
    """
    if tags is None:
        return ReplyFrame("root ::= answer")
    opening, closing = tags
    grammar = (_HAS_OPENED if thinks else _OPENS) + f'opening ::= "{opening}"\n' + _up_to(closing)
    # In some vocabularies the tags are control tokens, which have no text of their own.
    spellings = {vocabulary.special(tag): tag.encode() for tag in tags}
    return ReplyFrame(grammar, {token: data for token, data in spellings.items() if token is not None})


def refuse_calls() -> NoReturn:
    """Of models whose reply is text, nobody knows how they write a call.

    Raises:
        BadUsage: always.
    """
    raise BadUsage("this model cannot be made to call a tool", cause="its format has no place for calls that is known")


def refuse_tools(what: str) -> NoReturn:
    """A model would never learn of the tools that it is offered.

    what: has no place for them.

    Raises:
        BadUsage: always.
    """
    raise BadUsage("this model cannot be offered tools", cause=f"{what} has no place for them")


def _up_to(tag: str) -> str:
    """Rules for any text up to and with the first `tag`: one for each part of it that the text so far may end with."""
    every = {chr(code) for code in range(0x80)}
    rules = ["thought ::= at-0\n"]
    for length, letter in enumerate(tag):
        here = tag[:length]
        ways = [f"[{_escaped(letter)}] at-{length + 1}"]
        others = sorted(set(here) - {letter})
        ways += [f"[{_escaped(other)}] at-{_overlap(here + other, tag)}" for other in others]
        rest = "".join(_escaped(one) for one in sorted(every - {letter, *others}))
        rules.append(f"at-{length} ::= {' | '.join(ways)} | ([{rest}] | half) at-0\n")
    return "".join(rules) + f'at-{len(tag)} ::= ""\n'


def _overlap(text: str, tag: str) -> int:
    """How much of the tag a text ends with."""
    return next(length for length in range(len(text), -1, -1) if text.endswith(tag[:length]))


def _escaped(letter: str) -> str:
    return f"\\x{ord(letter):02x}"
