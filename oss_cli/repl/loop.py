"""Read a line, do what it says, show what comes; where Ctrl-C and Ctrl-D are decided."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing

from oss_cli.attachments import attach_mentions, put_before
from oss_cli.conversation.events import StopReason
from oss_cli.conversation.tree import Node
from oss_cli.errors import OssError
from oss_cli.repl.chat import Chat
from oss_cli.repl.commands import REGISTRY
from oss_cli.repl.reader import Reader, Typed
from oss_cli.repl.registry import Answer, Offer, Outcome, Quit, Send, Stay, SumUp
from oss_cli.session.turn import Turn
from oss_cli.session.window import compact, make_room
from oss_cli.terminal.console import Console
from oss_cli.terminal.conversation import wrapped
from oss_cli.terminal.errors import show_error, show_notice
from oss_cli.terminal.reply import ReplyPrinter, show_cut_off
from oss_cli.terminal.status import StatusLine

_PARTING_WORDS = ("exit", "quit")
"""What people type without a slash, out of habit."""

OpenPrinter = Callable[[str], ReplyPrinter]
"""A printer for one reply; gets what was shown of it earlier."""


class ChatLoop:
    """One chat from its first line to its last."""

    def __init__(self, chat: Chat, reader: Reader, console: Console, open_printer: OpenPrinter) -> None:
        self._chat = chat
        self._reader = reader
        self._console = console
        self._open_printer = open_printer
        self._has_told_trouble = False
        self._replaced: Node | None = None
        """The message that the next one takes the place of: it is being edited."""

    def run(self) -> None:
        """Go on until Ctrl-D, `/exit` or the end of the input.

        Raises:
            OssError: a line of a script failed: what follows it may make no sense. A person is shown the error instead.
            KeyboardInterrupt: Ctrl-C, and nobody is at the prompt.
        """
        while True:
            self._tell_trouble()
            try:
                line = self._reader.read()
            except EOFError:
                return
            except KeyboardInterrupt:
                if not self._reader.is_person:
                    raise
                edits, self._replaced = self._replaced is not None, None
                show_notice(self._console, "nothing is changed" if edits else "Ctrl-D leaves the chat")
                continue
            try:
                goes_on = self._handle(line)
            except KeyboardInterrupt:  # between two replies
                if not self._reader.is_person:
                    raise
                continue
            except OssError as error:
                if not self._reader.is_person:
                    raise
                show_error(error, self._console.err)
                continue
            if not goes_on:
                return

    def _handle(self, line: str) -> bool:
        """Do what one line says; whether the chat goes on."""
        if not line.strip():
            return True
        match self._read(line):
            case Quit():
                return False
            case Stay(text):
                if text:
                    self._tell(text)
            case Send(text):
                self._send(text)
            case Answer(begin):
                self._show(begin())
            case Offer(question):
                self._offer(question)
            case SumUp():
                self._tell(str(compact(self._chat.session, self._show_summary)))
        return True

    def _read(self, line: str) -> Outcome:
        is_quoted = isinstance(line, Typed) and line.is_quoted
        if is_quoted or not _is_command(line):
            is_parting = line.strip().lower() in _PARTING_WORDS and not is_quoted
            return Quit() if is_parting else Send(line)
        word, *rest = line.strip()[1:].split(maxsplit=1)
        tip = self._chat.session.conversation.tip
        outcome = REGISTRY.find(word).run(self._chat, rest[0] if rest else "")
        if self._chat.session.conversation.tip != tip:  # the message that was to be changed is not in the way any more
            self._replaced = None
        return outcome

    def _offer(self, question: Node) -> None:
        """Let an earlier message be changed; the next one that is sent takes its place."""
        chat = self._chat
        text = question.typed or question.message.content
        self._replaced = question
        chat.attached = list(chat.sent_files.get(question.id, ()))
        if not self._reader.is_person:
            self._send(text)
            return
        self._reader.offer(text)
        if question.typed and question.id not in chat.sent_files:
            show_notice(self._console, "its files are not attached any more, but those that it mentions: /file")

    def _send(self, text: str) -> None:
        """Send a message with its files; one that got no answer is offered to its writer again.

        Raises:
            ContextFull: it does not fit.
            ReplyCutOff: the reply ended before its answer began.
        """
        chat, session = self._chat, self._chat.session
        known = set(session.conversation.nodes)
        replaced, self._replaced = self._replaced, None
        is_kept = False
        try:
            content = self._with_files(text)
            with session.in_place_of(replaced):
                for left_out in make_room(session, content, chat.overflow, self._show_summary):
                    self._tell(f"({left_out})")
                try:
                    self._show(session.ask(content, typed=str(text) if content != text else ""))
                finally:
                    new = [node for node in session.questions[-1:] if node.id not in known]
                    is_kept = bool(new)
                    chat.sent_files |= {node.id: tuple(chat.attached) for node in new}
        finally:
            if is_kept:
                chat.attached.clear()
            else:
                self._replaced = replaced
                self._reader.offer(text)

    def _with_files(self, text: str) -> str:
        """A message as the model reads it: the files that go with it, then its text."""
        by_hand = text.by_hand if isinstance(text, Typed) else text
        mentioned = attach_mentions(by_hand, byte_limit=self._chat.most_file_bytes)
        for notice in mentioned.notices:
            show_notice(self._console, notice)
        attachments = [*self._chat.attached, *mentioned.attachments]
        if attachments:
            self._chat.check_room(attachments)
        return put_before(text, attachments)

    def _show(self, asked: AbstractContextManager[Turn]) -> None:
        """Show a turn.

        Raises:
            ReplyCutOff: the reply ended before its answer began.
        """
        with asked as turn:
            try:
                with self._open_printer(turn.begun.content) as printer, closing(iter(turn)) as events:
                    printer.show(events)
            except KeyboardInterrupt:
                if not self._reader.is_person:
                    raise
                said = turn.reply.content or turn.reply.reasoning
                show_notice(self._console, "stopped; /continue goes on" if said else "stopped before an answer")
        if turn.ended is not None:
            is_full = turn.ended.reason is StopReason.CONTEXT_FULL
            show_cut_off(
                self._console, turn.ended, has_answer=bool(turn.reply.content), more="/set max_tokens",
                goes_on="/compact or /new makes room" if is_full else "/continue goes on",
            )  # fmt: skip

    def _show_summary(self, turn: Turn) -> None:
        """Let the model write a summary, and show it as an aside."""
        status = StatusLine(self._console.err)
        try:
            with closing(iter(turn)) as events:
                for _ in events:
                    status.update(f"summing up the oldest turns: {turn.new_tokens:,} tokens")
        except KeyboardInterrupt:
            status.clear()
            show_notice(self._console, "stopped: nothing is summed up")
            raise
        finally:
            status.clear()
        if self._reader.is_person:
            self._console.err.dim(turn.reply.content.strip() + "\n")

    def _tell_trouble(self) -> None:
        """Say once if nothing is kept any more; the chat goes on."""
        trouble = self._chat.session.journal.trouble
        if trouble is None or self._has_told_trouble:
            return
        self._has_told_trouble = True
        show_error(trouble, self._console.err)
        self._tell("(what is said here from now on is not kept)")

    def _tell(self, text: str) -> None:
        """Write what a script is told, too; for a person, in lines that fit."""
        if self._reader.is_person:
            text = "\n".join(wrapped(line, self._chat.columns()) for line in text.split("\n"))
        self._console.err.write(text + "\n")


def _is_command(line: str) -> bool:
    """A slash and a word: a path such as /etc/hosts is a message."""
    word = line.strip().partition(" ")[0].partition("\n")[0]
    return word.startswith("/") and word != "/" and "/" not in word[1:]
