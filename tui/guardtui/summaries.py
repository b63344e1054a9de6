"""Few numbers of many curves, for the list of runs: the GPUs at this moment, and the metrics of a filter.

Works in the feed's thread. Only curves that grew are looked at, and only the part that is new.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guardtui.snapshot import Gpu, Numbers

if TYPE_CHECKING:
    import numpy as np

    from guardrun.series.store import SeriesStore

_MEMORY: Final = "/memory_bytes"
_TOTAL: Final = "/memory_total_bytes"
_BUSY: Final = "/utilization"


class Summaries:
    """Keeps what was counted of each run until its curves grow."""

    def __init__(self) -> None:
        self._gpus: dict[Path, tuple[int, Gpu | None]] = {}
        self._numbers: dict[tuple[Path, str], tuple[int, Numbers]] = {}

    def gpu(self, path: Path, store: SeriesStore) -> Gpu | None:
        """The newest samples of all GPUs together; None where no sample tells of one."""
        from guardrun.series.store import SYSTEM

        rows = store.rows(SYSTEM)
        kept = self._gpus.get(path)
        if kept is None or kept[0] != rows:
            kept = self._gpus[path] = (rows, newest_gpu(store) if rows else None)
        return kept[1]

    def numbers(self, path: Path, store: SeriesStore, wanted: Iterable[str]) -> dict[str, Numbers]:
        """Last, least and most of each metric whose name matches one of the patterns."""
        patterns = tuple(pattern.replace("[", "[[]") for pattern in wanted)
        if not patterns:
            return {}
        found = {}
        for rank in (-1, 0):
            for name in store.names(rank):
                if any(fnmatchcase(name.casefold(), pattern) for pattern in patterns):
                    found[name] = self._counted(path, name, store.get(name, rank).value)
        return found

    def _counted(
        self, path: Path, name: str, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    ) -> Numbers:
        seen, before = self._numbers.get((path, name), (0, Numbers(mode=better(name))))
        if seen > len(values):
            seen, before = 0, Numbers(mode=before.mode)
        if seen < len(values):
            before = _with_more(before, values[seen:])
            self._numbers[path, name] = (len(values), before)
        return before

    def forget(self, path: Path) -> None:
        """The run is gone."""
        self._gpus.pop(path, None)
        for key in [key for key in self._numbers if key[0] == path]:
            del self._numbers[key]


def _with_more(before: Numbers, fresh: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Numbers:
    import numpy as np

    finite = fresh[np.isfinite(fresh)]
    lows = [each for each in (before.least, float(finite.min()) if len(finite) else None) if each is not None]
    highs = [each for each in (before.most, float(finite.max()) if len(finite) else None) if each is not None]
    return replace(
        before, last=float(fresh[-1]), least=min(lows, default=None), most=max(highs, default=None)
    )


def better(name: str) -> str:
    """``min`` or ``max`` where the name of a metric tells which is better; else ""."""
    from guardrun.signals.bests import direction

    return "min" if "loss" in name.casefold() else direction(name) or ""


def newest_gpu(store: SeriesStore) -> Gpu | None:
    """The newest sample of every GPU: memory added up, utilisation averaged."""
    from guardrun.series.store import SYSTEM

    names = [name for name in store.names(SYSTEM) if name.startswith("gpu")]

    def newest(ending: str) -> list[float]:
        series = [store.get(name, SYSTEM).value for name in names if name.endswith(ending)]
        return [float(values[-1]) for values in series if len(values) and values[-1] == values[-1]]

    used, total, busy = newest(_MEMORY), newest(_TOTAL), newest(_BUSY)
    count = max(len(used), len(busy))
    if not count:
        return None
    return Gpu(
        count, sum(used) if used else None, sum(total) if total else None,
        sum(busy) / len(busy) if busy else None,
    )  # fmt: skip
