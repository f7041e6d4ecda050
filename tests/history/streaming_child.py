"""A process that streams a reply into a history until it is killed: each piece is the time at which it was said.

    python streaming_child.py DATABASE CONVERSATION

It writes each piece to standard output as well, once the journal has it.
"""

import os
import sys
import time
from pathlib import Path

from oss_cli.conversation.messages import Message, Role, user_message
from oss_cli.conversation.tree import Conversation, Making, Node
from oss_cli.history.database import Database
from oss_cli.history.journal import HistoryJournal


def main() -> None:
    """Stream for ever."""
    path, name = sys.argv[1:]
    journal = HistoryJournal(Database(Path(path)))
    conversation = Conversation(name, time.time(), "2026-11-24")
    journal.keep_conversation(conversation)
    journal.keep_node(name, Node(f"{name}q", None, user_message("What time is it?"), time.time()))
    text = ""
    while journal.trouble is None:
        piece = f"{time.time():.4f} "
        text += piece
        reply = Message(Role.ASSISTANT, text)
        journal.keep_node(name, Node(f"{name}a", f"{name}q", reply, time.time(), making=Making("tiny")))
        os.write(1, piece.encode())
        time.sleep(0.005)
    sys.exit(journal.trouble.cause)


if __name__ == "__main__":
    main()
