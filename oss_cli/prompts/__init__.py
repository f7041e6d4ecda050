"""Messages to tokens, and sampled tokens back to events. Knows nothing of llama.cpp: a `Vocabulary` is handed in."""
