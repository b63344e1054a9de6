"""Rows of a log in a foreign format, translated into metrics and eval events. Pure; nothing raises."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from guardrun.events.names import canonical_metric
from guardrun.events.schema import ENVELOPE
from guardrun.reading.foreign_formats import Detector, Record, as_value, lines_of

STEP_NAMES: Final = (
    "step", "global_step", "iteration", "iter", "_step", "trainer/global_step", "train/global_step",
)  # fmt: skip
"""Columns that hold the step, the surest first."""
_SPLIT_COLUMNS: Final = ("split", "mode", "phase")
_EVALUATIONS: Final = {
    "val": "val", "valid": "val", "validation": "val", "eval": "val", "dev": "val", "test": "test",
}  # fmt: skip
"""Values of a split column under which a bare ``loss`` is none of the training."""
_AXES: Final = frozenset((*STEP_NAMES, "epoch"))
_LARGEST: Final = 2**53
_MOST_NAMES: Final = 4096
_SUMMARY: Final = "train_runtime"
"""Hugging Face's Trainer ends its log with one row of totals, whose train_loss is the mean of all steps."""


class Row(NamedTuple):
    """One event's worth of a foreign log."""

    kind: Literal["metrics", "eval"]
    step: int
    epoch: int | None
    values: dict[str, float]
    """Stored name -> number; NaN and infinities are evidence and kept."""


class ForeignRows:
    """Takes the whole lines of one file in order and gives its rows.

    Steps come from a step column; rows without one belong to the newest step, and in a file that has no
    steps at all each row with training metrics counts one.
    """

    def __init__(self) -> None:
        self.bad_lines = 0
        """Lines that do not fit the format."""
        self.renamed: dict[str, str] = {}
        """Raw name -> stored name, where the two differ."""
        self._detector = Detector()
        self._names: dict[tuple[str, str], str] = {}
        self._has_steps = False
        self._step = 0

    @property
    def format(self) -> str:
        """The format's name; "" as long as it is unknown."""
        return self._detector.format.name if self._detector.format is not None else ""

    @property
    def problem(self) -> str:
        """What was found in place of a known format; "" as long as that is open."""
        return self._detector.problem

    def describe(self) -> str:
        """What the file seems to hold, when it ended before its format was sure."""
        return "" if self.format else self._detector.describe()

    def read(self, lines: bytes) -> list[Row]:
        """The rows on these whole lines."""
        rows: list[Row] = []
        for line in lines_of(lines):
            rows += self._rows_on(line)
        return rows

    def _rows_on(self, line: str) -> Iterable[Row]:
        detector = self._detector
        if detector.problem:
            return []
        if detector.format is None:
            detector.feed(line)
            if detector.format is None:
                return []
        elif line.startswith("#"):
            return []
        record = detector.format.record(line)
        if record is None:
            self.bad_lines += 1
            return []
        return self._translate(record)

    def _translate(self, record: Record) -> list[Row]:
        """One or two rows: what was measured in training, and what an evaluation found."""
        axes = {raw.strip().lower(): raw for raw in record}
        stepped = self._take_step(record, axes)
        split = _split_of(record, axes)
        trained: dict[str, float] = {}
        evaluated: dict[str, float] = {}
        for raw, value in record.items():
            number = as_value(value)
            if number is None or raw.strip().lower() in _AXES:
                continue
            name = self._name(raw, split)
            if name == "train/loss" and _SUMMARY in record:
                name = "train/mean_loss"
            # An exact name comes first where a shortened one means the same.
            into = evaluated if name.startswith(("val/", "test/")) else trained
            if name not in into or name == raw:
                into[name] = number
        if not stepped and not self._has_steps and trained:
            self._step += 1
        epoch = _whole(as_value(record[axes["epoch"]]), floor=True) if "epoch" in axes else None
        found: list[Row] = []
        if trained:
            found.append(Row("metrics", self._step, epoch, trained))
        if evaluated:
            found.append(Row("eval", self._step, epoch, evaluated))
        return found

    def _take_step(self, record: Record, axes: dict[str, str]) -> bool:
        """Note the row's step; False when it has none that can be used."""
        for name in STEP_NAMES:
            raw = axes.get(name)
            step = None if raw is None else _whole(as_value(record[raw]))
            if step is not None:
                self._step, self._has_steps = step, True
                return True
        return False

    def _name(self, raw: str, split: str) -> str:
        known = self._names.get((raw, split))
        if known is not None:
            return known
        name = stored_name(raw, split)
        if len(self._names) < _MOST_NAMES:
            self._names[raw, split] = name
            if name != raw:
                self.renamed[raw] = name
        return name


def stored_name(raw: str, split: str = "") -> str:
    """The name under which a foreign column is stored; ``split`` is the row's own ("val", "test" or "").

    Lightning's two spellings of one metric are the one that is meant: of training each step, of an
    evaluation the whole epoch.

    >>> [stored_name(n) for n in ("loss", "eval_loss", "train_loss_step", "train_loss_epoch", "val_f1_epoch")]
    ['train/loss', 'val/loss', 'train/loss', 'train/loss_epoch', 'val/f1']
    """
    raw = raw.strip()
    name = canonical_metric(raw)
    if split and not name.startswith(("val/", "test/")) and (name == raw or raw == "loss"):
        return f"{split}/{raw}"
    if raw.endswith("_step") and canonical_metric(raw[:-5]).startswith("train/"):
        return canonical_metric(raw[:-5])
    if raw.endswith("_epoch") and canonical_metric(raw[:-6]).startswith(("val/", "test/")):
        return canonical_metric(raw[:-6])
    return f"metric/{name}" if name in ENVELOPE or not name else name


def _split_of(record: Record, axes: dict[str, str]) -> str:
    for column in _SPLIT_COLUMNS:
        value = record.get(axes[column]) if column in axes else None
        if isinstance(value, str):
            return _EVALUATIONS.get(value.strip().lower(), "")
    return ""


def _whole(value: float | None, *, floor: bool = False) -> int | None:
    """A non-negative whole number, or None; with ``floor`` what is behind the point is cut."""
    if value is None or not math.isfinite(value) or not 0 <= value <= _LARGEST:
        return None
    return int(value) if floor or value.is_integer() else None
