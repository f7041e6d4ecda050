"""Finding messages by their words. Knows what people type into a search, and how SQLite wants to be asked.

Words are found wherever a word begins like them, in any order, within one message; words between double quotes stay
together. What is not indexed yet, and everything where FTS5 is lacking, is looked through text by text.
"""

import re
from dataclasses import dataclass

from oss_cli.history.database import Connection

_START, _END = "\ue000", "\ue001"  # of a match: private to us, and of no meaning to FTS5
_SNIPPET_WORDS = 24
_AROUND = 80  # characters, where FTS5 does not choose them
# Their words are not separated by spaces, so FTS5 takes whole clauses for words: Chinese, Japanese, Thai, ...
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that was found."""

    conversation_id: str
    node_id: str
    role: str
    created: float
    snippet: tuple[str, ...]
    """Pieces of the text in turn: one around the words, one that was looked for, and so on."""

    @property
    def text(self) -> str:
        """The snippet as one text."""
        return "".join(self.snippet)


def search(connection: Connection, text: str, limit: int) -> list[Hit]:
    """The messages that hold all words: those not indexed yet first, then the best."""
    phrases = split_phrases(text)
    if not phrases:
        return []
    is_indexable = all(re.search(r"[^\W_]", phrase) and not _UNSPACED.search(phrase) for phrase, _ in phrases)
    uses_index = connection.has_index and is_indexable
    hits = _look_through(connection, [phrase for phrase, _ in phrases], limit, only_unindexed=uses_index)
    if uses_index:
        hits += _ask_index(connection, phrases, limit - len(hits))
    return hits


def split_phrases(text: str) -> list[tuple[str, bool]]:
    """What is looked for, and whether it must stand there as it is: it was in quotes."""
    found = re.findall(r'"([^"]*)"|([^\s"]+)', text.replace("\0", " "))
    return [(quoted.strip() or word, bool(quoted)) for quoted, word in found if quoted.strip() or word]


def _ask_index(connection: Connection, phrases: list[tuple[str, bool]], limit: int) -> list[Hit]:
    # Between quotes nothing is an operator of FTS5. A word of the answer counts more than one of the reasoning.
    query = " ".join(f'"{phrase}"' if is_quoted else f'"{phrase}"*' for phrase, is_quoted in phrases)
    rows = connection.execute(
        "SELECT conversation_id, id, CAST(role AS TEXT), CAST(created AS REAL), "
        "snippet(message_index, -1, ?, ?, '…', ?) "
        "FROM message_index JOIN nodes ON number = message_index.rowid WHERE message_index MATCH ? "
        "ORDER BY bm25(message_index, 1.0, 0.5), created DESC LIMIT ?",
        (_START, _END, _SNIPPET_WORDS, query, limit),
    )
    return [
        Hit(id_, node, role, created, tuple(re.split(f"[{_START}{_END}]", snippet)))
        for id_, node, role, created, snippet in rows
    ]


def _look_through(connection: Connection, words: list[str], limit: int, *, only_unindexed: bool) -> list[Hit]:
    # A function of ours: LIKE knows capital letters in ASCII alone. It is given bytes: a damaged text may be no UTF-8.
    connection.create_function("holds", 2, _holds, deterministic=True)
    condition = " AND ".join(["holds(CAST(content || ' ' || reasoning AS BLOB), ?)"] * len(words))
    rows = connection.execute(
        "SELECT conversation_id, id, CAST(role AS TEXT), CAST(created AS REAL), CAST(content AS TEXT), "
        f"CAST(reasoning AS TEXT) FROM nodes WHERE {condition} "
        f"{'AND is_indexed = 0' if only_unindexed else ''} ORDER BY created DESC LIMIT ?",
        (*(word.casefold() for word in words), limit),
    )
    return [
        Hit(id_, node, role, created, _snippet(f"{content} {reasoning}".strip(), words))
        for id_, node, role, created, content, reasoning in rows
    ]


def _holds(text: bytes, word: str) -> bool:
    return word in text.decode("utf-8", "replace").casefold()


def _snippet(text: str, words: list[str]) -> tuple[str, ...]:
    pattern = re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE)
    first = pattern.search(text)
    if first is None:  # only casefold() finds it: ß and ss
        return (text[: 2 * _AROUND],)
    start, end = max(0, first.start() - _AROUND), first.end() + _AROUND
    pieces = re.split(f"({pattern.pattern})", text[start:end], flags=re.IGNORECASE)
    pieces[0] = ("…" if start > 0 else "") + pieces[0]
    pieces[-1] += "…" if end < len(text) else ""
    return tuple(pieces)
