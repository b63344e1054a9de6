"""Processor, memory, disk and the training's own processes, through psutil."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from guardrun.supervising.process_tree import Identity
from guardrun.supervising.samplers.memory import Memory


class HostSampler:
    """Samples this host and the processes that ``members`` names; a number that can't be had is left out."""

    def __init__(self, folder: Path, members: Callable[[], list[Identity]]) -> None:
        self._folder = folder
        self._members = members
        self._known: dict[Identity, psutil.Process] = {}
        self._memory = Memory()
        self._traffic: tuple[float, float, float] | None = None
        """Time, bytes received and sent at the last sample."""
        # The first percentages are measured against this moment.
        psutil.cpu_percent(None)

    def sample(self) -> dict[str, float]:
        """Percentages cover the time since the previous call; ``tree/cpu_percent`` is 100 per busy core."""
        values: dict[str, float] = {}
        with contextlib.suppress(Exception):
            values["cpu/percent"] = psutil.cpu_percent(None)
        with contextlib.suppress(Exception):
            used, total = self._memory.used_and_total()
            values["memory/used_bytes"] = used
            values["memory/total_bytes"] = total
        with contextlib.suppress(Exception):
            values["disk/free_bytes"] = psutil.disk_usage(str(self._folder)).free
        with contextlib.suppress(Exception):
            values.update(self._network())
        with contextlib.suppress(Exception):
            values.update(self._tree())
        return values

    def _network(self) -> dict[str, float]:
        """Bytes a second since the last sample, of all interfaces but those that lead back to this host."""
        counters = psutil.net_io_counters(pernic=True)
        outside = [each for name, each in counters.items() if not name.startswith("lo")]
        now = time.monotonic()
        received, sent = sum(each.bytes_recv for each in outside), sum(each.bytes_sent for each in outside)
        before, self._traffic = self._traffic, (now, received, sent)
        if before is None or now <= before[0] or received < before[1] or sent < before[2]:
            # The first sample, or an interface that went away with its counts.
            return {}
        seconds = now - before[0]
        return {
            "network/received_bytes_per_s": (received - before[1]) / seconds,
            "network/sent_bytes_per_s": (sent - before[2]) / seconds,
        }

    def _tree(self) -> dict[str, float]:
        known: dict[Identity, psutil.Process] = {}
        rss = cpu = 0.0
        measured = False
        for identity in self._members():
            with contextlib.suppress(psutil.Error):
                process = self._known.get(identity) or psutil.Process(identity.pid)
                with process.oneshot():
                    rss += process.memory_info().rss
                    # The first call for a process only starts its measurement.
                    cpu += process.cpu_percent(None)
                known[identity] = process
                measured = measured or identity in self._known
        self._known = known
        values = {"tree/rss_bytes": rss, "tree/processes": float(len(known))}
        if measured:
            values["tree/cpu_percent"] = cpu
        return values
