"""Read a line, do what it says, show what comes; where Ctrl-C and Ctrl-D are decided."""

from contextlib import AbstractContextManager, closing

from oss_cli.errors import OssError
from oss_cli.repl.commands import REGISTRY, Chat
from oss_cli.repl.reader import Reader
from oss_cli.repl.registry import Outcome, Quit, Send, SendAgain, Stay
from oss_cli.session.session import Session
from oss_cli.session.turn import Turn
from oss_cli.terminal.console import Console
from oss_cli.terminal.errors import show_error
from oss_cli.terminal.reply import ReplyPrinter, describe_usage, show_cut_off, show_notice


class ChatLoop:
    """One chat from its first line to its last."""

    def __init__(self, session: Session, reader: Reader, console: Console) -> None:
        self._chat = Chat(session)
        self._reader = reader
        self._console = console

    def run(self) -> None:
        """Go on until Ctrl-D, `/exit` or the end of the input.

        Raises:
            OssError: a line of a script failed: what follows it may make no sense. A person is shown the error instead.
            KeyboardInterrupt: Ctrl-C, and nobody is at the prompt.
        """
        while True:
            try:
                line = self._reader.read()
            except EOFError:
                return
            except KeyboardInterrupt:
                if not self._reader.is_person:
                    raise
                show_notice(self._console, "Ctrl-D leaves the chat")
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
        outcome = self._command(line.strip()) if _is_command(line) else Send(line)
        match outcome:
            case Quit():
                return False
            case Stay(text):
                if text:
                    self._console.err.write(text + "\n")
            case Send(text):
                self._show(self._chat.session.ask(text), text)
            case SendAgain():
                self._show(self._chat.session.ask_again())
        return True

    def _command(self, line: str) -> Outcome:
        word, _, argument = line[1:].partition(" ")
        return REGISTRY.find(word).run(self._chat, argument.strip())

    def _show(self, asked: AbstractContextManager[Turn], text: str = "") -> None:
        """Show a turn; a message that got no answer is offered to its writer again.

        Raises:
            ReplyCutOff: the reply ended before its answer began.
        """
        with asked as turn:
            try:
                with ReplyPrinter(self._console) as printer, closing(iter(turn)) as events:
                    printer.show(events)
            except KeyboardInterrupt:
                if not self._reader.is_person:
                    raise
                said = bool(turn.reply.content)
                show_notice(self._console, "stopped; what was said is kept" if said else "stopped before an answer")
            finally:
                if not turn.reply.content:
                    self._reader.offer(text)
        if turn.ended is not None:
            show_cut_off(self._console, turn.ended, has_answer=bool(turn.reply.content), more="/set max_tokens")
            show_notice(self._console, describe_usage(turn.ended.usage))


def _is_command(line: str) -> bool:
    """A slash and a word: a path such as /etc/hosts is a message."""
    word = line.strip().partition(" ")[0]
    return word.startswith("/") and word != "/" and "/" not in word[1:]
