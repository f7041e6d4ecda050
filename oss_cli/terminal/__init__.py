"""Everything that looks like something. Only this room prints; it knows nothing of sessions and engines."""
