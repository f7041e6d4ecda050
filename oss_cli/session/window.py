"""Keeping a conversation inside the context: whether the next turn fits, and what to leave out if it does not.

Nothing is ever left out silently: what was done is told with its numbers. The history keeps everything; what the model
is not shown any more is marked by a node of the tree, and `undo` takes that back.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace

from oss_cli.conversation.events import StopReason
from oss_cli.conversation.habits import Overflow
from oss_cli.conversation.messages import Role, user_message
from oss_cli.conversation.options import ReasoningEffort, ReplyOptions
from oss_cli.conversation.tree import Node
from oss_cli.errors import BadUsage, ContextFull
from oss_cli.session.session import Session
from oss_cli.session.turn import Turn

_MOST_REPLY_ROOM = 1024
"""Tokens that are kept free for a reply of unknown length; of a small context, a quarter."""
_KEPT_SHARE = 0.6
"""Of the context: leaving out stops where the prompt takes this much, so that not every turn has to leave out more."""
_RECENT_SHARE = 0.25
"""Of the context: the newest turns are not summed up, as long as they take no more."""
_REQUEST = """\
Sum up our conversation so far in at most {words} words, for your own later use. Keep every fact, name, number, \
decision and open question that may matter later, and what I asked you to do or not to do. Write the summary alone."""
_HEAD = "Summary of the conversation so far:\n"

ShowTurn = Callable[[Turn], None]
"""Runs a turn to its end and shows it."""


@dataclass(frozen=True, slots=True)
class Room:
    """How a prompt and the context compare."""

    prompt_tokens: int
    reply_tokens: int
    """What is kept free for the reply."""
    context_tokens: int

    @property
    def fits(self) -> bool:
        """Whether prompt and reply have room."""
        return self.prompt_tokens + self.reply_tokens <= self.context_tokens


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was done to make room."""

    turns: int
    """How many of the oldest turns the model is not shown any more."""
    tokens_before: int
    tokens_after: int
    """Of the prompt."""
    is_summed_up: bool

    def __str__(self) -> str:
        turns = "the oldest turn is" if self.turns == 1 else f"the {self.turns} oldest turns are"
        how = "summed up" if self.is_summed_up else "left out"
        numbers = f"{self.tokens_before:,} tokens became {self.tokens_after:,}"
        return f"{turns} {how}: {numbers}; the history keeps them, /undo takes this back"


