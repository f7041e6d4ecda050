"""A person at a terminal: one prompt after the other, on prompt_toolkit. Knows nothing of sessions."""

from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.cursor_shapes import ModalCursorShapeConfig
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition, to_filter
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import is_dumb_terminal

from oss_cli.repl.block import is_block, without_quotes
from oss_cli.repl.editor_options import EditorOptions
from oss_cli.repl.prompt.completion import ContextCompleter
from oss_cli.repl.prompt.keys import Actions, bind_keys
from oss_cli.repl.prompt.mention_costs import MentionCosts
from oss_cli.repl.prompt.message_history import MessageHistory
from oss_cli.repl.prompt.not_typed import NotTyped
from oss_cli.repl.prompt.pastes import PasteLabels, Pastes
from oss_cli.repl.prompt.plain_lines import read_plain_lines
from oss_cli.repl.prompt.typing_ahead import bracket_pastes, flush_lone_escape, has_typed_ahead, poll_keys
from oss_cli.repl.reader import Typed
from oss_cli.repl.toolbar import fit_costs, fit_toolbar

_OWN_LETTERS = "›·▰▱≈…"
_OWN_COLOURS = "noreverse fg:default bg:default"  # the terminal's
_STYLE = {
    "bottom-toolbar": f"{_OWN_COLOURS} dim",
    "paste": "dim",
    "completion-menu": _OWN_COLOURS,
    "completion-menu.completion.current": f"{_OWN_COLOURS} reverse",
    "completion-menu.meta.completion": f"{_OWN_COLOURS} dim",
    "completion-menu.meta.completion.current": f"{_OWN_COLOURS} dim",
    "scrollbar.background": "bg:default",
    "scrollbar.button": "bg:default",
    "validation-toolbar": f"{_OWN_COLOURS} bold",
}
_VI_ESCAPE_S = 0.3  # how long Escape waits for an Enter; as long as it takes until vi's mode changes

_Sent = tuple[str, tuple[str, ...]]
"""What was in the buffer, and what of it nobody had typed."""


