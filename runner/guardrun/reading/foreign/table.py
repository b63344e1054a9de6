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
_MOST_NAMES: Final = 512
"""Names of one log that become columns: a log with ever new keys must not fill the memory."""
_MOST_PLANS: Final = 256
_SUMMARY: Final = "train_runtime"
"""Hugging Face's Trainer ends its log with one row of totals, whose train_loss is the mean of all steps."""
_FIRST_TIME, _LAST_TIME = 5e8, 1e10
"""Unix seconds between 1985 and 2286; anything else in a time column is a duration."""
_MILLISECONDS: Final = 1000.0


class _Plan:
    """What the columns of one shape of record mean: worked out once, used for every row of that shape."""

    __slots__ = ("columns", "epochs", "steps", "times")

    def __init__(self) -> None:
        self.columns: list[tuple[str, str, bool]] = []
        """Raw name, stored name, whether it was measured in evaluation mode; of two columns that mean the
        same the better one comes later."""
        self.steps: list[str] = []
        self.epochs: list[str] = []
        self.times: list[str] = []


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
        self._chosen = set(mapping or ())
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._has_steps = False
        self._has_trained = False
        self._step = 0
        self.met: set[str] = set()
        """Raw names that were seen."""

    def rows(self, raw_record: RawRecord) -> Iterator[ForeignRow]:
        """One or two rows: what was measured in training, and what an evaluation found."""
        record = self.flavour.prepare(raw_record)
        plan = self._plan_of(record)
        stepped = self._take_step(record, plan)
        t, time_column = _time(record, plan) if plan.times else (None, "")
        trained: dict[str, float] = {}
        evaluated: dict[str, float] = {}
        for raw, name, is_evaluated in plan.columns:
            value = record[raw]
            number = value if type(value) is float else as_value(value)
            if number is not None and raw is not time_column:
                if is_evaluated:
                    evaluated[name] = number
                else:
                    trained[name] = number
        if not stepped and not self._has_steps and (trained or (evaluated and not self._has_trained)):
            self._step += 1
        epoch = self._epoch(record, plan)
        if trained:
            self._has_trained = True
            yield ForeignRow("metrics", self._step, epoch, t, trained)
        if evaluated:
            yield ForeignRow("eval", self._step, epoch, t, evaluated)

    def _take_step(self, record: RawRecord, plan: _Plan) -> bool:
        """Note the row's step; False when it has none that can be used."""
        for raw in plan.steps:
            step = whole(as_value(record[raw]))
            if step is not None:
                self._step, self._has_steps = step, True
                return True
        return False

    def _epoch(self, record: RawRecord, plan: _Plan) -> int | None:
        for raw in plan.epochs:
            epoch = whole(as_value(record[raw]), floor=True)
            return epoch if epoch is None else max(0, epoch - self.flavour.first_epoch)
        return None

    def _plan_of(self, record: RawRecord) -> _Plan:
        split = next((str(record[name]) for name in _SPLIT_COLUMNS if type(record.get(name)) is str), "")
        shape = (split, *record)
        plan = self._plans.get(shape)
        if plan is None:
            plan = self._new_plan(record)
            if len(self._plans) < _MOST_PLANS:
                self._plans[shape] = plan
        return plan

    def _new_plan(self, record: RawRecord) -> _Plan:
        plan, renamed = _Plan(), self._facts.renamed
        lowered = {raw.strip().lower(): raw for raw in record}
        split = _split_of(record, lowered)
        mapped = {stored: raw for raw, stored in self._mapped.items() if raw in record}
        axes = (
            ("step", STEP_NAMES, plan.steps),
            ("epoch", EPOCH_NAMES, plan.epochs),
            ("time", TIME_NAMES, plan.times),
        )
        for axis, names, into in axes:
            if axis in self._chosen:
                into += [mapped[axis]] if axis in mapped else []
            else:
                into += [lowered[name] for name in names if name in lowered]
        for raw in record:
            if raw not in self.met:
                if len(self.met) >= _MOST_NAMES and raw not in self._mapped:
                    continue
                self.met.add(raw)
            if not self._is_axis(raw):
                name = self._name(raw, split)
                if name != raw and as_value(record[raw]) is not None and len(renamed) < _MOST_NAMES:
                    renamed[raw] = name
                if name == "train/loss" and _SUMMARY in record:
                    name = "train/mean_loss"
                plan.columns.append((raw, name, self.flavour.is_evaluated(raw, name)))
        if len({name for _, name, _ in plan.columns}) < len(plan.columns):
            # An exact name outranks a shortened one that means the same, and what the user said outranks all.
            plan.columns.reverse()
            plan.columns.sort(key=lambda column: (column[0] in self._mapped, column[0] == column[1]))
        return plan

    def _is_axis(self, raw: str) -> bool:
        mapped = self._mapped.get(raw)
        return mapped in _MAPPED_AXES if mapped is not None else raw.strip().lower() in _AXES

    def _name(self, raw: str, split: str) -> str:
        name = self._mapped.get(raw)
        if name is None:
            name = self.flavour.name_of(raw) or stored_name(raw, split)
            # Another name where the user gave this one to another column.
            name = f"metric/{name}" if name in self._chosen else name
        return name


def _time(record: RawRecord, plan: _Plan) -> tuple[float | None, str]:
    """The row's time, and the column that holds it; a duration is a metric like any other."""
    for raw in plan.times:
        t = as_value(record[raw])
        if t is None:
            continue
        if t > _LAST_TIME * _MILLISECONDS / 10:
            t /= _MILLISECONDS
        if _FIRST_TIME < t < _LAST_TIME:
            return t, raw
    return None, ""


def _split_of(record: RawRecord, lowered: dict[str, str]) -> str:
    for column in _SPLIT_COLUMNS:
        value = record.get(lowered[column]) if column in lowered else None
        if isinstance(value, str):
            return _EVALUATIONS.get(value.strip().lower(), "")
    return ""
