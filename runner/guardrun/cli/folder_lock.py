"""One command at a time may write into a folder: a lock that ends with its process."""

from __future__ import annotations

import fcntl


def lock_folder(descriptor: int) -> bool:
    """Lock an open folder without waiting; False when somebody else holds it.

    A file system that cannot lock a folder goes without: True.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
