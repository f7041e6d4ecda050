"""A conversation, turn by turn. Knows backends by their protocol alone."""
