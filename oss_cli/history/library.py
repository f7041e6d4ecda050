"""The conversations that are kept: listed, read, found, taken in and removed. Every call opens the file anew.

Reading never changes the file, and a history that is not there yet is an empty one.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from oss_cli.conversation.json_form import Unfit
from oss_cli.conversation.messages import Message, Role
from oss_cli.conversation.tree import Conversation, Node, new_id
from oss_cli.errors import UnknownConversation
from oss_cli.history.database import Connection, Database, reads_at_once, transaction
from oss_cli.history.rows import node_from_row
from oss_cli.history.search import Hit, search
from oss_cli.history.writing import (
    change_conversation,
    delete_conversation,
    facts_of,
    index_some,
    make_conversation,
    put_node,
    scrub,
)

_LEAST_PREFIX = 4  # shorter ones would soon be ambiguous
_MOST_CANDIDATES = 5

_SUMMARIES = """
    SELECT id, created, updated, title,
        (SELECT substr(CAST(CASE typed WHEN '' THEN content ELSE typed END AS TEXT), 1, 1000) FROM nodes
            WHERE conversation_id = conversations.id AND role = 'user' ORDER BY number LIMIT 1) AS beginning,
        (SELECT count(*) FROM nodes WHERE conversation_id = conversations.id) AS messages,
        (SELECT count(*) - count(DISTINCT parent_id) FROM nodes WHERE conversation_id = conversations.id) AS branches,
        (SELECT CAST(model AS TEXT) FROM nodes WHERE conversation_id = conversations.id AND model IS NOT NULL
            ORDER BY number DESC LIMIT 1) AS model,
        (SELECT model IS NOT NULL AND coalesce(reason, '') NOT IN ('end', 'stop_string', 'tool_call') FROM nodes
            WHERE nodes.id = conversations.tip) AS is_partial
    FROM conversations
    ORDER BY updated DESC, created DESC, id
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list tells of a conversation."""

    id: str
    short_id: str
    """Its shortest beginning, of four letters at least, that no other conversation shares."""
    title: str
    """Its title, or the beginning of the first message."""
    created: float
    updated: float
    model: str
    """The one that made the last reply; empty if there is none."""
    messages: int
    """Of all branches."""
    branches: int
    is_partial: bool
    """Whether it ends with a reply that did not come to its end."""


class Addition(Enum):
    """What became of a conversation that was taken in."""

    ADDED = "added"
    ALREADY_HERE = "already here"
    RENAMED = "renamed"
    """Another conversation has its id, or another message one of its messages' ids."""


class History:
    """The conversations of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def summaries(self) -> list[Summary]:
        """All conversations, the latest first.

        Raises:
            HistoryUnusable: the database cannot be read; this goes for every call.
        """
        with self._database.reading() as connection:
            return _summaries(connection)

    def find(self, id_text: str) -> str:
        """The id of the conversation that has this id, or whose id alone begins like this.

        Raises:
            UnknownConversation: there is none, or more than one.
        """
        with self._database.reading() as connection:
            return _find(connection, id_text)

    def load(self, id_text: str) -> Conversation:
        """The conversation that has this id, or whose id alone begins like this; without messages that are damaged.

        Raises:
            UnknownConversation: there is none, or more than one.
        """
        with self._database.reading() as connection, reads_at_once(connection):
            conversation = self._read(connection, _find(connection, id_text))
            assert conversation is not None
            return conversation

    def last(self) -> Conversation | None:
        """The conversation in which something was said last."""
        with self._database.reading() as connection, reads_at_once(connection):
            last = connection.execute("SELECT id FROM conversations ORDER BY updated DESC, created DESC, id LIMIT 1")
            row = last.fetchone()
            return self._read(connection, row[0]) if row is not None else None

    def search(self, text: str, *, limit: int = 20) -> list[Hit]:
        """The messages that hold all these words, the best first."""
        with self._database.reading() as connection:
            return search(connection, text, limit)

    def add(self, conversation: Conversation) -> tuple[str, Addition]:
        """Take in a conversation from elsewhere; its id here, and what became of it."""
        with self._database.writing() as connection, transaction(connection):
            present = self._read(connection, conversation.id)
            if present is not None and _same(present, conversation):
                return conversation.id, Addition.ALREADY_HERE
            taken = present is not None or _has_any(connection, conversation.nodes)
            added = _with_new_ids(conversation) if taken else conversation
            make_conversation(connection, facts_of(added))
            for node in added.nodes.values():
                put_node(connection, added.id, node)
            change_conversation(connection, facts_of(added))  # the tip is what it was, not the last node
            index_some(connection, most=len(added.nodes))
            return added.id, Addition.RENAMED if taken else Addition.ADDED

    def delete(self, ids: Iterable[str]) -> bool:
        """Remove conversations for good: not even a search through the file's bytes finds them.

        False: another process is reading; what was removed leaves the file when the last `oss` that uses it ends.
        """
        with self._database.writing() as connection:
            with transaction(connection):
                for one in ids:
                    delete_conversation(connection, one)
            return scrub(connection)

    def _read(self, connection: Connection, conversation_id: str) -> Conversation | None:
        connection.row_factory = sqlite3.Row
        row = connection.execute("SELECT * FROM conversations WHERE id = ?", (conversation_id,)).fetchone()
        rows = connection.execute("SELECT * FROM nodes WHERE conversation_id = ? ORDER BY number", (conversation_id,))
        branches = _Branches()
        for one in rows:
            branches.add(one)
        connection.row_factory = None
        if row is None:
            return None
        nodes = branches.nodes
        tip = branches.instead.get(row["tip"], row["tip"])
        if tip not in nodes:
            tip = next(reversed(nodes), None) if row["tip"] else None
        return Conversation(
            row["id"], row["created"], row["date"], row["title"], row["system"], tip, row["updated"], nodes,
            tuple(branches.unreadable),
        )  # fmt: skip


class _Branches:
    """A conversation's messages, row by row. One that cannot be read is left out: what followed it follows what it
    followed, or else what stood before it."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.unreadable: list[str] = []
        self.instead: dict[object, str | None] = {}
        """Of each id that cannot be followed, the one that can."""

    def add(self, row: sqlite3.Row) -> None:
        """The next row."""
        try:
            node = node_from_row(row)
            parent_id = self._in_place_of(node.parent_id)
            summary_of = self._in_place_of(node.summary_of)
            if summary_of is not None and not self._follows(parent_id, summary_of):
                raise Unfit("summary_of", "is no message before it")
        except ValueError as error:  # what we have not written
            self.unreadable.append(str(error))
            self.instead[row["id"]] = self.instead.get(row["parent_id"], row["parent_id"])
            return
        self.nodes[node.id] = replace(node, parent_id=parent_id, summary_of=summary_of)

    def _in_place_of(self, node_id: str | None) -> str | None:
        """The id, or that of a node which can be read in its place."""
        found = self.instead.get(node_id, node_id)
        if found is None or found in self.nodes:
            return found
        self.instead[node_id] = next(reversed(self.nodes), None)
        self.unreadable.append(f"{found!r} is not there")
        return self.instead[node_id]

    def _follows(self, at: str | None, node_id: str) -> bool:
        while at is not None and at != node_id:
            at = self.nodes[at].parent_id
        return at is not None


