"""What is known of one run, as plain frozen data: what compare, audit, check and report judge by.

A fact that a run does not tell is None (or an empty collection): nothing here is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from guardrun.events.schema import ENVELOPE, Event
from guardrun.series.store import Series, SeriesStore
from guardrun.signals.model import Signal
from guardrun.state.model import Attempt, CheckpointRef, Status

IMPORTED: Final = "imported"
"""The reason by which the end of an imported log is told."""
Mode = Literal["min", "max"]
Origin = Literal["default", "file", "override", "script"]


class Deciding(NamedTuple):
    """The metric that decides which checkpoint is best."""

    name: str
    mode: Mode


class Mark(NamedTuple):
    """One value of a curve, and where it stands."""

    value: float
    step: int
    seconds: float | None
    """Training time until then, of all attempts together."""
    epoch: int | None


class Baseline(NamedTuple):
    """What a trivial or simple model reaches."""

    metric: str
    value: float
    model: str
    """Which model it was ("majority class", "logistic regression"); "" when that is not told."""


class Curves(Mapping[str, Series]):
    """The curves of one rank by name; taken out of the store when they are asked for."""

    def __init__(self, store: SeriesStore, rank: int = 0) -> None:
        self._store = store
        self._rank = rank

    def __getitem__(self, name: str) -> Series:
        found = self._store.get(name, self._rank)
        if not len(found):
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._store.names(self._rank))

    def __len__(self) -> int:
        return len(self._store.names(self._rank))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One run. Times in seconds unless the name says otherwise."""

    # -- who it is, and what became of it
    path: str
    run_id: str
    name: str
    group: str | None = None
    parent: str | None = None
    """The run that it repeats, or that started it."""
    created: float | None = None
    status: Status = Status.FINISHED
    reason: str = ""
    exit_code: int | None = None
    attempts: tuple[Attempt, ...] = ()
    step: int = 0
    total_steps: int | None = None
    epochs: int | None = None
    """Epochs begun."""
    supervised: bool = False
    notes: tuple[str, ...] = ()
    bad_lines: int = 0
    dropped_events: int = 0

    # -- what it came from
    seed: int | None = None
    """The seed that the training used (its ``seeds`` event); else the configuration's."""
    seeds: Mapping[str, Any] = field(default_factory=dict)
    """The training's own record of seeding; empty: it never called ``run.seed()``."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Effective: file, overrides, the script's own values and every default, merged."""
    config_origins: Mapping[str, Origin] = field(default_factory=dict)
    """Dotted key -> where its value came from; empty where nobody recorded it."""
    config_source: str | None = None
    overrides: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    workdir: str | None = None
    host: str = ""
    git: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    """Of the launcher and of the training: packages, torch, cuda, gpus, precision, …"""
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name -> sha256, count, rule, classes, …"""
    preprocessing: tuple[Mapping[str, Any], ...] = ()
    """sha256 and text of each; empty: none was recorded."""
    split: Mapping[str, Any] | None = None
    test_uses: tuple[Mapping[str, Any], ...] = ()
    sanity: tuple[Mapping[str, Any], ...] = ()
    told: Mapping[str, tuple[Event, ...]] = field(default_factory=dict)
    """Every other event that the training wrote once, by kind."""

    # -- how good it is
    monitor: Deciding | None = None
    best: Mark | None = None
    last: Mark | None = None
    evaluations: int = 0
    """How many values of the monitor the best was chosen among."""
    curves: Mapping[str, Series] = field(default_factory=dict)
    system: Mapping[str, Series] = field(default_factory=dict)
    """GPU, CPU, memory and disk samples."""
    signals: tuple[Signal, ...] = ()
    best_checkpoint: CheckpointRef | None = None
    last_checkpoint: CheckpointRef | None = None
    baseline: Baseline | None = None

    # -- what it cost
    world_size: int = 1
    precision: str | None = None
    loss_scale: float | None = None
    """The newest."""
    accumulate: int | None = None
    """Batches that make one optimizer step."""
    effective_batch: float | None = None
    """Samples of one optimizer step, all ranks together: measured."""
    hours: float | None = None
    """Of all attempts together."""
    gpus: int | None = None
    """GPUs that the training used; 0 on a CPU."""
    gpu_hours: float | None = None
    energy_kwh: float | None = None
    """Of those GPUs, by their measured power."""
    cost: float | None = None
    currency: str = "EUR"
    samples_per_s: float | None = None
    """All ranks together, over all of the training's steps."""
    tokens_per_s: float | None = None
    step_time: float | None = None
    """Median of an optimizer step."""
    data_time: float | None = None
    """Median of what a step waits for its data."""
    data_share: float | None = None
    """Share of the steps' time that was spent waiting for data."""
    peak_gpu_bytes: float | None = None
    """Of the GPU that needed most: reserved by PyTorch; without it, used on the device."""
    peak_host_bytes: float | None = None
    """Resident memory of the process tree."""
    mfu: float | None = None
    """Model FLOPs utilisation, where the configuration tells the FLOPs of a step or a token."""

    @property
    def imported(self) -> bool:
        """Whether it is the log of another tool, which tells curves alone."""
        return self.reason == IMPORTED

    @property
    def config_defaults(self) -> dict[str, Any]:
        """Dotted key -> value, of every key that was left at its default."""
        flat = flattened(self.config)
        return {key: flat.get(key) for key, origin in self.config_origins.items() if origin == "default"}

    @property
    def preprocessing_sha256(self) -> tuple[str, ...]:
        """Hashes of what was recorded, in order."""
        return tuple(str(each.get("sha256") or "") for each in self.preprocessing)

    @property
    def test_points(self) -> int:
        """How many values of test metrics were logged, the most of any."""
        return max((len(self.curves[name]) for name in self.curves if name.startswith("test/")), default=0)


