"""Which process on which host: names that survive pid reuse and reboots, and leases on a run.

Imported inside training processes, so the standard library only.
"""

from __future__ import annotations

import errno
import json
import os
import time
import weakref
from pathlib import Path
from typing import Any, Literal

from guardrun.events.untrusted import open_inside

fcntl: Any
try:
    import fcntl
except ImportError:  # not POSIX: leases fall back to the facts in the file
    fcntl = None

_MAX_BYTES = 16 * 1024
_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_boot_id: str | None = None


def host_name() -> str:
    """The name by which this host calls itself."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "localhost")


def boot_id() -> str:
    """Names this boot of this host, so that pids of an earlier boot are never believed; "" if unknown."""
    global _boot_id
    if _boot_id is None:
        _boot_id = _read_boot_id()
    return _boot_id


def _read_boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read(64).strip()
    except (OSError, ValueError):
        pass
    try:
        import psutil

        return f"boot-{int(psutil.boot_time())}"
    except Exception:
        return ""


def pid_namespace() -> str:
    """Names the space in which this process's pids mean something: a container has one of its own, also
    where it has its host's name; "" if unknown.
    """
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def process_start(pid: int) -> int | None:
    """When process ``pid`` started, in clock ticks since boot; None when there is no such (living) process.

    Field 22 of /proc/<pid>/stat, see proc_pid_stat(5); elsewhere hundredths of a second of psutil's
    create_time. A zombie has ended: None.
    """
    if pid <= 0:
        return None
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command name is in parentheses and may hold spaces and parentheses itself.
            fields = file.read(4096).rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X", b"x") else int(fields[19])
    except (FileNotFoundError, ProcessLookupError):
        if os.path.exists("/proc/self/stat"):
            return None
    except (OSError, IndexError, ValueError):
        pass
    try:
        import psutil

        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time() * 100)
    except Exception:
        return None


def is_same_process(pid: int, pid_start: int | None) -> bool:
    """Whether ``pid`` on this host and boot still is the process that started at ``pid_start``."""
    return pid_start is not None and process_start(pid) == pid_start


def read_lease(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """What the holder wrote (``released`` is there once it let go), or None: never taken, or unreadable."""
    try:
        fd = open_inside(os.fspath(path))
    except OSError:
        return None
    try:
        line = os.read(fd, _MAX_BYTES).partition(b"\n")[0]
    except OSError:
        return None
    finally:
        os.close(fd)
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return facts if type(facts) is dict and type(facts.get("pid")) is int else None


def lease_liveness(facts: dict[str, Any] | None) -> Literal["alive", "dead", "unknown", "absent"]:
    """Whether the holder lives, without locking; ``unknown`` on another host or in another
    container: its pids mean nothing here.
    """
    if facts is None:
        return "absent"
    if "released" in facts:
        return "dead"
    if facts.get("host") != host_name():
        return "unknown"
    if facts.get("boot_id") != boot_id():
        return "dead"
    if facts.get("pid_ns", pid_namespace()) != pid_namespace():
        return "unknown"
    return "alive" if is_same_process(facts["pid"], facts.get("pid_start")) else "dead"


class LeaseHeld(Exception):
    """Somebody else holds the lease; ``holder`` is what they wrote (empty when unreadable)."""

    def __init__(self, path: Path, holder: dict[str, Any]) -> None:
        self.path = path
        self.holder = holder
        who = f"pid {holder['pid']} on {holder.get('host', '?')}" if holder else "another process"
        super().__init__(f"{path} is held by {who}")


class Lease:
    """The right to be the trainer (or the supervisor) of a run: flock on a small file that names the holder.

    The kernel releases the lock however the process ends. A forked child closes its copy of the
    descriptor, so that a DataLoader worker never keeps a dead trainer's lease; exec closes it too.
    """

    __slots__ = ("__weakref__", "_facts", "_fd", "path")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._fd = -1
        self._facts: dict[str, Any] = {}

    @property
    def held(self) -> bool:
        return self._fd >= 0

    def take(self, attempt: int, *, force: bool = False, **facts: Any) -> None:
        """Take the lease for ``attempt`` or raise LeaseHeld with the holder's facts; OSError if unwritable.

        On file systems without locks the facts in the file decide. ``force`` takes over from a holder
        that can't be asked (``--takeover``), never from one whose lock this host can see.
        """
        self.path.parent.mkdir(exist_ok=True)
        fd = os.open(
            self.path,
            os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0),
            0o666,
        )
        try:
            if not _lock(fd) or (not force and self._held_elsewhere()):
                raise LeaseHeld(self.path, read_lease(self.path) or {})
            pid = os.getpid()
            self._facts = {
                "host": host_name(), "boot_id": boot_id(), "pid": pid, "pid_start": process_start(pid),
                "pid_ns": pid_namespace(), "attempt": attempt, "t": time.time(), **facts,
            }  # fmt: skip
            _overwrite(fd, self._facts)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        _close_in_children(self)

    def _held_elsewhere(self) -> bool:
        """A living holder that our lock did not meet: another host, or a file system without locks."""
        holder = read_lease(self.path)
        if holder is None or (holder["pid"] == os.getpid() and holder.get("host") == host_name()):
            return False
        return lease_liveness(holder) in ("alive", "unknown")

    def release(self) -> None:
        """Let go, and say so in the file: this process may live on (a notebook). Safe to call twice."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            _overwrite(fd, {**self._facts, "released": time.time()})
        except OSError:
            pass
        try:
            os.close(fd)
        except OSError:
            pass

    def _drop_in_child(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.close(fd)
            except OSError:
                pass


def _lock(fd: int) -> bool:
    """False when another process holds the lock; True when we got it or there are no locks here."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _BUSY
    return True


def _overwrite(fd: int, facts: dict[str, Any]) -> None:
    """One line in one write, then cut: a reader of the first line never sees less than a whole one."""
    line = json.dumps(facts, default=str).encode() + b"\n"
    os.pwrite(fd, line, 0)
    os.ftruncate(fd, len(line))


_held: weakref.WeakSet[Lease] = weakref.WeakSet()
_fork_handler = False


def _close_in_children(lease: Lease) -> None:
    global _fork_handler
    _held.add(lease)
    if not _fork_handler and hasattr(os, "register_at_fork"):
        _fork_handler = True
        os.register_at_fork(after_in_child=_drop_all)


def _drop_all() -> None:
    for lease in list(_held):
        lease._drop_in_child()
