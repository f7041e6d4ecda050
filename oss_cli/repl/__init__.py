"""The interactive chat: reads, calls the session, shows. Opening a model comes in as a callable."""
