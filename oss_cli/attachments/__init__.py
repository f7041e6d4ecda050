"""Text files that go along with a message: names in, texts out. No terminal, no model; tokens are counted elsewhere."""

from oss_cli.attachments.attachment import Attachment, put_before
from oss_cli.attachments.mentions import Mention, Mentions, find_mentions, without_mentions_of
from oss_cli.attachments.reading import Attached, attach_files, attach_mentions

__all__ = [
    "Attached",
    "Attachment",
    "Mention",
    "Mentions",
    "attach_files",
    "attach_mentions",
    "find_mentions",
    "put_before",
    "without_mentions_of",
]
