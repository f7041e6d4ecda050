"""What is written: conversations, nodes, their removal, the full-text index. Each inside a transaction of the caller's.

A conversation that another process has removed is not brought back: writing to it fails.
"""

from dataclasses import dataclass

from oss_cli.conversation.tree import Conversation, Node
from oss_cli.history.database import Connection
from oss_cli.history.rows import COLUMNS, node_to_row, storable
from oss_cli.history.schema import INDEX_NODE, MERGE_INDEX, UNINDEX_NODE

_NAMES = ", ".join(("conversation_id", *COLUMNS))
_PLACES = ", ".join(f":{name}" for name in ("conversation_id", *COLUMNS))
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name != "id")
_PUT_NODE = f"INSERT INTO nodes ({_NAMES}) VALUES ({_PLACES}) ON CONFLICT (id) DO UPDATE SET {_CHANGES}"


class ConversationGone(Exception):
    """The conversation, or the node that a new one follows, was removed meanwhile."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A conversation's own facts at one moment; the conversation itself goes on changing."""

    id: str
    created: float
    updated: float
    date: str
    title: str
    system: str
    tip: str | None


def facts_of(conversation: Conversation) -> Facts:
    """The facts as they are now."""
    return Facts(
        conversation.id, conversation.created, conversation.updated, conversation.date, storable(conversation.title),
        storable(conversation.system), conversation.tip,
    )  # fmt: skip


def has_conversation(connection: Connection, conversation_id: str) -> bool:
    """Whether it is there."""
    return bool(connection.execute("SELECT 1 FROM conversations WHERE id = ?", (conversation_id,)).fetchone())


def has_nodes(connection: Connection, conversation_id: str) -> bool:
    """Whether anything was said in it."""
    found = connection.execute("SELECT 1 FROM nodes WHERE conversation_id = ? LIMIT 1", (conversation_id,))
    return bool(found.fetchone())


def make_conversation(connection: Connection, facts: Facts) -> None:
    """Write a conversation's facts, whether it is there or not."""
    connection.execute(
        "INSERT INTO conversations (id, created, updated, date, title, system, tip) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET updated = excluded.updated, title = excluded.title, "
        "system = excluded.system, tip = excluded.tip",
        (facts.id, facts.created, facts.updated, facts.date, facts.title, facts.system, facts.tip),
    )


def change_conversation(connection: Connection, facts: Facts) -> None:
    """Write the newer facts of a conversation that is there.

    Raises:
        ConversationGone: it is not.
    """
    changed = connection.execute(
        "UPDATE conversations SET updated = ?, title = ?, system = ?, tip = ? WHERE id = ?",
        (facts.updated, facts.title, facts.system, facts.tip, facts.id),
    )
    if changed.rowcount == 0:
        raise ConversationGone


def put_node(connection: Connection, conversation_id: str, node: Node) -> None:
    """Write a node or its newer state. A new one becomes the tip, as in `Conversation.add`. `index_some` indexes it.

    Raises:
        ConversationGone: the conversation, or what the node follows, is not there.
    """
    row = node_to_row(node)
    known = connection.execute("SELECT number, content, reasoning, is_indexed FROM nodes WHERE id = ?", (node.id,))
    old = known.fetchone()
    if old is None:
        _check_place(connection, conversation_id, node.parent_id)
    elif old[3] and (old[1], old[2]) != (row["content"], row["reasoning"]):
        unindex(connection, old[0])
    connection.execute(_PUT_NODE, {**row, "conversation_id": conversation_id})
    if old is None:
        connection.execute(
            "UPDATE conversations SET tip = ?, updated = max(updated, ?) WHERE id = ?",
            (node.id, node.created, conversation_id),
        )


def drop_node(connection: Connection, conversation_id: str, node_id: str) -> bool:
    """Take away a node that nothing follows; whether words of it may still be in the index."""
    found = connection.execute(
        "SELECT number, parent_id, is_indexed FROM nodes WHERE id = ? "
        "AND NOT EXISTS (SELECT 1 FROM nodes AS child WHERE child.parent_id = nodes.id)",
        (node_id,),
    ).fetchone()
    if found is None:
        return False
    number, parent_id, is_indexed = found
    unindex(connection, number)
    connection.execute("DELETE FROM nodes WHERE number = ?", (number,))
    connection.execute(
        "UPDATE conversations SET tip = ? WHERE id = ? AND tip = ?", (parent_id, conversation_id, node_id)
    )
    return bool(is_indexed)


def delete_conversation(connection: Connection, conversation_id: str) -> None:
    """Take away a conversation and all its nodes. `scrub` makes sure that nothing of them can be read any more."""
    numbers = connection.execute("SELECT number FROM nodes WHERE conversation_id = ?", (conversation_id,)).fetchall()
    for (number,) in numbers:
        unindex(connection, number)
    connection.execute("DELETE FROM nodes WHERE conversation_id = ?", (conversation_id,))
    connection.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))


def scrub(connection: Connection) -> bool:
    """Take what was deleted out of the index and the log of SQLite; outside of transactions. Whether all of it is gone.

    It is not while another process reads; the next one that scrubs or closes the database finishes it.
    """
    merge_index(connection)
    connection.execute("PRAGMA incremental_vacuum").fetchall()  # gives free pages back to the disk
    is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


def merge_index(connection: Connection) -> None:
    """Rid the index of the words of deleted texts."""
    if connection.has_index:
        connection.execute(MERGE_INDEX)


def unindex(connection: Connection, number: int) -> None:
    """Take a node out of the index, before its text changes or goes."""
    (is_indexed,) = connection.execute("SELECT is_indexed FROM nodes WHERE number = ?", (number,)).fetchone()
    if is_indexed:
        connection.execute(UNINDEX_NODE, (number,))
        connection.execute("UPDATE nodes SET is_indexed = 0 WHERE number = ?", (number,))


def index_some(connection: Connection, most: int) -> bool:
    """Index the newest nodes that are not yet. Whether there were any."""
    if not connection.has_index:
        return False
    unindexed = "SELECT number FROM nodes WHERE is_indexed = 0 ORDER BY number DESC LIMIT ?"
    found = connection.execute(unindexed, (most,)).fetchall()
    for (number,) in found:
        connection.execute(INDEX_NODE, (number,))
        connection.execute("UPDATE nodes SET is_indexed = 1 WHERE number = ?", (number,))
    return bool(found)


def _check_place(connection: Connection, conversation_id: str, parent_id: str | None) -> None:
    """Raises ConversationGone."""
    parent = connection.execute("SELECT 1 FROM nodes WHERE id = ?", (parent_id,)).fetchone()
    if not has_conversation(connection, conversation_id) or (parent_id is not None and parent is None):
        raise ConversationGone
