"""What Tab offers: commands, the words that may stand after one, and paths. Runs on a thread; knows no commands."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from oss_cli.attachments.finding import expand_home
from oss_cli.repl.editor_options import Words

_MOST_PATHS = 300
_COMMAND = re.compile(r"/[\w?]*")
_ARGUMENT = re.compile(r"(/[\w?]+)[ \t]+([^\n]*)")
_MENTION = re.compile(r"""(?<![^\s(\[{<"'“‘«])@("[^"\n]*|[^\s"@]*)$""")
_LAST_PATH = re.compile(r"""(?:^|[ \t])("[^"]*|[^\s"']*)$""")
_NEEDS_QUOTES = re.compile(r"[\s'\\]")
_SEPARATORS = "/" if os.sep == "/" else "/\\"


class ContextCompleter(Completer):
    """Looks at what stands before the cursor."""

    def __init__(self, commands: Mapping[str, str], words: Mapping[str, Words]) -> None:
        """commands: each with its `/`, and its meaning; words: what may stand after each of them."""
        self._commands = commands
        self._words = words

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What could stand at the cursor."""
        before = document.text_before_cursor
        if mention := _MENTION.search(before):
            return _complete_path(mention[1])
        if _COMMAND.fullmatch(before):
            return self._complete_command(before)
        if argument := _ARGUMENT.fullmatch(before):
            return self._complete_argument(argument[1], argument[2])
        return []

    def expects_some(self, before: str) -> bool:
        """Whether something may be offered after this text, and room for it is to be made."""
        argument = _ARGUMENT.fullmatch(before)
        has_words = argument is not None and argument[1] in self._words
        return has_words or bool(_COMMAND.fullmatch(before) or _MENTION.search(before))

    def _complete_command(self, begun: str) -> Iterator[Completion]:
        for name, meaning in self._commands.items():
            if name.startswith(begun):
                yield Completion(name, start_position=-len(begun), display_meta=meaning)

    def _complete_argument(self, command: str, begun: str) -> Iterable[Completion]:
        words = self._words.get(command)
        if words is None:
            return []
        if words == "paths":
            path = _LAST_PATH.search(begun)
            return _complete_path(path[1]) if path else []
        return _complete_word(begun, words())


def _complete_word(begun: str, words: Iterable[str]) -> Iterator[Completion]:
    """The words that begin so, then those that have it in them."""
    wanted = begun.casefold()
    fitting = [word for word in words if wanted in word.casefold()]
    for word in sorted(fitting, key=lambda word: not word.casefold().startswith(wanted)):
        yield Completion(word, start_position=-len(begun))


def _complete_path(begun: str) -> Iterator[Completion]:
    """The paths that begin so; those with blanks in quotes, folders with a slash and ready to go on."""
    bare = begun.removeprefix('"')
    if bare == "~":
        yield Completion("~/", start_position=-len(begun))
        return
    cut = max(map(bare.rfind, _SEPARATORS)) + 1
    folder, name = bare[:cut], bare[cut:]
    for entry, is_folder in islice(_entries(folder, name), _MOST_PATHS):
        path = folder + entry + "/" * is_folder
        if begun.startswith('"') or _NEEDS_QUOTES.search(path.replace("\\", "") if os.name == "nt" else path):
            path = f'"{path}' if is_folder else f'"{path}"'
        yield Completion(path, start_position=-len(begun), display=entry + "/" * is_folder)


def _entries(folder: str, begun: str) -> Iterator[tuple[str, bool]]:
    """Names in a folder that begin so, in order, and whether each is a folder; hidden ones only if asked for."""
    try:
        entries = sorted(os.scandir(expand_home(folder or ".")), key=lambda entry: entry.name.casefold())
    except OSError:
        return
    for entry in entries:
        is_wanted = entry.name.casefold().startswith(begun.casefold())
        if not is_wanted or '"' in entry.name or not entry.name.isprintable():
            continue
        if not entry.name.startswith(".") or begun.startswith("."):
            yield entry.name, os.path.isdir(entry.path)  # noqa: PTH112 - and a link in a circle is none
