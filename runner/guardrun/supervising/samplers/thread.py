"""Samples into system.jsonl from a thread: a driver call that hangs must not stop the supervision."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from guardrun.events.paths import RunPaths
from guardrun.events.schema import NOTE, SYSTEM
from guardrun.supervising.event_log import EventLog
from guardrun.supervising.process_tree import Identity
from guardrun.supervising.samplers.gpu import GpuSampler
from guardrun.supervising.samplers.host import HostSampler


class SystemSampler:
    """The only writer of system.jsonl. ``every`` is in seconds; ``told`` gets the values of every sample, in
    the sampler's thread."""

    def __init__(
        self,
        paths: RunPaths,
        attempt: int,
        *,
        every: float,
        members: Callable[[], list[Identity]],
        told: Callable[[dict[str, float]], None],
    ) -> None:
        self._told = told
        self._paths = paths
        self._attempt = attempt
        self._every = every
        self._members = members
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guard-system", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience: float = 1.0) -> None:
        """Ask the thread to end; one that hangs in a driver is left behind (it is a daemon thread)."""
        self._ended.set()
        self._thread.join(patience)

    def _run(self) -> None:
        gpu = GpuSampler()
        host = HostSampler(self._paths.root, self._members)
        root: Path = self._paths.root
        log = EventLog(
            self._paths.system, writer="system", run_id=root.name, attempt=self._attempt,
            gpus=gpu.names, gpu_note=gpu.note,
        )  # fmt: skip
        said = gpu.note
        # Percentages need some time to be percentages of.
        self._ended.wait(min(0.3, self._every / 2))
        while True:
            try:
                values = {**host.sample(), **gpu.sample()}
                log.write(SYSTEM, **values)
                self._told(values)
                if gpu.note != said:
                    said = gpu.note
                    log.write(NOTE, text=said)
            except Exception as error:
                log.write(NOTE, text=f"a sample failed: {error}")
            if self._ended.wait(self._every):
                break
        gpu.close()
        log.close()
