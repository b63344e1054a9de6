"""What the tools that write CSV and JSON lines do each in their own way. Pure."""

from __future__ import annotations

import math
from typing import Final

from guardrun.reading.foreign.model import Facts, RawRecord
from guardrun.reading.foreign.values import as_value, whole

MEBIBYTE: Final = 2**20


class Flavour:
    """A table of no tool in particular; the base of those that are known."""

    name = ""
    """The tool, for people; "" for none in particular."""
    first_epoch = 0
    """What the tool calls its first epoch."""
    names: dict[str, str] = {}  # noqa: RUF012
    """Raw name -> stored name, where the tool's own meaning is not the usual one."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    @classmethod
    def fits(cls, columns: frozenset[str]) -> bool:
        """Whether a table with these columns is the tool's."""
        return True

    def prepare(self, record: RawRecord) -> RawRecord:
        """The record as the translation needs it."""
        return record

    def name_of(self, raw: str) -> str:
        """The stored name of a column; "" where the usual rules do."""
        return self.names.get(raw, "")

    def is_evaluated(self, raw: str, name: str) -> bool:
        """Whether the value was measured in evaluation mode."""
        return name.startswith(("val/", "test/"))


class AlgoPerf(Flavour):
    """MLCommons AlgoPerf ``measurements.csv``: ``train/*`` is measured by an evaluation of training data."""

    name = "AlgoPerf"
    _DROPPED: Final = frozenset(
        ("preemption_count", "score", "total_duration", "validation/num_examples", "test/num_examples",
         "train/num_examples", "is_score_time", "eval_time")
    )  # fmt: skip

    @classmethod
    def fits(cls, columns: frozenset[str]) -> bool:
        return {"global_step", "accumulated_submission_time"} <= columns

    def prepare(self, record: RawRecord) -> RawRecord:
        return {
            raw: value
            for raw, value in record.items()
            if raw not in self._DROPPED and not raw.startswith("accumulated_")
        }

    def is_evaluated(self, raw: str, name: str) -> bool:
        return raw.startswith(("train/", "validation/", "test/"))


class Ultralytics(Flavour):
    """``results.csv`` of YOLO: one row an epoch; the loss is the sum of its parts."""

    name = "Ultralytics"
    names = {"lr/pg0": "lr", "x/lr0": "lr", "time": "elapsed_s"}  # noqa: RUF012

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._started = False
        facts.monitor, facts.mode = "val/mAP50-95(B)", "max"

    @classmethod
    def fits(cls, columns: frozenset[str]) -> bool:
        parts = [name for name in columns if name.startswith("train/") and name.endswith("loss")]
        return bool(parts) and any(name.startswith("metrics/") for name in columns)

    def prepare(self, record: RawRecord) -> RawRecord:
        if not self._started:
            self._started = True
            first = whole(as_value(record.get("epoch")))
            self.first_epoch = 1 if first == 1 else 0
        found = dict(record)
        for side in ("train", "val"):
            parts = [
                as_value(value)
                for raw, value in record.items()
                if raw.startswith(f"{side}/") and raw.endswith("loss") and raw != f"{side}/loss"
            ]
            if parts and None not in parts:
                found[f"{side}/loss"] = _total([part for part in parts if part is not None])
        return found

    def name_of(self, raw: str) -> str:
        if raw.startswith("metrics/"):
            metric = raw[len("metrics/") :]
            # Before its version 8 the tool spelt the same figure in another way.
            return "val/mAP50-95(B)" if metric == "mAP_0.5:0.95" else f"val/{metric}"
        return super().name_of(raw)


class Lightning(Flavour):
    """Lightning's CSVLogger: sparse columns, a row for training and one for an evaluation."""

    name = "Lightning CSV"

    @classmethod
    def fits(cls, columns: frozenset[str]) -> bool:
        return {"epoch", "step"} <= columns

    def name_of(self, raw: str) -> str:
        return "lr" if raw.startswith("lr-") and "/" not in raw and "momentum" not in raw else ""


class Keras(Flavour):
    """Keras' CSVLogger: one row an epoch; the train loss is the mean of the epoch in training mode."""

    name = "Keras CSV"

    @classmethod
    def fits(cls, columns: frozenset[str]) -> bool:
        return {"epoch", "loss"} <= columns and "step" not in columns

    def is_evaluated(self, raw: str, name: str) -> bool:
        return raw.startswith("val_")


