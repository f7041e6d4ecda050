"""Keeps a conversation while it goes on: a thread of its own writes to the database, so that the chat never waits.

Knows the session's protocol by its shape alone. Of what is handed over, the newest state is committed a quarter of a
second after the last commit at the latest; a process that is killed loses less than its last second. The system keeps
what is committed even then; only a power cut may cost a few seconds more (`synchronous = NORMAL`).
"""

import threading
import time
from collections.abc import Callable
from functools import partial

from oss_cli.conversation.tree import Conversation, Node
from oss_cli.errors import HistoryUnusable, OssError
from oss_cli.history.database import Connection, Database, transaction
from oss_cli.history.writing import (
    ConversationGone,
    Facts,
    change_conversation,
    delete_conversation,
    drop_node,
    facts_of,
    has_conversation,
    has_nodes,
    index_some,
    make_conversation,
    merge_index,
    put_node,
)

_INTERVAL_S = 0.25
_MOST_AT_ONCE = 100
"""Messages to index in one go: 1.2 ms each, and what was said meanwhile waits."""

_Change = Callable[[Connection], None]


class HistoryJournal:
    """Writes to the history. No call but `close` waits, and none fails: see `trouble`."""

    def __init__(self, database: Database) -> None:
        """Looks whether the history can be used; if not, `trouble` says so at once, and nothing is written."""
        self.trouble: OssError | None = None
        self._database = database
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, str], _Change] = {}
        self._is_closing = False
        self._facts: dict[str, Facts] = {}
        self._made: set[str] = set()  # conversations that are in the database; the thread's own, as is the next
        self._is_merged = True  # whether no words of dropped nodes are left in the index
        self._thread: threading.Thread | None = None
        try:
            database.prepare()
        except HistoryUnusable as error:
            self.trouble = error
            return
        # A daemon: a lock that never opens must not keep a process that was told to stop.
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._thread.start()

    def keep_conversation(self, conversation: Conversation) -> None:
        """Keep the conversation's own facts as they are now. Nothing is written before its first message is."""
        facts = facts_of(conversation)
        self._facts[facts.id] = facts
        self._hand_over(("conversation", facts.id), partial(self._write_facts, facts=facts), goes_last=True)

    def keep_node(self, conversation_id: str, node: Node) -> None:
        """Keep a node, or its newer state."""
        self._hand_over(("node", node.id), partial(self._put, conversation_id=conversation_id, node=node))

    def drop_node(self, conversation_id: str, node_id: str) -> None:
        """Forget a node that nothing follows, its text included."""
        self._hand_over(("node", node_id), partial(self._drop, conversation_id=conversation_id, node_id=node_id))

    def close(self) -> None:
        """Wait until all of it is on disk. May be called twice."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _hand_over(self, key: tuple[str, str], change: _Change, *, goes_last: bool = False) -> None:
        """The newest state takes the place of one that still waits. A tip has to come after the nodes before it."""
        with self._changed:
            if self.trouble is None and not self._is_closing:
                if goes_last:
                    self._waiting.pop(key, None)
                self._waiting[key] = change
                self._changed.notify()

    def _run(self) -> None:
        """The thread."""
        trouble: OssError | None = HistoryUnusable(self._database.path, "is kept no more", cause="its writer ended")
        try:
            with self._database.writing() as connection:
                self._write_all(connection)
            trouble = None
        except OssError as error:
            trouble = error
        except ConversationGone:
            cause = "this conversation was removed by another oss"
            trouble = HistoryUnusable(self._database.path, "is kept no more", cause=cause)
        finally:
            with self._changed:
                self.trouble = trouble
                self._waiting.clear()

    def _write_all(self, connection: Connection) -> None:
        """Write what comes until the journal is closed.

        What an earlier process left is indexed first, what we write at the end: a reply that grows, and one that is
        dropped, cost the index nothing. A search finds what is not indexed all the same.
        """
        has_more = True
        due = 0.0
        is_last = False
        while not is_last:
            changes, is_last = self._take(due, waits=not has_more)
            due = time.monotonic() + _INTERVAL_S
            with transaction(connection):
                for change in changes.values():
                    change(connection)
                has_more = (has_more or is_last) and index_some(connection, most=_MOST_AT_ONCE)
        if not self._is_merged:
            merge_index(connection)

    def _take(self, due: float, *, waits: bool) -> tuple[dict[tuple[str, str], _Change], bool]:
        """What is to be written now, at `due` at the earliest; and whether it is the last."""
        with self._changed:
            while not self._is_closing and (waits or self._waiting):
                timeout_s = due - time.monotonic() if self._waiting else None
                if timeout_s is not None and timeout_s <= 0:
                    break
                self._changed.wait(timeout_s)
            changes, self._waiting = self._waiting, {}
            return changes, self._is_closing

    def _write_facts(self, connection: Connection, facts: Facts) -> None:
        if facts.id in self._made or has_conversation(connection, facts.id):
            change_conversation(connection, facts)
            self._made.add(facts.id)

    def _put(self, connection: Connection, conversation_id: str, node: Node) -> None:
        facts = self._facts.get(conversation_id)
        if facts is not None and conversation_id not in self._made:
            make_conversation(connection, facts)
            self._made.add(conversation_id)
        put_node(connection, conversation_id, node)

    def _drop(self, connection: Connection, conversation_id: str, node_id: str) -> None:
        if drop_node(connection, conversation_id, node_id):
            self._is_merged = False
        if not has_nodes(connection, conversation_id):  # nothing is kept of a conversation without messages
            delete_conversation(connection, conversation_id)
            self._made.discard(conversation_id)
