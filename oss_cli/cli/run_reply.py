"""A request of `oss run` answered by an open model: what it says goes where it belongs."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oss_cli import wiring
from oss_cli.cli.run_json import JsonAnswer, ReplyFacts, find_code, read_code
from oss_cli.cli.run_request import Request, Wishes
from oss_cli.conversation.code_block import FirstCodeBlock
from oss_cli.conversation.events import Event, PreambleDelta, StopReason, TextDelta, TurnEnded
from oss_cli.conversation.habits import Overflow, ReasoningView
from oss_cli.errors import ReplyCutOff, ReplyNotValid
from oss_cli.session.session import Session
from oss_cli.session.turn import Turn
from oss_cli.session.window import make_room
from oss_cli.terminal.console import Console
from oss_cli.terminal.errors import show_error, show_notice
from oss_cli.terminal.reasoning import write_reasoning
from oss_cli.terminal.reply import ReplyPrinter, describe_limit, describe_usage, show_cut_off

if TYPE_CHECKING:
    from oss_cli.backends.base import Backend
    from oss_cli.conversation.tree import Conversation


@dataclass(frozen=True, slots=True)
class _Asked:
    """A reply that can be made now."""

    turn: Turn
    keeps: "Conversation | None"
    """The conversation that keeps it."""

    @property
    def conversation_id(self) -> str | None:
        """Of the conversation; None: it keeps nothing."""
        return self.keeps.id if self.keeps is not None and self.keeps.nodes else None


def write_reply(backend: "Backend", request: Request, console: Console, load_s: float) -> str | None:
    """Make the reply and write it; the conversation that keeps it, if one does.

    load_s: how long it took to open the backend.

    Raises:
        ReplyCutOff: it ended before its answer began, or before one that must have a form was whole.
        ReplyNotValid: a block of code was asked for, and there is none, or not all of it; or the answer has not the
            form that was.
        OssError: the model cannot be evaluated, or the prompt does not fit.
    """
    with _open_turn(backend, request, console) as asked:
        if request.wishes.is_json or request.wishes.is_json_lines:
            _write_json(backend, request, asked, console, load_s)
        else:
            _write_text(backend, request, asked, console)
    return asked.conversation_id


def _write_text(backend: "Backend", request: Request, asked: _Asked, console: Console) -> None:
    wishes = request.wishes
    with _open_printer(request, console) as printer, closing(iter(asked.turn)) as events:
        told = _with_reasoning(events, wishes, console)
        printer.show(_only_code(told, wishes, stops_early=_may_stop(request)) if wishes.extract else told)
    ended = asked.turn.ended
    if ended is None:  # its code had come, and nobody asked for more
        return
    _show_stats(console, wishes, ended)
    _check_answer(backend, request, asked, ended, console)
    if wishes.extract and find_code(asked.turn.reply.content, wishes.extract_lang) is None:
        console.err.write(asked.turn.reply.content.rstrip("\n") + "\n")  # minutes of work are not thrown away
        raise _no_code(wishes)


def _write_json(backend: "Backend", request: Request, asked: _Asked, console: Console, load_s: float) -> None:
    options = request.messages()[1]
    facts = ReplyFacts(
        request, options, options.sampling.over(backend.sampling), backend.sha256, *_place(backend, request), load_s,
        conversation_id=lambda: asked.conversation_id,
    )  # fmt: skip
    wishes = request.wishes
    with JsonAnswer(console.out, asked.turn, facts) as answer:
        with _open_printer(request, console) as printer, closing(iter(asked.turn)) as events:
            printer.show(answer.asides(_with_reasoning(events, wishes, console)))
        ended = asked.turn.ended
        if ended is None:
            return
        _show_stats(console, wishes, ended)
        _check_answer(backend, request, asked, ended, console)
        if wishes.extract and find_code(asked.turn.reply.content, wishes.extract_lang) is None:
            raise _no_code(wishes)


def _place(backend: "Backend", request: Request) -> tuple[str, str]:
    """The version of the engine here, or the address of the server; the other is empty."""
    choice = request.choice
    if isinstance(choice, wiring.ServerChoice):
        return "", choice.server.url
    return wiring.engine_version(backend), ""


@contextmanager
def _open_turn(backend: "Backend", request: Request, console: Console) -> Iterator[_Asked]:
    """The turn that answers the prompt: by itself, or the next or first one of a conversation, which keeps it.

    Raises:
        ContextFull: the conversation has no room for it.
    """
    resumed, settings = request.resumed, request.settings
    if resumed is None and not request.wishes.saves:
        yield _Asked(Turn(backend, *request.messages()), None)
        return
    with closing(wiring.open_journal(settings)) as journal:
        session = Session(
            backend, request.options(), system=settings.system or "",
            conversation=resumed.conversation if resumed is not None else None, journal=journal,
        )  # fmt: skip

        def show_summary(turn: Turn) -> None:
            deque(turn, maxlen=0)
            if console.err.is_watched:
                console.err.dim(turn.reply.content.strip() + "\n")

        for left_out in make_room(session, request.prompt, settings.overflow or Overflow.STOP, show_summary):
            show_notice(console, str(left_out))
        with session.ask(request.prompt, typed=request.typed) as turn:
            yield _Asked(turn, None if settings.private else session.conversation)
    if journal.trouble is not None:
        show_error(journal.trouble, console.err)


def _with_reasoning(events: Iterator[Event], wishes: Wishes, console: Console) -> Iterator[Event]:
    """The events; a pipe is told the reasoning only if it was asked for, a person by the printer."""
    tells = wishes.shows_reasoning and not console.err.is_watched
    return write_reasoning(events, console.err) if tells else events


def _only_code(events: Iterator[Event], wishes: Wishes, *, stops_early: bool) -> Iterator[Event]:
    """The events with an answer that is its first block of code."""
    block = FirstCodeBlock(wishes.extract_lang)
    preamble: list[str] = []
    has_answer = False
    for event in events:
        if isinstance(event, TextDelta):
            has_answer = True
            yield TextDelta(block.feed(event.text))
            if block.is_over and stops_early:
                return
        elif isinstance(event, PreambleDelta):
            preamble.append(event.text)  # the answer, if nothing else comes
        else:
            yield event
    if not has_answer:
        yield TextDelta(block.feed("".join(preamble)))
    yield TextDelta(block.close())


def _may_stop(request: Request) -> bool:
    """Whether the rest of a reply is of no use to anybody once its code has come."""
    wishes = request.wishes
    return request.resumed is None and not (wishes.saves or wishes.shows_stats or wishes.shows_log)


def _open_printer(request: Request, console: Console) -> ReplyPrinter:
    wishes, settings = request.wishes, request.settings
    view = settings.reasoning or ReasoningView.FOLD
    if wishes.shows_reasoning or wishes.hides_reasoning:
        view = ReasoningView.SHOW if wishes.shows_reasoning else ReasoningView.HIDE
    is_markdown = settings.markdown is not False and not wishes.extract and request.form is None
    return ReplyPrinter(console, markdown=is_markdown, reasoning=view)


def _show_stats(console: Console, wishes: Wishes, ended: TurnEnded) -> None:
    if wishes.shows_stats or wishes.shows_log:
        console.err.write(f"seed {ended.seed} · {describe_usage(ended.usage)}\n")


def _check_answer(backend: "Backend", request: Request, asked: _Asked, ended: TurnEnded, console: Console) -> None:
    """Say what is wrong with an answer that has come to its end; a text that is gone on with is never whole.

    Raises:
        ReplyCutOff: it did not begin, or is not whole and should be.
        ReplyNotValid: it has not the form that was asked for, or the code that was is not whole: nobody should run it.
    """
    answer, form, wishes = asked.turn.reply.content, request.form, request.wishes
    limit, hint = describe_limit(ended)
    block = read_code(answer, wishes.extract_lang)
    if wishes.extract and block.is_found:
        if limit and not block.is_over:
            raise ReplyNotValid("the block of code was cut off", cause=limit, hint=hint)
        return
    has_answer = bool(answer) or (form is not None and ended.reason is StopReason.END)  # a form may allow the empty one
    if form is not None and has_answer and limit:
        raise ReplyCutOff("the answer was cut off before it was whole", cause=limit, hint=hint)
    show_cut_off(console, ended, has_answer=has_answer, tells_pipes=not backend.is_plain)
    if form is not None:
        wiring.check_answer(form, answer)


def _no_code(wishes: Wishes) -> ReplyNotValid:
    language = f" in {wishes.extract_lang}" if wishes.extract_lang else ""
    return ReplyNotValid(f"there is no block of code{language} in the answer")
