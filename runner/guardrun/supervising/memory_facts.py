"""Whether the kernel's out-of-memory killer was at work, from counters that need no privilege."""

from __future__ import annotations

from pathlib import Path


class OomWatch:
    """Compares the kernel's counters with those at its creation."""

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._proc = proc
        self._cgroups = cgroups
        self._before = self._counts()

    def finding(self) -> str:
        """A phrase for a run that was killed, or "" when no counter has moved."""
        group, host = self._counts()
        if group > self._before[0]:
            return "out of memory: the kernel killed a process of this run's cgroup"
        if host > self._before[1]:
            return "probably out of memory: the kernel's OOM killer was at work on this host"
        return ""

    def _counts(self) -> tuple[int, int]:
        """oom_kill of our cgroup (v2, cgroup-v2.rst: memory.events) and of the host (/proc/vmstat)."""
        return self._cgroup_count(), _counter(self._proc / "vmstat", "oom_kill")

    def _cgroup_count(self) -> int:
        try:
            lines = (self._proc / "self" / "cgroup").read_text().splitlines()
        except (OSError, ValueError):
            return 0
        for line in lines:
            number, controllers, path = [*line.split(":", 2), "", ""][:3]
            inside = path.lstrip("/")
            if number == "0":
                return _counter(self._cgroups / inside / "memory.events", "oom_kill")
            if "memory" in controllers.split(","):
                return _counter(self._cgroups / "memory" / inside / "memory.oom_control", "oom_kill")
        return 0


def _counter(path: Path, name: str) -> int:
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        pass
    return 0
