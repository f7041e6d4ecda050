"""Whether a regular expression is found in a string, in time that grows with the string alone.

Python's own `re` tries every way to read `^(a|a)*b$` in turn, which never ends. The meaning is ECMA 262's, as JSON
Schema has it: `\\w`, `\\d` are of ASCII, `$` is the very end.
"""

import json
import re
import threading
from functools import lru_cache

from oss_cli.errors import BadUsage
from oss_cli.grammar.automaton import Automaton
from oss_cli.grammar.schema.pattern import EXACT_CLASSES, NotSupported, string_matching

_LOCK = threading.Lock()
"""An automaton grows as it follows a text; the answers of a batch are checked by several threads."""


def is_found(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text.

    Raises:
        BadUsage: there are too many ways to read the text.
    """
    automaton = _automaton(pattern)
    if automaton is None:
        return re.search(pattern, text) is not None
    with _LOCK:
        return automaton.accepts(json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=64)
def _automaton(pattern: str) -> Automaton | None:
    """None: no grammar can follow it. No answer is held to such a pattern: it was refused."""
    try:
        return Automaton(string_matching(pattern, EXACT_CLASSES))
    except (NotSupported, BadUsage):
        return None
