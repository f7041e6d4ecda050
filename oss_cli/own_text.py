"""A text file of the user's own, read whole. Knows nothing of what is in it."""

import errno
import os
import stat
from pathlib import Path


def read_own_text(path: Path) -> str:
    """What a file says.

    Raises:
        FileNotFoundError: it is not there.
        OSError: it cannot be read, or is a pipe or a device, which might never end; /dev/null is an empty file.
        UnicodeDecodeError: it is no UTF-8 text.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or path.samefile(os.devnull)):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
    return path.read_text("utf-8-sig")  # editors of Windows put a byte order mark before it
