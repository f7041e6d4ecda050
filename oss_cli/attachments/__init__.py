"""Text files that go along with a message: names in, texts out. No terminal, no model; tokens are counted elsewhere."""

from oss_cli.attachments.attachment import Attachment, put_before
from oss_cli.attachments.decoding import SNIFFED_BYTES, binary_kind, decode_certainly
from oss_cli.attachments.mentions import Mention, Mentions, find_mentions, without_mentions_of
from oss_cli.attachments.reading import Attached, attach_files, attach_mentions, attach_named

__all__ = [
    "SNIFFED_BYTES",
    "Attached",
    "Attachment",
    "Mention",
    "Mentions",
    "attach_files",
    "attach_mentions",
    "attach_named",
    "binary_kind",
    "decode_certainly",
    "find_mentions",
    "put_before",
    "without_mentions_of",
]
