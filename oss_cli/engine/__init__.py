"""Tokens in, tokens out. Knows nothing of messages, formats or terminals."""
