"""How much memory there is for this run: the host's, or less where its control group says so."""

from __future__ import annotations

from pathlib import Path

import psutil

_V2 = ("memory.max", "memory.current", "inactive_file")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


class Memory:
    """Used and total bytes. In a container or a batch job the kernel kills at the group's limit, whatever
    the host has left. Files that the kernel can drop at any time are not in use.

    https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.max, memory.current, memory.stat) and
    cgroup-v1/memory.html.
    """

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._group: tuple[Path, tuple[str, str, str]] | None = None
        try:
            self._group = self._tightest(proc, cgroups)
        except (OSError, ValueError):
            pass

    def used_and_total(self) -> tuple[float, float]:
        """Bytes of the tightest limit that holds now."""
        memory = psutil.virtual_memory()
        host = (float(memory.total - memory.available), float(memory.total))
        if self._group is None:
            return host
        folder, (limit_file, usage_file, droppable) = self._group
        limit = _number(folder / limit_file)
        usage = _number(folder / usage_file)
        if limit is None or usage is None or limit >= memory.total:
            return host
        return max(0.0, usage - _stat(folder / "memory.stat", droppable)), limit

    def _tightest(self, proc: Path, cgroups: Path) -> tuple[Path, tuple[str, str, str]] | None:
        """The group with the lowest limit among ours and those above it."""
        found: list[tuple[float, Path, tuple[str, str, str]]] = []
        for line in (proc / "self" / "cgroup").read_text().splitlines():
            number, controllers, path = [*line.split(":", 2), "", ""][:3]
            unified = number == "0"
            if not unified and "memory" not in controllers.split(","):
                continue
            root, names = (cgroups, _V2) if unified else (cgroups / "memory", _V1)
            own = root / path.lstrip("/")
            for folder in (own, *own.parents):
                limit = _number(folder / names[0])
                if limit is not None:
                    found.append((limit, folder, names))
                if folder == root:
                    break
        return min(found)[1:] if found else None


def _number(path: Path) -> float | None:
    """None: no such file, or "max"."""
    try:
        return float(int(path.read_text()))
    except (OSError, ValueError):
        return None


def _stat(path: Path, name: str) -> float:
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return float(int(value))
    except (OSError, ValueError):
        pass
    return 0.0
