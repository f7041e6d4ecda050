"""Markdown that comes piece by piece, as text on a terminal. Knows nothing of events; owns markdown_it and pygments."""