def seconds_of(attempts: tuple[Attempt, ...], series: Series) -> NDArray[np.float64]:
    """Training time at each point of a curve: the time of the attempts before, and that of its own so far.

    NaN for a point of an attempt that is not known.
    """
    seconds = np.full(len(series), math.nan)
    before = 0.0
    for attempt in attempts:
        own = series.attempt == attempt.number
        since = series.t[own] - attempt.started
        seconds[own] = before + np.maximum(since, 0.0)
        if attempt.ended is not None:
            before += max(0.0, attempt.ended - attempt.started)
        elif len(since):
            before += max(0.0, float(np.nanmax(since, initial=0.0)))
    return seconds


def mark_at(series: Series, index: int, attempts: tuple[Attempt, ...]) -> Mark:
    """The point of that index."""
    seconds = float(seconds_of(attempts, series)[index])
    epoch, step = float(series.epoch[index]), float(series.step[index])
    return Mark(
        value=float(series.value[index]),
        step=int(step) if math.isfinite(step) else 0,
        seconds=seconds if math.isfinite(seconds) else None,
        epoch=int(epoch) if math.isfinite(epoch) else None,
    )


def best_index(series: Series, mode: Mode) -> int | None:
    """Where the best finite value of a curve stands; the first of equals. None when there is none."""
    finite = np.isfinite(series.value)
    if not finite.any():
        return None
    if mode == "max":
        return int(np.argmax(np.where(finite, series.value, -math.inf)))
    return int(np.argmin(np.where(finite, series.value, math.inf)))


def flattened(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted key -> value of every leaf; an empty mapping is a leaf.

    >>> flattened({"a": {"b": 1, "c": {}}, "d": [2]})
    {'a.b': 1, 'a.c': {}, 'd': [2]}
    """
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            leaves.update(flattened(value, f"{dotted}."))
        else:
            leaves[dotted] = value
    return leaves


def without_envelope(event: Event) -> dict[str, Any]:
    """An event's own keys; ``step`` stays where the event has one."""
    return {key: value for key, value in event.items() if key == "step" or key not in ENVELOPE}
