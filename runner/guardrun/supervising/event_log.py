"""The supervisor's own log files: whole lines, one write each, and never an exception."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any, Final

from guardrun.events.clocks import BOOTED, ClockWatch
from guardrun.events.encode import encode
from guardrun.events.remembered import RememberedFolder
from guardrun.events.schema import HEADER, NOTE, SCHEMA_VERSION, Event

_LOOK_S: Final = 1.0
"""Between two looks whether the file is still at its place."""


class EventLog:
    """Appends events to one file. A failing disk costs events (``dropped``), never the supervision.

    Where the run directory is moved or deleted meanwhile it is made as ``folder`` remembers it, and the log
    begins anew in it: who holds a file open goes on writing into it when its name is gone, and nobody will
    ever read it.
    """

    def __init__(
        self, path: Path, *, writer: str, run_id: str, attempt: int, folder: RememberedFolder | None = None,
        **facts: Any,
    ) -> None:  # fmt: skip
        self.dropped = 0
        self._path = path
        self._fd = -1
        self._seq = 0
        self._torn = False
        self._header = _header(writer, run_id, attempt, facts)
        self._headed = False
        self._clock = ClockWatch()
        self._look_next = 0.0
        self._folder = folder or RememberedFolder(path.parent)

    def write(self, kind: str, /, **fields: Any) -> None:
        """Append one event stamped with the present time. Never raises."""
        if self._gone():
            self._begin_anew()
        if not self._headed:
            self._headed = self._append(self._heading())
        event = {"t": time.time(), "kind": kind, **fields}
        note = self._clock.was_set(event["t"])
        if note is not None and not self._append({"kind": NOTE, **note}):
            self.dropped += 1
        if not self._append(event):
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
            with contextlib.suppress(OSError):
                os.close(fd)

    def _heading(self) -> Event:
        return {"kind": HEADER, **self._header, BOOTED: self._clock.booted}

    def _gone(self) -> bool:
        """Whether the open file is no longer the one at its place; looked at now and then."""
        now = time.monotonic()
        if self._fd < 0 or now < self._look_next:
            return False
        self._look_next = now + _LOOK_S
        try:
            there, ours = os.stat(self._path, follow_symlinks=False), os.fstat(self._fd)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def _begin_anew(self) -> None:
        self.close()
        self._folder.make_anew()
        self._headed = self._append(self._heading())
        if self._headed:
            self._append(
                {"kind": NOTE, "text": "the run directory was moved or deleted: this log begins anew"}
            )

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
        flags |= getattr(os, "O_NOFOLLOW", 0)  # a link in its place would lead out of the run
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