class LineEditor:
    """A person at a terminal; on a dumb one, plain lines."""

    is_person = True

    def __init__(
        self, history_file: Path | None, commands: dict[str, str], options: EditorOptions | None = None
    ) -> None:
        """history_file: None leaves no trace on the disk; commands: each with its `/`, and one line of what it does."""
        self._options = options or EditorOptions()
        self._pastes = Pastes()
        self._not_typed = NotTyped()
        self._completer = ContextCompleter(commands, self._options.words)
        self._session = self._open_session(history_file)
        self._is_ascii = not _can_write(_OWN_LETTERS, self._session.output.encoding())
        self._session.default_buffer.on_text_changed += lambda buffer: self._not_typed.look_at(buffer.text)
        self._costs = self._watch_costs()
        self._offered: _Sent = ("", ())
        self._sent: dict[str, _Sent] = {}
        """What was in the buffer for each message of this chat."""

    def read(self) -> Typed:
        """The next message or command; Enter sends, Alt-Enter or Ctrl-J begins a new line.

        Raises:
            EOFError: Ctrl-D.
            KeyboardInterrupt: Ctrl-C.
        """
        if is_dumb_terminal():
            return read_plain_lines()
        (offered, not_typed), self._offered = self._offered, ("", ())
        self.watch_keys()
        if offered and has_typed_ahead(self._session.input):  # it would be glued to it; Up brings it back
            offered, not_typed = "", ()
        self._not_typed.begin(not_typed)
        try:
            raw = self._session.prompt(
                FormattedText([("bold", self._ascii("› ", "> "))]), default=offered, pre_run=self._begin
            )
        finally:
            bracket_pastes(self._session.output)
        typed = self._typed(raw)
        here = self._not_typed.here
        if typed not in self._sent or raw != typed or here:  # a command of the same words was no message in quotes
            self._sent[typed] = raw, here
        return typed

    def offer(self, text: str) -> None:
        """Let the next `read` begin with this text; a message that was sent here comes back as it was typed.

        Any other comes from elsewhere, and is not typed by hand: unchanged, it is a message without files.
        """
        self._offered = self._sent.get(text, (text, (text,))) if text else ("", ())

    def watch_keys(self) -> Iterable[str]:
        """The keys pressed since the last time that mean something while a reply comes: `c-o`, for the reasoning.

        Reads what has been typed and does not wait; all other keys, and pastes, are kept for the next `read`. Call it
        inside `typing_ahead`. Ctrl-C is no key here but the signal. On Windows nothing is read before the next prompt.
        """
        return [] if is_dumb_terminal() else poll_keys(self._session.input)

    def _open_session(self, history_file: Path | None) -> "PromptSession[str]":
        is_vi = self._options.editing_mode == "vi"
        session: PromptSession[str] = PromptSession(
            history=MessageHistory(history_file, self._pastes, self._not_typed),
            completer=self._completer,
            complete_in_thread=True,
            # Room for the menu is made only where something may be offered.
            complete_while_typing=Condition(lambda: self._completer.expects_some(self._before_cursor())),
            multiline=True,
            search_ignore_case=True,
            editing_mode=EditingMode.VI if is_vi else EditingMode.EMACS,
            cursor=ModalCursorShapeConfig() if is_vi else None,
            key_bindings=bind_keys(
                Actions(self._pastes, self._not_typed, self._options.on_reasoning, is_private=history_file is None)
            ),
            input_processors=[PasteLabels(self._pastes)],
            bottom_toolbar=self._toolbar if self._options.toolbar or self._options.count_tokens else None,
            style=Style.from_dict(_STYLE),
            enable_suspend=True,
            output=DummyOutput() if is_dumb_terminal() else None,  # it would begin with an escape sequence
            prompt_continuation=lambda width, line, wrapped: self._ascii("· ", "- ").rjust(width),
        )
        session.layout.current_window.dont_extend_height = to_filter(True)  # the toolbar stands right below the text
        if is_vi:
            session.app.timeoutlen = _VI_ESCAPE_S
        return session

    def _begin(self) -> None:
        self._session.app.create_background_task(flush_lone_escape())

    def _typed(self, raw: str) -> Typed:
        """The text of a message, its pastes unfolded; letters that the terminal could not make known are lost."""
        text = self._pastes.unfold(without_quotes(raw)).encode("utf-8", "replace").decode()
        is_quoted = is_block(raw) or self._pastes.begins(raw) or self._not_typed.begins(raw)
        return Typed.of(text, by_hand=self._by_hand(raw), is_quoted=is_quoted)

    def _by_hand(self, raw: str) -> str:
        """What a person typed of the text in the buffer."""
        return self._not_typed.by_hand(self._pastes.leave_out(raw))

    def _watch_costs(self) -> MentionCosts | None:
        if self._options.count_tokens is None:
            return None
        costs = MentionCosts(self._options.count_tokens, self._session.app.invalidate, about=self._ascii("≈", "~"))
        self._session.default_buffer.on_text_changed += lambda buffer: costs.look_at(self._by_hand(buffer.text))
        return costs

    def _toolbar(self) -> FormattedText | None:
        width = self._session.output.get_size().columns
        lines = []
        if self._costs is not None and self._costs.shown:
            lines.append(fit_costs(self._costs.shown, width, is_ascii=self._is_ascii))
        if self._options.toolbar is not None:
            lines.append(fit_toolbar(self._options.toolbar(), width, is_ascii=self._is_ascii))
        return FormattedText([("", "\n".join(lines))])

    def _before_cursor(self) -> str:
        return self._session.default_buffer.document.text_before_cursor

    def _ascii(self, letters: str, plain: str) -> str:
        return plain if self._is_ascii else letters


def _can_write(letters: str, encoding: str) -> bool:
    try:
        letters.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
