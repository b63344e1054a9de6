"""Who may look into a run, and whose commands it obeys.

A run directory is made for its owner alone. A group that the owner names (``access.group`` in the
configuration) may look at the run and send it commands; its name stands in run.json, which only the owner
writes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from guardrun.errors import UserError
from guardrun.events.untrusted import read_object

if TYPE_CHECKING:
    from pathlib import Path

    from guardrun.events.paths import RunPaths


class Access(NamedTuple):
    """How a new run directory is made."""

    private: bool = True
    """For its owner alone; else as the umask says."""
    group: str | None = None
    """Members of this group may look at the run and command it."""


PRIVATE = Access()


def group_id(name: str) -> int:
    """The number of a group. Raises UserError for one that this host does not have."""
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise UserError(f"there is no group {name!r} on this host", hint="see: getent group") from None


def make_root(root: Path, access: Access) -> None:
    """Make the run directory itself. Raises OSError (FileExistsError decides a race)."""
    os.mkdir(root, 0o700 if access.private else 0o777)


def share(paths: RunPaths, access: Access) -> None:
    """Open a new run to its group: read everything, write into ``control/`` alone. Raises OSError, UserError.

    Sticky, so that no member takes another's command away; setgid, so that what is written later is the
    group's as well, and readable to it as far as the umask allows.
    """
    if access.group is None:
        return
    gid = group_id(access.group)
    try:
        os.chown(paths.root, -1, gid)
    except PermissionError:
        _discard(paths)
        raise UserError(
            f"{paths.root} cannot be given to the group {access.group!r}: you are not a member of it",
            hint="set access.group to a group that `id -Gn` lists",
        ) from None
    os.chmod(paths.root, 0o2750)
    for folder in (paths.attempts, paths.control, paths.leases, paths.checkpoints):
        os.chown(folder, -1, gid)
        os.chmod(folder, 0o3770 if folder == paths.control else 0o2750)


def _discard(paths: RunPaths) -> None:
    """The folders of a run that cannot be made as it was asked for; nothing is in them yet."""
    for folder in (paths.attempts, paths.control, paths.leases, paths.checkpoints, paths.root):
        os.rmdir(folder)


def obeyed_group(paths: RunPaths, owner: int) -> str | None:
    """The group that the run's owner lets command it; None without one, or where the word isn't theirs."""
    try:
        if os.stat(paths.run_json, follow_symlinks=False).st_uid not in (owner, 0):
            return None
        access = read_object(paths.run_json).get("access")
    except (OSError, ValueError):
        return None
    group = access.get("group") if isinstance(access, dict) else None
    return group if isinstance(group, str) and group else None


class Senders:
    """Whose commands a run obeys: its owner's, root's, and those of the members of its group."""

    def __init__(self, paths: RunPaths, owner: int | None = None) -> None:
        """``owner``: by default the user of this process, who is the one that the training runs as."""
        self._owner = os.geteuid() if owner is None else owner
        self._group = obeyed_group(paths, self._owner)

    def obeys(self, uid: int) -> bool:
        """Whether a file of this user is a command to the run."""
        if uid in (self._owner, 0):
            return True
        return self._group is not None and _is_member(uid, self._group)


def _is_member(uid: int, group: str) -> bool:
    import grp
    import pwd

    try:
        entry = pwd.getpwuid(uid)
        return grp.getgrnam(group).gr_gid in os.getgrouplist(entry.pw_name, entry.pw_gid)
    except (KeyError, OSError):
        return False
