"""Conversations kept on this disk: a SQLite database with full-text search. Knows no session and no terminal."""
