"""One rank's event log: one whole line per write(2), and never an exception into the training."""

from __future__ import annotations

import errno
import os
import threading
import time
from os import write
from time import monotonic
from typing import TYPE_CHECKING

from guardrun.events.clocks import BOOTED, ClockWatch
from guardrun.events.encode import encode
from guardrun.events.schema import HEADER, NOTE, SCHEMA_VERSION
from guardrun.recording.session import say
from guardrun.recording.slow_disks import BATCH_DELAY_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from guardrun.events.schema import Event

_REOPEN_S = 1.0
_SLOW_WRITE_S = 0.002
_SLOW_IN_A_ROW = 20
"""So many writes one after the other that took so long, and events are gathered from then on. A process that
loses the processor within a write is slow once, never in a row."""
_VERY_SLOW_S = 0.05
_VERY_SLOW_COUNTS = 7
_MOST_GATHERED = 200_000
"""Events that wait for a file system that does not answer; those beyond are dropped."""
_PATIENCE_S = 30.0
"""At the end of a run: how long it waits for a file system that does not answer."""
_NEWLINE = 1 << 10
"""orjson.OPT_APPEND_NEWLINE, which is part of its public interface, without importing it at start."""
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class EventWriter:
    """Appends events to ``path``; the header first. Safe to use from several threads.

    An event that can't be written (full disk, lost mount) is dropped and counted; a note tells how many as
    soon as the disk works again. With ``delay_s`` events are gathered and written by a thread that often:
    for network file systems, where each write costs a round trip, and for a disk that has become as slow.
    That thread alone touches the disk then: one that hangs holds up nobody. ``path`` None records nothing.
    """

    def __init__(self, path: Path | None, header: Event, *, delay_s: float = 0.0) -> None:
        self.path = path
        self.delay_s = delay_s
        self.dropped = 0
        """Events lost so far, told or not."""
        self.inert = path is None
        """Set in a forked child (and without a path): nothing is written any more."""
        self._told = 0
        self._why = ""
        self._fd = -1
        self._seq = 0
        self._tried = float("-inf")
        self._torn = False
        self._smooth = False
        """The last line arrived whole and nothing is left to tell: lines are written as they come."""
        self._dumps: Callable[..., bytes]
        self._warned = path is None
        self._lock = threading.RLock()
        self._disk = threading.RLock()
        """Taken before ``_lock`` by whoever writes gathered lines."""
        self._batch: list[bytes] = []
        self._batcher: threading.Thread | None = None
        self._ending = False
        self._wake = threading.Event()
        self._rounds = 0
        """Times that the thread has written what was gathered and synced it."""
        self._patience = _PATIENCE_S
        self._on_the_way = 0
        """Events that the thread is writing right now."""
        self._slow = 0
        self._complained = False
        self._header = header
        self._clock = ClockWatch()
        if path is not None:
            self._open()
            self._dumps = _orjson_dumps()
            self.emit(HEADER, self._heading())
            if delay_s > 0:
                self._start_batching()

    def emit(self, kind: str, fields: Event, *, t: float | None = None) -> None:
        """Write one event of any content."""
        event = {"t": time.time() if t is None else t, "seq": 0, "kind": kind, **fields}
        if self.inert:
            self._warn_inert()
            return
        with self._lock:
            self._mind_clock(event["t"])
            event["seq"] = self._seq
            self._seq += 1
            self._put(encode(event))

    def write_ready(self, event: Event) -> None:
        """Write an event whose values JSON has and whose floats are finite: no copy, no look at them.

        The hot path of run.log. A value that orjson refuses (an int beyond 64 bits) takes the slow one.
        """
        if self.inert:
            self._warn_inert()
            return
        with self._lock:
            self._mind_clock(event["t"])
            event["seq"] = self._seq
            self._seq += 1
            try:
                line = self._dumps(event, None, _NEWLINE)
            except TypeError:
                line = encode(event)
            if self._smooth:
                begun = monotonic()
                try:
                    written = write(self._fd, line)
                    if written != len(line):
                        self._short(line, written)
                except OSError as error:
                    self._failed(1, error)
                took = monotonic() - begun
                if took > _SLOW_WRITE_S:
                    self._was_slow(took)
                else:
                    self._slow = 0
            else:
                self._put(line)

    def sync(self) -> None:
        """Have the file system keep everything written so far (fsync). Never raises."""
        if self._batcher is not None:
            self._wait_for_round()
            return
        self._sync_now()

    def close(self) -> None:
        """Write what is gathered and close; later events are dropped in silence."""
        batcher, was_inert = self._batcher, self.inert
        self._ending = True
        if batcher is not None and not was_inert:
            self._wake.set()
            batcher.join(self._patience)
        with self._lock:
            self.inert = self._warned = True
            unwritten = len(self._batch) + self._on_the_way
            if unwritten:
                self._lost(unwritten, "the file system does not answer")
            if not was_inert and self.dropped != self._told:
                say(f"{_events(self.dropped)} could not be written: {self._why}")
            if batcher is None or not batcher.is_alive():
                self._shut()

    def gone(self) -> bool:
        """Whether the file that is written into is no longer the one at ``path``: moved or deleted."""
        fd = self._fd
        if fd < 0 or self.path is None:
            return False
        try:
            there, ours = os.stat(self.path), os.fstat(fd)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def go_back(self, lost: int, why: str) -> None:
        """Write into a new file at ``path``; ``lost`` events went into one that nobody can read."""
        with self._disk, self._lock:
            self._shut()
            self._tried = float("-inf")
            if lost:
                self._lost(lost, why)
            self._smooth = False

    @property
    def emitted(self) -> int:
        """Events so far, dropped ones included."""
        return self._seq

    def abandon(self) -> None:
        """In a forked child: let go of the file without writing; the parent goes on."""
        self.inert = True
        self._batch = []
        self._lock, self._disk = threading.RLock(), threading.RLock()  # a thread may have held the old ones
        self._batcher = None
        self._shut()

    def _mind_clock(self, t: float) -> None:
        note = self._clock.was_set(t)
        if note is not None:
            seq, self._seq = self._seq, self._seq + 1
            self._put(encode({"t": time.time(), "seq": seq, "kind": NOTE, **note}))

    def _heading(self) -> Event:
        return {"schema": SCHEMA_VERSION, **self._header, BOOTED: self._clock.booted}

    # -- one line to the disk

    def _put(self, line: bytes) -> None:
        if self._batcher is not None:
            if len(self._batch) < _MOST_GATHERED:
                self._batch.append(line)
            else:
                self._lost(1, "the file system does not answer")
        elif self._smooth:
            self._write(line, 1)
        else:
            self._put_in_trouble(line)

    def _write(self, data: bytes, events: int) -> bool:
        """One write(2) of whole lines; False when they did not all arrive."""
        try:
            written = write(self._fd, data)
        except OSError as error:
            self._failed(events, error)
            return False
        if written != len(data):
            self._short(data, written)
            return False
        return True

    def _failed(self, events: int, error: OSError) -> None:
        self._lost(events, error.strerror or str(error))
        if error.errno in (errno.EBADF, errno.ESTALE):
            self._shut()

    def _short(self, data: bytes, written: int) -> None:
        """Only the beginning arrived: the lines that are not whole are lost."""
        self._torn = written > 0 and data[written - 1 : written] != b"\n"
        self._lost(data.count(b"\n") - data.count(b"\n", 0, written), "short write")

    def _put_in_trouble(self, line: bytes, events: int = 1) -> None:
        """After a failure: a new line first when the last one is torn, and a note once writing works."""
        if self._fd < 0 and not self._reopen():
            self._lost(events, self._why)
            return
        torn, self._torn = self._torn, False
        if not self._write(b"\n" + line if torn else line, events):
            self._torn = self._torn or torn
            return
        if self.dropped != self._told:
            lost, self._told = self.dropped - self._told, self.dropped
            text = f"{_events(lost)} could not be written: {self._why}"
            with self._lock:
                seq, self._seq = self._seq, self._seq + 1
            self._complained = False
            note = {"t": time.time(), "seq": seq, "kind": NOTE, "text": text, "dropped": self.dropped}
            self._smooth = self._write(encode(note), 1) and self._batcher is None
        else:
            self._smooth = self._batcher is None

    def _lost(self, events: int, why: str) -> None:
        self.dropped += events
        self._why = why
        self._smooth = False
        if events and not self._complained:
            self._complained = True
            say(f"events can't be written to {self.path}: {why}; the training goes on")

    def _was_slow(self, took: float) -> None:
        """When slow writes are the rule, the training is not to wait for each."""
        self._slow += _VERY_SLOW_COUNTS if took > _VERY_SLOW_S else 1
        if self._slow < _SLOW_IN_A_ROW or self._batcher is not None:
            return
        self.delay_s = self.delay_s or BATCH_DELAY_S
        self._start_batching()
        text = f"writes have become slow: events may reach the disk {self.delay_s:g} s late"
        self.emit(NOTE, {"text": text})

    # -- the descriptor

    def _open(self) -> None:
        self._tried = time.monotonic()
        try:
            self._fd = os.open(os.fspath(self.path), _FLAGS, 0o666)  # type: ignore[arg-type]
            size = os.fstat(self._fd).st_size
            self._torn = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"
        except OSError as error:
            self._why = error.strerror or str(error)
            self._shut()
        self._smooth = False  # the first line goes the careful way

    def _reopen(self) -> bool:
        """Try again to open, now and then; the new stretch of the log begins with a header of its own."""
        if time.monotonic() - self._tried < _REOPEN_S:
            return False
        self._open()
        if self._fd < 0:
            return False
        if os.fstat(self._fd).st_size == 0:
            self._write(encode({"t": time.time(), "seq": 0, "kind": HEADER, **self._heading()}), 0)
        return True

    def _shut(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.close(fd)
            except OSError:
                pass

    def _warn_inert(self) -> None:
        if not self._warned:
            self._warned = True
            say("a forked process logs nothing; log from the training process")

    # -- batching

    def _start_batching(self) -> None:
        self._smooth = False
        self._batcher = threading.Thread(target=self._flush_often, name="guard-events", daemon=True)
        self._batcher.start()

    def _flush_often(self) -> None:
        while not self._ending:
            asked = self._wake.wait(self.delay_s)
            self._wake.clear()
            self._flush()
            if asked:
                self._sync_now()
                self._rounds += 1
        self._sync_now()

    def _wait_for_round(self) -> None:
        """Until the thread has written and synced, or the file system has not answered for too long."""
        target, until = self._rounds + 2, monotonic() + self._patience  # a round may be half over
        while self._rounds < target and not self.inert:
            if monotonic() > until:
                self._patience = 1.0  # it has been waited for once
                return
            self._wake.set()
            time.sleep(0.005)

    def _sync_now(self) -> None:
        with self._disk:
            self._flush()
            try:
                if self._fd >= 0:
                    os.fsync(self._fd)
            except OSError:
                pass

    def _flush(self) -> None:
        """Write what is gathered; a slow write holds up nobody who only adds to the next batch."""
        with self._disk:
            with self._lock:
                lines, self._batch = self._batch, []
                self._on_the_way = len(lines)
            if lines:
                self._put_in_trouble(b"".join(lines), len(lines))
            self._on_the_way = 0


def _events(count: int) -> str:
    return f"{count} event{'s' * (count != 1)}"


def _orjson_dumps() -> Callable[..., bytes]:
    import orjson

    return orjson.dumps
