"""The slash commands of the chat, one module a noun. They change the chat and return decisions; no terminal library."""

# In the order in which help shows them.
from oss_cli.repl.commands import about, turns, branches, options, files  # noqa: F401, I001 - each registers its own
from oss_cli.repl.commands.table import REGISTRY

__all__ = ["REGISTRY"]
