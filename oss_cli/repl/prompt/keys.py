"""What the keys do at the prompt, beyond what prompt_toolkit gives them. Knows nothing of what they act on."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import emacs_mode, has_focus, has_selection, vi_insert_mode, vi_navigation_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.validation import ValidationError

from oss_cli.errors import BadUsage
from oss_cli.repl.block import is_open
from oss_cli.repl.prompt.letters import last_letter_length
from oss_cli.repl.prompt.not_typed import NotTyped
from oss_cli.repl.prompt.own_editor import edit, find_memory, first_writable, message_file, read_back
from oss_cli.repl.prompt.pastes import Pastes

_IN_MESSAGE = has_focus(DEFAULT_BUFFER)  # else a search is being typed
_CURSOR_REPORT = re.compile(r"\x1b\[\d+;\d+R")  # a terminal's answer, come between two parts of a long paste
_INSERTING = emacs_mode | vi_insert_mode


@dataclass(frozen=True, slots=True)
class Actions:
    """What the keys need."""

    pastes: Pastes
    not_typed: NotTyped
    on_reasoning: Callable[[], None] | None
    is_private: bool
    """Whether nothing that is typed may come to the disk."""


def bind_keys(actions: Actions) -> KeyBindings:
    """The bindings of the prompt."""
    bindings = KeyBindings()
    _bind_enter(bindings)
    _bind_pastes(bindings, actions.pastes)
    _bind_own_editor(bindings, actions)
    if actions.on_reasoning is not None:
        _bind_reasoning(bindings, actions.on_reasoning)
    return bindings


def _bind_enter(bindings: KeyBindings) -> None:
    @bindings.add("enter", filter=_IN_MESSAGE)
    def _send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if _takes_completion(buffer):
            return
        if is_open(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    # In vi's navigation mode, Escape and Enter in a row are two keys.
    @bindings.add("escape", "enter", filter=_IN_MESSAGE & _INSERTING)
    @bindings.add("c-j", filter=_IN_MESSAGE)
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")


def _takes_completion(buffer: Buffer) -> bool:
    """Whether Enter takes what is chosen in the menu. A command alone is sent at once."""
    chosen = buffer.complete_state and buffer.complete_state.current_completion
    if not chosen or (buffer.text.startswith("/") and " " not in buffer.text):
        return False
    buffer.complete_state = None
    if chosen.text.endswith("/"):
        buffer.start_completion()
    return True


def _bind_pastes(bindings: KeyBindings, pastes: Pastes) -> None:
    @bindings.add(Keys.BracketedPaste, filter=_IN_MESSAGE)
    def _paste(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        text = _CURSOR_REPORT.sub("", event.data).replace("\r\n", "\n").replace("\r", "\n")
        buffer.insert_text(pastes.fold(text, buffer.text))

    @bindings.add("backspace", filter=_IN_MESSAGE & _INSERTING & ~has_selection)
    def _delete_letter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        for _ in range(event.arg):
            buffer.delete_before_cursor(last_letter_length(buffer.document.text_before_cursor))


def _bind_own_editor(bindings: KeyBindings, actions: Actions) -> None:
    @bindings.add("c-x", "c-e", filter=_IN_MESSAGE)
    @bindings.add("v", filter=_IN_MESSAGE & vi_navigation_mode)
    def _open_editor(event: KeyPressEvent) -> None:
        event.app.create_background_task(_edit(event.current_buffer, actions))


async def _edit(buffer: Buffer, actions: Actions) -> None:
    """Let the user's editor change the message; what it leaves stands at the prompt, to be sent."""
    folded = buffer.text
    before = actions.pastes.unfold(folded)
    try:
        with message_file(before, first_writable(find_memory()) if actions.is_private else None) as path:
            await run_in_terminal(lambda: edit(path), in_executor=True)
            text = read_back(path)
    except BadUsage as error:
        buffer.validation_error = ValidationError(message=error.message)
        return
    if text == before.removesuffix("\n"):
        return
    text, changed = actions.pastes.fold_again(text, folded)
    for paste in changed:
        actions.not_typed.add(paste)
    buffer.text = text
    buffer.cursor_position = len(text)


def _bind_reasoning(bindings: KeyBindings, on_reasoning: Callable[[], None]) -> None:
    @bindings.add("c-o")
    def _toggle(event: KeyPressEvent) -> None:
        run_in_terminal(on_reasoning)