def short_ids(ids: Sequence[str]) -> dict[str, str]:
    """The shortest beginning of each id, of four letters at least, that no other shares."""
    in_order = sorted(ids)
    shared = [_shared(one, other) for one, other in zip(in_order, in_order[1:], strict=False)]
    lengths = [max(before, after) + 1 for before, after in zip([0, *shared], [*shared, 0], strict=True)]
    return {one: one[: max(_LEAST_PREFIX, length)] for one, length in zip(in_order, lengths, strict=False)}


def _shared(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _summaries(connection: Connection) -> list[Summary]:
    rows = connection.execute(_SUMMARIES).fetchall()
    short = short_ids([one for (one,) in connection.execute("SELECT id FROM conversations")])
    return [
        Summary(
            id_, short[id_], _title(title, beginning), created, updated, model or "", messages, branches,
            bool(is_partial),
        )
        for id_, created, updated, title, beginning, messages, branches, model, is_partial in rows
    ]  # fmt: skip


def _title(title: str, beginning: str | None) -> str:
    """As `Conversation.shown_title`, without the other messages."""
    outline = Conversation("", 0.0, "", title)
    if beginning:
        outline.add(Node("", None, Message(Role.USER, beginning), 0.0))
    return outline.shown_title


def _find(connection: Connection, id_text: str) -> str:
    """Raises UnknownConversation."""
    text = id_text.strip()
    ids: list[str] = [one for (one,) in connection.execute("SELECT id FROM conversations")]
    if text in ids:
        return text
    found = [one for one in ids if text and one.lower().startswith(text.lower())]
    if len(found) == 1:
        return found[0]
    candidates = [f"{one.id}  {one.title}" for one in _summaries(connection) if one.id in found] if found else []
    shown = candidates[:_MOST_CANDIDATES]
    if len(candidates) > len(shown):
        shown.append(f"and {len(candidates) - len(shown)} more")
    raise UnknownConversation(id_text, candidates=tuple(shown))


def _same(one: Conversation, other: Conversation) -> bool:
    return one == other and list(one.nodes) == list(other.nodes)


def _has_any(connection: Connection, node_ids: Iterable[str]) -> bool:
    return any(connection.execute("SELECT 1 FROM nodes WHERE id = ?", (one,)).fetchone() for one in node_ids)


def _with_new_ids(conversation: Conversation) -> Conversation:
    ids = {one: new_id() for one in conversation.nodes}
    nodes = [
        replace(
            node,
            id=ids[node.id],
            parent_id=ids[node.parent_id] if node.parent_id is not None else None,
            summary_of=ids[node.summary_of] if node.summary_of is not None else None,
        )
        for node in conversation.nodes.values()
    ]
    tip = ids[conversation.tip] if conversation.tip is not None else None
    return replace(conversation, id=new_id(), tip=tip, nodes={node.id: node for node in nodes})
