"""The training's own events, as they come: one attempt's, of every rank, and which process each rank is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Final

from guardrun.events.clocks import SteadyTime, booted
from guardrun.events.decode import decode
from guardrun.events.paths import RunPaths, rank_of
from guardrun.events.schema import HEADER, NOTE, Event
from guardrun.provenance.host import boot_id, host_name
from guardrun.reading.tailer import Tailer
from guardrun.supervising.process_tree import Identity

_BATCH: Final = 256 * 1024
"""Bytes a poll takes from one file: some 2,000 events, a few milliseconds."""

_LOOK_FOR_RANKS_S: Final = 1.0


class TrainingLog:
    """Tails events.jsonl and events.rank<K>.jsonl; delivers the events of ``attempt`` only, each once.

    Their times are by this host's clock as it was when this began, however often it was set before and since.
    """

    def __init__(self, paths: RunPaths, attempt: int) -> None:
        self.ranks: dict[int, Identity] = {}
        """The process of each rank, as its newest header on this host and boot says."""
        self.stack_signals: dict[int, int] = {}
        """The signal by which each rank writes its Python stacks, where it has one."""
        self.caught_up = False
        """Whether the last poll read all there was."""
        self._paths = paths
        self._attempt = attempt
        self._tailers: dict[int, Tailer] = {}
        self._ours: dict[int, bool] = {}
        self._clocks: dict[int, SteadyTime] = {}
        self._booted = booted()
        self._looked = float("-inf")

    def poll(self) -> list[tuple[int, Event]]:
        """New events as (rank, event), in the order of each file; bounded in bytes. Bad lines are skipped."""
        self._look_for_ranks()
        found: list[tuple[int, Event]] = []
        more = False
        for rank, tailer in self._tailers.items():
            if not (tailer.changed() or not self.caught_up):
                continue
            chunk = tailer.read(_BATCH)
            more = more or chunk.more
            if chunk.restarted:
                self._ours[rank] = False
                self._clocks[rank] = SteadyTime()
            found += [(rank, event) for event in self._of_attempt(rank, chunk.lines.splitlines())]
        self.caught_up = not more
        return found

    def look_again(self) -> None:
        """Have the next poll look for files of new ranks, whenever it last did."""
        self._looked = float("-inf")

    def _look_for_ranks(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_FOR_RANKS_S and self._tailers:
            return
        self._looked = now
        try:
            names = os.listdir(self._paths.root)
        except OSError:
            return
        for name in names:
            rank = rank_of(name)
            if rank is not None and rank not in self._tailers:
                self._tailers[rank] = Tailer(self._paths.events(rank))
                self._clocks[rank] = SteadyTime()
                self.caught_up = False

    def _of_attempt(self, rank: int, lines: Iterable[bytes]) -> Iterable[Event]:
        clock = self._clocks[rank]
        for line in lines:
            event = decode(line)
            if event is None:
                continue
            if event["kind"] == HEADER:
                self._ours[rank] = event.get("attempt") == self._attempt
                self._note_process(rank, event)
            if event["kind"] in (HEADER, NOTE):
                clock.take(event)
            if self._ours.get(rank, False):
                yield clock.corrected_for(event, boot_id(), self._booted)

    def _note_process(self, rank: int, header: Event) -> None:
        pid, start = header.get("pid"), header.get("pid_start")
        here = header.get("host") == host_name() and header.get("boot_id") == boot_id()
        if self._ours[rank] and here and isinstance(pid, int) and isinstance(start, int):
            self.ranks[rank] = Identity(pid, start)
            number = header.get("stack_signal")
            if isinstance(number, int) and 0 < number < 65:
                self.stack_signals[rank] = number
