"""The supervisor's own log files: whole lines, one write each, and never an exception."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from guardrun.events.encode import encode
from guardrun.events.schema import HEADER, SCHEMA_VERSION, Event


class EventLog:
    """Appends events to one file. A failing disk costs events (``dropped``), never the supervision."""

    def __init__(self, path: Path, *, writer: str, run_id: str, attempt: int, **facts: Any) -> None:
        self.dropped = 0
        self._path = path
        self._fd = -1
        self._seq = 0
        self._torn = False
        self._header = _header(writer, run_id, attempt, facts)
        self._headed = False

    def write(self, kind: str, /, **fields: Any) -> None:
        """Append one event stamped with the present time. Never raises."""
        if not self._headed:
            self._headed = self._append({"kind": HEADER, **self._header})
        if not self._append({"kind": kind, **fields}):
            self.dropped += 1

    def sync(self) -> None:
        """Make what was written durable; for the events that end a run."""
        try:
            os.fsync(self._fd)
        except OSError:
            pass

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _append(self, event: Event) -> bool:
        line = encode({"t": time.time(), "seq": self._seq, **event})
        try:
            if self._fd < 0:
                self._open()
            wanted = b"\n" + line if self._torn else line
            written = os.write(self._fd, wanted)
        except OSError:
            self._torn = self._fd >= 0
            return False
        self._torn = written < len(wanted)
        if self._torn:
            return False
        self._seq += 1
        return True

    def _open(self) -> None:
        """Open for appending; a line that a killed predecessor left half written is ended first."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._fd = os.open(self._path, flags, 0o666)
        size = os.fstat(self._fd).st_size
        self._torn = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"


def _header(writer: str, run_id: str, attempt: int, facts: dict[str, Any]) -> Event:
    from guardrun import __version__
    from guardrun.provenance.host import boot_id, host_name, process_start

    pid = os.getpid()
    return {
        "schema": SCHEMA_VERSION, "writer": writer, "run_id": run_id, "attempt": attempt, "rank": None,
        "world_size": None, "guardrun": __version__, "pid": pid, "pid_start": process_start(pid),
        "host": host_name(), "boot_id": boot_id(), **facts,
    }  # fmt: skip