class OpenMMLab(Flavour):
    """mmcv's ``*.log.json`` and mmengine's ``scalars.json``.

    mmcv counts ``iter`` anew with each epoch, from 1; mmengine counts through, and gives its evaluations the
    number of the epoch as their step.
    """

    name = "OpenMMLab"
    first_epoch = 1
    names = {"time": "step_time"}  # noqa: RUF012

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._epoch = 0
        self._iteration = 0
        self._starts: dict[int, int] = {}
        """Steps done before each epoch."""
        self._step = 0

    @classmethod
    def fits(cls, columns: frozenset[str]) -> bool:
        old = {"mode", "epoch", "iter"} <= columns
        return old or ({"iter", "step", "lr"} <= columns and bool(columns & {"data_time", "memory", "time"}))

    def prepare(self, record: RawRecord) -> RawRecord:
        found = {raw: value for raw, value in record.items() if not raw.endswith("_copypaste")}
        memory = as_value(found.pop("memory", None))
        if memory is not None:
            found["gpu/memory_peak_bytes"] = memory * MEBIBYTE
        if "mode" in record:
            found["step"] = self._counted(record)
            found.pop("iter", None)
            if record["mode"] != "train":
                found.pop("lr", None)
            return found
        step = whole(as_value(record.get("step")))
        if "iter" in record or "loss" in record:
            self._step = step if step is not None else self._step
            return found
        found["step"], found["split"] = self._step, "val"
        return {raw: value for raw, value in found.items() if raw not in ("time", "data_time")}

    def _counted(self, record: RawRecord) -> int:
        epoch, iteration = whole(as_value(record.get("epoch"))), whole(as_value(record.get("iter")))
        if epoch is None or iteration is None:
            return self._step
        if record["mode"] != "train":
            if epoch == self._epoch and iteration > self._iteration:
                # Counted by the steps of training, or of the evaluation: only the first is near.
                near = iteration <= 1.1 * self._iteration
                self._iteration = iteration if near else self._iteration
                self._step = self._starts.get(epoch, 0) + self._iteration
            return self._step
        if epoch != self._epoch:
            if epoch not in self._starts or epoch > self._epoch:
                self._starts[epoch] = self._before(epoch)
            self._epoch = epoch
        self._iteration = iteration
        self._step = self._starts[epoch] + iteration
        return self._step

    def _before(self, epoch: int) -> int:
        """Steps before this epoch: what was counted, or as many a epoch as the former one had."""
        if epoch == self._epoch + 1 and self._epoch:
            return self._starts[self._epoch] + self._iteration
        return max(0, epoch - 1) * self._iteration


class Detectron2(Flavour):
    """detectron2's ``metrics.json``: JSON lines with the total loss and its parts."""

    name = "detectron2"
    names = {"total_loss": "train/loss", "time": "step_time"}  # noqa: RUF012

    @classmethod
    def fits(cls, columns: frozenset[str]) -> bool:
        return {"iteration", "total_loss"} <= columns

    def name_of(self, raw: str) -> str:
        if raw.startswith(("bbox/", "segm/", "keypoints/", "sem_seg/", "panoptic_seg/")):
            return f"val/{raw}"
        return super().name_of(raw)


class TrainerLines(Flavour):
    """The rows of Hugging Face's Trainer, one a line."""

    name = "Hugging Face Trainer"

    @classmethod
    def fits(cls, columns: frozenset[str]) -> bool:
        return {"loss", "learning_rate", "epoch"} <= columns


TABLES: Final[tuple[type[Flavour], ...]] = (AlgoPerf, Ultralytics, Lightning, Keras, Flavour)
"""Flavours of CSV, the surest first."""
LINES: Final[tuple[type[Flavour], ...]] = (OpenMMLab, Detectron2, TrainerLines, AlgoPerf, Flavour)
"""Flavours of JSON lines, the surest first."""


def flavour_of(columns: frozenset[str], among: tuple[type[Flavour], ...], facts: Facts) -> Flavour:
    """The first flavour that fits; the last one fits everything."""
    return next(kind for kind in among if kind.fits(columns))(facts)


def _total(parts: list[float]) -> float:
    try:
        return math.fsum(parts)
    except (ValueError, OverflowError):
        return sum(parts)
