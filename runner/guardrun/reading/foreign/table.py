"""Records of names and values, translated into metrics and eval rows. Pure; nothing raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from guardrun.reading.foreign.flavours import Flavour
from guardrun.reading.foreign.model import Facts, ForeignRow, RawRecord
from guardrun.reading.foreign.naming import EPOCH_NAMES, STEP_NAMES, TIME_NAMES, stored_name
from guardrun.reading.foreign.values import as_value, whole

_SPLIT_COLUMNS: Final = ("split", "mode", "phase")
_EVALUATIONS: Final = {
    "val": "val", "valid": "val", "validation": "val", "eval": "val", "dev": "val", "test": "test",
}  # fmt: skip
"""Values of a split column under which a bare ``loss`` is none of the training."""
_AXES: Final = frozenset((*STEP_NAMES, *EPOCH_NAMES))
_MAPPED_AXES: Final = ("step", "epoch", "time")
_MOST_NAMES: Final = 4096
_SUMMARY: Final = "train_runtime"
"""Hugging Face's Trainer ends its log with one row of totals, whose train_loss is the mean of all steps."""
_FIRST_TIME, _LAST_TIME = 5e8, 1e10
"""Unix seconds between 1985 and 2286; anything else in a time column is a duration."""
_MILLISECONDS: Final = 1000.0


class Table:
    """Takes the records of one log in order and gives its rows.

    Steps come from a step column; rows without one belong to the newest step, and in a log that has no
    steps at all each row counts one. ``mapping`` (stored name, ``step``, ``epoch`` or ``time`` -> raw name)
    outranks every guess.
    """

    def __init__(self, flavour: Flavour, facts: Facts, mapping: Mapping[str, str] | None = None) -> None:
        self.flavour = flavour
        self._facts = facts
        self._mapped = {raw: stored for stored, raw in (mapping or {}).items()}
        self._mapped_axes = [pair for pair in self._mapped.items() if pair[1] in _MAPPED_AXES]
        self._chosen = set(mapping or ())
        self._names: dict[tuple[str, str], str] = {}
        self._lowered: dict[str, str] = {}
        self._has_steps = False
        self._has_trained = False
        self._step = 0
        self.met: set[str] = set()
        """Raw names that were seen."""

    def rows(self, raw_record: RawRecord) -> Iterator[ForeignRow]:
        """One or two rows: what was measured in training, and what an evaluation found."""
        record = self.flavour.prepare(raw_record)
        axes = self._axes(record)
        stepped = self._take_step(record, axes)
        split = _split_of(record, axes)
        t, time_column = self._time(record, axes)
        trained: dict[str, float] = {}
        evaluated: dict[str, float] = {}
        for raw, value in record.items():
            number = as_value(value)
            if number is None or raw is time_column or self._is_axis(raw):
                continue
            name = self._name(raw, split)
            if name == "train/loss" and _SUMMARY in record:
                name = "train/mean_loss"
            # An exact name comes first where a shortened one means the same.
            into = evaluated if self.flavour.is_evaluated(raw, name) else trained
            if name not in into or name == raw or raw in self._mapped:
                into[name] = number
        self._count(stepped, bool(trained), bool(evaluated))
        epoch = self._epoch(record, axes)
        if trained:
            yield ForeignRow("metrics", self._step, epoch, t, trained)
        if evaluated:
            yield ForeignRow("eval", self._step, epoch, t, evaluated)

    def _axes(self, record: RawRecord) -> dict[str, str]:
        lowered = self._lowered
        axes: dict[str, str] = {}
        for raw in record:
            small = lowered.get(raw)
            if small is None:
                small = raw.strip().lower()
                if len(lowered) < _MOST_NAMES:
                    lowered[raw] = small
                    self.met.add(raw)
            axes[small] = raw
        axes.update((stored, raw) for raw, stored in self._mapped_axes if raw in record)
        return axes

    def _is_axis(self, raw: str) -> bool:
        mapped = self._mapped.get(raw)
        if mapped is not None:
            return mapped in _MAPPED_AXES
        small = self._lowered.get(raw)
        return (small if small is not None else raw.strip().lower()) in _AXES

    def _count(self, stepped: bool, trained: bool, evaluated: bool) -> None:
        if not (stepped or self._has_steps) and (trained or (evaluated and not self._has_trained)):
            self._step += 1
        self._has_trained = self._has_trained or trained

    def _take_step(self, record: RawRecord, axes: dict[str, str]) -> bool:
        """Note the row's step; False when it has none that can be used."""
        names = ("step",) if "step" in self._chosen else STEP_NAMES
        for name in names:
            raw = axes.get(name)
            if raw is None:
                continue
            step = whole(as_value(record[raw]))
            if step is not None:
                self._step, self._has_steps = step, True
                return True
        return False

    def _epoch(self, record: RawRecord, axes: dict[str, str]) -> int | None:
        for name in EPOCH_NAMES:
            raw = axes.get(name)
            if raw is not None:
                epoch = whole(as_value(record[raw]), floor=True)
                return epoch if epoch is None else max(0, epoch - self.flavour.first_epoch)
        return None

    def _time(self, record: RawRecord, axes: dict[str, str]) -> tuple[float | None, str | None]:
        """The row's time, and the column that holds it; a duration is a metric like any other."""
        for name in TIME_NAMES:
            raw = axes.get(name)
            t = None if raw is None else as_value(record[raw])
            if t is None:
                continue
            if t > _LAST_TIME * _MILLISECONDS / 10:
                t /= _MILLISECONDS
            if _FIRST_TIME < t < _LAST_TIME:
                return t, raw
        return None, None

    def _name(self, raw: str, split: str) -> str:
        known = self._names.get((raw, split))
        if known is not None:
            return known
        name = self._mapped.get(raw) or self._unclaimed(self.flavour.name_of(raw) or stored_name(raw, split))
        if len(self._names) < _MOST_NAMES:
            self._names[raw, split] = name
            if name != raw:
                self._facts.renamed[raw] = name
        return name

    def _unclaimed(self, name: str) -> str:
        """Another name where the user gave this one to another column."""
        return f"metric/{name}" if name in self._chosen else name


def _split_of(record: RawRecord, axes: dict[str, str]) -> str:
    for column in _SPLIT_COLUMNS:
        value = record.get(axes[column]) if column in axes else None
        if isinstance(value, str):
            return _EVALUATIONS.get(value.strip().lower(), "")
    return ""
