"""The one table that every command stands in."""

from oss_cli.repl.chat import Chat
from oss_cli.repl.registry import Registry

REGISTRY: Registry[Chat] = Registry()
