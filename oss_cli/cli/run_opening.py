"""The model of `oss run` is opened, and then answers.

Imports no more than that takes: what makes the reply is imported while the model is loaded (15 ms).
"""

import importlib
import time
from contextlib import closing
from typing import TYPE_CHECKING

from oss_cli import wiring
from oss_cli.cli.signals import leaving_when_told
from oss_cli.terminal.console import Console, open_console
from oss_cli.terminal.errors import show_notice
from oss_cli.terminal.status import LoadStatus

if TYPE_CHECKING:
    from oss_cli.backends.base import Backend
    from oss_cli.cli.run_request import Request


def write_answer(request: "Request") -> None:
    """Open the model, make the reply and write it.

    Raises:
        As `write_reply`.
        OssError: the model cannot be loaded.
    """
    console = open_console(needs_err=False)  # an answer is not lost because nobody could read what goes beside it
    for notice in request.notices:
        show_notice(console, notice)
    wishes = request.wishes
    if wishes.is_json or wishes.is_json_lines or wishes.shows_stats or wishes.shows_log:
        request = request.with_seed()  # it is told, and makes the same answer again: see Speculation.AUTO
    with leaving_when_told():
        started = time.monotonic()
        with closing(_open_backend(request, console)) as backend:
            load_s = time.monotonic() - started
            if backend.is_plain and not wishes.is_raw:
                show_notice(console, f"{request.choice.name} has no chat format: it goes on with the text")
            from oss_cli.cli.run_reply import write_reply

            kept = write_reply(backend, request, console, load_s)
        if wishes.saves and kept is not None:
            show_notice(console, f"kept: oss run --conversation {kept}")


def _import_reply() -> None:
    importlib.import_module("oss_cli.cli.run_reply")


def _open_backend(request: "Request", console: Console) -> "Backend":
    choice, settings = request.choice, request.settings

    def say(text: str) -> None:
        show_notice(console, text)

    def tell(text: str) -> None:
        if settings.cache and not console.err.is_watched:  # a script that asked for it would never know
            console.err.write(f"({text})\n")
        else:
            say(text)

    def keep() -> "wiring.ModelChoice | wiring.ServerChoice":
        is_kept = request.resumed or request.wishes.saves or settings.cache
        if is_kept and isinstance(choice, wiring.ModelChoice):
            return wiring.keep_states(choice, settings, tell)
        return choice

    log = console.err.write if request.wishes.shows_log else None
    listener = wiring.Listener(lambda: LoadStatus(console.err, choice.name), log, say, _import_reply)
    return wiring.open_model(choice, settings, listener, is_one_shot=True, keep=keep)