def measure(session: Session, text: str) -> Room:
    """How much of the context the next turn would take."""
    context = session.backend.context_tokens
    wanted = session.options.sampling.max_tokens or _MOST_REPLY_ROOM
    prompt = session.backend.count_tokens(session.prompt_with(text), session.options)
    return Room(prompt, min(wanted, _MOST_REPLY_ROOM, context // 4), context)


def make_room(session: Session, text: str, overflow: Overflow, show: ShowTurn) -> list[LeftOut]:
    """Leave out or sum up what has to be, so that the next turn fits; what was done, in order; nothing if it fits.

    show: shows the turn in which the model writes a summary.

    Raises:
        ContextFull: it does not fit, and nothing may or can be done about that.
    """
    room = measure(session, text)
    if room.fits:
        return []
    may_shorten = bool(_turns(session)) and _fits_alone(session, text, room)
    if overflow is Overflow.STOP or not may_shorten:
        raise ContextFull(
            prompt_tokens=room.prompt_tokens, reply_tokens=room.reply_tokens, context_tokens=room.context_tokens,
            may_shorten=may_shorten,
        )  # fmt: skip
    done = []
    if overflow is Overflow.COMPACT:
        summed_up = _sum_up(session, show, text)
        done = [summed_up] if summed_up is not None else []
        room = measure(session, text)
    return done if room.fits else [*done, _drop(session, text, room)]


def compact(session: Session, show: ShowTurn) -> LeftOut:
    """Let the model sum up the oldest turns, and the summary stand for them.

    Raises:
        BadUsage: there is nothing to sum up, it is too long for that, or the model wrote no whole summary.
    """
    if not _turns(session):
        raise BadUsage("there is nothing to sum up", cause="nothing has been said yet")
    done = _sum_up(session, show, "")
    if done is None:
        cause = "the model wrote none that is whole and shorter, or the oldest turn leaves no room for one"
        raise BadUsage("the conversation is not summed up", cause=cause, hint="/set overflow drop, or /new")
    return done


def _sum_up(session: Session, show: ShowTurn, text: str) -> LeftOut | None:
    """As `compact`; None where it cannot be done. text: the next message, if there is one already."""
    turns, before = _turns(session), _count(session, text)
    context = session.backend.context_tokens
    room = max(32, min(_MOST_REPLY_ROOM, context // 8))
    request, options = _REQUEST.format(words=room // 2), _summary_options(session.options, room)
    most = _count_old(session, turns, context)
    count = _last_that(lambda number: _count_request(session, turns[:number], request) + 2 * room <= context, most)
    if count == 0:
        return None
    old = turns[:count]
    turn = session.ask_about([*_summary(session), *_flat(old)], request, options)
    show(turn)
    summary = turn.reply.content.strip()
    if turn.ended is None or turn.ended.reason is not StopReason.END or not summary:
        return None
    node = session.put_summary(_HEAD + summary, old[-1][-1])
    after = _count(session, text)
    if after >= before:  # longer than what it stands for
        session.take_away(node)
        return None
    return LeftOut(count, before, after, is_summed_up=True)


def _summary_options(options: ReplyOptions, room: int) -> ReplyOptions:
    sampling = replace(options.sampling, max_tokens=2 * room, stop=())
    return replace(options, sampling=sampling, effort=ReasoningEffort.LOW, reasoning_budget=room, answer_form=None)


def _drop(session: Session, text: str, room: Room) -> LeftOut:
    """Leave out as few of the oldest turns as bring the prompt to its share of the context, or else make it fit."""
    turns, summary = _turns(session), _summary(session)
    least = room.context_tokens - room.reply_tokens

    def first_with(limit: float) -> int:
        return _first_that(lambda number: _count_kept(session, summary, turns[number:], text) <= limit, len(turns))

    count = first_with(min(room.context_tokens * _KEPT_SHARE, least))
    if count == len(turns):  # the newest turn alone takes more than the share
        count = first_with(least)
    if count == len(turns) and _count_kept(session, summary, [], text) > least:
        summary = []  # it is too long itself
    last = turns[count - 1][-1] if turns else session.conversation.path()[-1]
    session.put_summary(summary[0].message.content if summary else "", last)
    return LeftOut(count, room.prompt_tokens, _count(session, text), is_summed_up=False)


def _count_old(session: Session, turns: list[list[Node]], context: int) -> int:
    """How many of the oldest turns are to be summed up: all but the newest, of which a share of the context stays."""
    limit = context * _RECENT_SHARE
    return _first_that(lambda number: _count_kept(session, [], turns[number:], "") <= limit, len(turns))


def _first_that(holds: Callable[[int], bool], most: int) -> int:
    """The least number of turns, from 1, for which something holds that goes on holding for more; at most `most`.

    Counting a prompt takes up to a second: not every number is tried.
    """
    return bisect_left(range(1, most), True, key=holds) + 1 if most else 0


def _last_that(holds: Callable[[int], bool], most: int) -> int:
    """The greatest number of turns, up to `most`, for which something holds that does so for less too; 0: for none."""
    return bisect_left(range(1, most + 1), True, key=lambda number: not holds(number))


def _count_kept(session: Session, summary: list[Node], turns: list[list[Node]], text: str) -> int:
    told = session.told([*summary, *_flat(turns)])
    return session.backend.count_tokens([*told, user_message(text)], session.options)


def _count_request(session: Session, turns: list[list[Node]], request: str) -> int:
    return _count_kept(session, _summary(session), turns, request)


def _fits_alone(session: Session, text: str, room: Room) -> bool:
    """Whether the message itself leaves room for a reply."""
    return _count_kept(session, [], [], text) + room.reply_tokens <= room.context_tokens


def _count(session: Session, text: str) -> int:
    return session.backend.count_tokens(session.prompt_with(text or "?"), session.options)


def _summary(session: Session) -> list[Node]:
    """The summary that the model is shown, if there is one."""
    return [node for node in session.shown[:1] if node.summary_of is not None]


def _turns(session: Session) -> list[list[Node]]:
    """What the model is shown, in turns: a message of the user, and what followed it."""
    turns: list[list[Node]] = []
    for node in session.shown:
        if node.message.role is Role.USER:
            turns.append([node])
        elif turns:
            turns[-1].append(node)
    return turns


def _flat(turns: list[list[Node]]) -> list[Node]:
    return [node for turn in turns for node in turn]
