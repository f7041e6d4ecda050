"""What this computer is, and what fits on it. Knows nothing of where model files come from."""
