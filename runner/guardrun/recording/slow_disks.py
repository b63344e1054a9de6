"""Which file systems make a write cost a round trip over a network."""

from __future__ import annotations

import os

_SLOW = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "beegfs_nodev", "ceph", "9p", "afs",
     "glusterfs", "fuseblk", "panfs", "wekafs")
)  # fmt: skip

BATCH_DELAY_S = 0.5
"""How late events may reach a slow file system."""


def file_system_type(path: str | os.PathLike[str], mounts: str = "/proc/self/mounts") -> str:
    """The type of the file system that holds ``path`` ("ext4", "nfs4", "fuse.sshfs"); "" when unknown."""
    real = os.path.realpath(path)
    found, length = "", -1
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return ""
    for line in lines:
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= length:  # a later mount on the same point covers the earlier one
            found, length = fields[2], len(point)
    return found


def is_slow(kind: str) -> bool:
    """Whether events are gathered before they are written to this type of file system."""
    return kind in _SLOW or kind.startswith("fuse.")
