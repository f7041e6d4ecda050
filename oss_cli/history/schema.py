"""The tables of the history, step by step. Knows SQL alone.

A database says in `PRAGMA user_version` how many of the steps it has been through. A step that was ever released stays
as it is; a change is a new step at the end. The full-text index is no part of the steps: it can be made again from the
messages, and a SQLite without FTS5 does without it.
"""

Step = tuple[str, ...]
"""Statements that are done together or not at all."""

STEPS: tuple[Step, ...] = (
    (
        """
        CREATE TABLE conversations (
            id TEXT PRIMARY KEY,
            created REAL NOT NULL,
            updated REAL NOT NULL,
            date TEXT NOT NULL,
            title TEXT NOT NULL,
            system TEXT NOT NULL,
            tip TEXT
        )
        """,
        """
        CREATE TABLE nodes (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            conversation_id TEXT NOT NULL,
            parent_id TEXT,
            created REAL NOT NULL,
            role TEXT NOT NULL,
            content TEXT NOT NULL,
            reasoning TEXT NOT NULL,
            tool_calls TEXT,
            tool_call_id TEXT NOT NULL,
            name TEXT NOT NULL,
            typed TEXT NOT NULL,
            summary_of TEXT,
            model TEXT,
            model_sha256 TEXT,
            effort TEXT,
            sampling TEXT,
            seed INTEGER,
            usage TEXT,
            reason TEXT,
            tokens BLOB,
            is_indexed INTEGER NOT NULL DEFAULT 0
        )
        """,
        # All that a list tells: without it, each message's text has to be read over (measured with 40,000: 310 ms).
        "CREATE INDEX nodes_of_conversation ON nodes (conversation_id, number, role, parent_id, model)",
        "CREATE INDEX nodes_of_parent ON nodes (parent_id)",
        "CREATE INDEX nodes_not_indexed ON nodes (number) WHERE is_indexed = 0",
    ),
)

# Takes its texts out of `nodes`, so that nothing stands on the disk twice. No triggers: they would keep a SQLite
# without FTS5 from writing at all, and would index a growing reply anew with every word.
MAKE_INDEX = """
    CREATE VIRTUAL TABLE IF NOT EXISTS message_index USING fts5(
        content, reasoning, content='nodes', content_rowid='number', tokenize='unicode61 remove_diacritics 2'
    )
"""

INDEX_NODE = """
    INSERT INTO message_index (rowid, content, reasoning)
    SELECT number, content, reasoning FROM nodes WHERE number = ? AND is_indexed = 0
"""

# FTS5 has to be told the very texts that it indexed: this comes before they are changed or deleted.
UNINDEX_NODE = """
    INSERT INTO message_index (message_index, rowid, content, reasoning)
    SELECT 'delete', number, content, reasoning FROM nodes WHERE number = ? AND is_indexed = 1
"""

# A deleted text's words stay in the index until its parts are merged; only this makes them go at once. (FTS5 can be
# told to do so always, but then an SQLite older than 3.42 cannot read the index any more.)
MERGE_INDEX = "INSERT INTO message_index (message_index) VALUES ('optimize')"
