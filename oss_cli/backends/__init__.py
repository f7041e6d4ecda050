"""Messages in, events out, wherever the model runs."""
