"""Plain values of a conversation: messages, options, and the events of a reply. No I/O, no other room."""
