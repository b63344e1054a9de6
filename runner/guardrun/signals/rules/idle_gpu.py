"""The GPUs of a training do nothing for most of the time."""

from __future__ import annotations

from collections import deque
from typing import Final

from guardrun.reading.layout import is_absent
from guardrun.signals.block import Block
from guardrun.signals.context import Context
from guardrun.signals.model import About, Finding, Point
from guardrun.signals.rules.points import DATA_TIME, STEP_TIME

BUSY: Final = 30.0
"""Percent."""
CLEAR: Final = 40.0
STRETCH_S: Final = 10.0
STRETCHES: Final = 30
OURS_BYTES: Final = 2.0**28
OURS_BUSY: Final = 20.0
WAITS: Final = 50
"""Points of training from which the share of waiting for data is told."""


class IdleGpu:
    """The GPUs of a training do nothing for most of the time.

    Definition: the mean utilisation of the GPUs that the training uses is below 30 % over five minutes of
    training (stretches of 10 s; setup, evaluations and checkpoints are left out). A GPU counts as used by the
    training once its memory has risen by 256 MiB since the first sample, or it was more than 20 % busy. The
    share of the time that went into waiting for data is told with it.

    Defaults: 30 %, ends above 40 %; warns and never stops a run.

    Source: Amazon SageMaker's LowGPUUtilization (below 70 %) describes most small models; a third of that is
    what only waiting, or a model too small for its GPU, looks like.

    Wrong when: utilisation, which is the share of time in which any kernel runs, is low by design, as with
    reinforcement learning in a simulator on the processor.
    """

    about = About(
        id="idle_gpu", family="performance", kinds=frozenset(("system", "phase", "metrics")), clear_after=1,
        graced=False,
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._first: dict[str, float] = {}
        """Bytes in use at the first sample."""
        self._ours: set[str] = set()
        self.reset()

    def reset(self) -> None:
        self._phase = ""
        self._stepped = False
        self._stretches: deque[tuple[int, float]] = deque(maxlen=STRETCHES)
        self._sum = 0.0
        self._count = 0
        self._began = 0.0
        self._held = False
        self._mean = 0.0
        self._waits: deque[tuple[float, float]] = deque(maxlen=WAITS)
        """(data_time, step_time), while a GPU is used."""

    def update(self, point: Point) -> bool:
        if point.kind == "metrics":
            self._stepped = True
            if self._ours:
                waited, took = point.values.get(DATA_TIME), point.values.get(STEP_TIME)
                if waited is not None and took is not None:
                    self._waits.append((waited, took))
            return False
        if point.kind == "phase":
            self._phase = point.text
            return False
        return self._take_sample(point)

    def skim(self, block: Block) -> bool:
        self._stepped = self._stepped or len(block) > 0
        waited, took = block.columns.get(DATA_TIME), block.columns.get(STEP_TIME)
        if self._ours and waited is not None and took is not None:
            both = ~(is_absent(waited) | is_absent(took))
            newest = waited[both][-WAITS:].tolist(), took[both][-WAITS:].tolist()
            self._waits.extend(zip(*newest, strict=True))
        return True

    def _take_sample(self, point: Point) -> bool:
        busy = self._busy(point)
        if busy is None or not self._stepped or self._phase not in ("train", "") or not point.t > 0:
            return False
        if self._count and not 0 <= point.t - self._began < STRETCH_S:
            self._stretches.append((point.step, self._sum / self._count))
            self._sum, self._count = 0.0, 0
        if not self._count:
            self._began = point.t
        self._sum += busy
        self._count += 1
        if len(self._stretches) < STRETCHES:
            return False
        self._mean = sum(percent for _, percent in self._stretches) / STRETCHES
        self._held = self._mean < (CLEAR if self._held else BUSY)
        return True

    def _data_share(self) -> float | None:
        pairs = [(waited, took) for waited, took in self._waits if 0 <= waited <= took < float("inf")]
        whole = sum(took for _, took in pairs)
        return sum(waited for waited, _ in pairs) / whole if whole > 0 else None

    def _busy(self, point: Point) -> float | None:
        """Mean utilisation of the training's GPUs; None where it uses none."""
        total, count = 0.0, 0
        for key, percent in point.values.items():
            if not (key.startswith("gpu") and key.endswith("/utilization")) or not 0 <= percent <= 100:
                continue
            name = key.removesuffix("/utilization")
            used = point.values.get(f"{name}/memory_bytes", 0.0)
            first = self._first.setdefault(name, used)
            if used - first >= OURS_BYTES or percent > OURS_BUSY:
                self._ours.add(name)
            if name in self._ours:
                total += percent
                count += 1
        return total / count if count else None

    def finding(self) -> Finding | None:
        if not self._held:
            return None
        mean, waits = self._mean, self._data_share()
        told = "" if waits is None else f" {waits:.0%} of the time goes into waiting for data."
        advice = (
            "The data loader holds them up: more workers, cached or decoded data."
            if waits is not None and waits > 0.3
            else "A larger batch, fewer .item() and print calls a step, a compiled model; or a smaller GPU."
        )
        first = self._stretches[0][0]
        which = ", ".join(sorted(self._ours))
        return Finding(
            "warn", first,
            f"The GPUs of this training ({which}) were busy for only {mean:.0f} % of the last "
            f"{STRETCHES * STRETCH_S / 60:.0f} minutes of training.{told}",
            {"metric": "utilization", "value": round(mean, 1), "threshold": BUSY, "window": STRETCHES,
             "seconds": STRETCHES * STRETCH_S, "gpus": sorted(self._ours), "data_share": waits},
            advice, f"more than {CLEAR:.0f} % busy over five minutes",
        )  # fmt: skip
