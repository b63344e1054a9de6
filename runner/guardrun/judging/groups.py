"""Runs that are repeats of one another, put together; what sets the groups apart names them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final, Literal

import numpy as np

from guardrun.errors import UserError
from guardrun.judging.efficiency import mode_of_metric
from guardrun.judging.facts import Mode, RunFacts, best_index, flattened
from guardrun.judging.statistics import Summary, summary
from guardrun.provenance.recipes import recipe_of, tells_a_recipe
from guardrun.state.model import Status

At = Literal["best", "last"]
_BY_FACTS: Final = ("name", "group", "commit")
"""What runs can be grouped by besides the keys of their configuration."""
_TOLD_APART_BY: Final = (
    "params.",
    "data.",
    "env.",
    "args",
    "command",
    "entry",
    "launcher",
    "nproc_per_node",
    "nnodes",
)
_MOST_KEYS: Final = 3
"""Differing keys that still make a readable name."""
_MOST_LABEL: Final = 60
_MOST_DIGITS: Final = 10
"""A number of a setting that is longer is told with six digits."""
_REPEAT: Final = re.compile(r"-(?:seed\d+|repeat)$")
"""What `guard repeat` and `guard sweep` put behind a run's name."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run reached."""

    run: RunFacts
    value: float
    step: int


@dataclass(frozen=True, slots=True)
class Group:
    """Repeats of one configuration."""

    letter: str
    label: str
    results: tuple[Result, ...]
    summary: Summary
    names: frozenset[str]
    """Everything by which somebody may call it: letter, label, common run name, common group."""
    differing: Mapping[str, Any]
    """The keys that set it apart from the others, with its values."""

    @property
    def runs(self) -> tuple[RunFacts, ...]:
        return tuple(result.run for result in self.results)

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(result.value for result in self.results)

    @property
    def seeds(self) -> dict[int, float]:
        """Seed -> value of the newest run with it."""
        return {result.run.seed: result.value for result in self.results if result.run.seed is not None}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A run that takes no part, and why."""

    run: RunFacts
    why: str


def usable(runs: Iterable[RunFacts], *, unfinished: bool = False) -> tuple[list[RunFacts], list[LeftOut]]:
    """The runs that ended as they should, and the others with the reason.

    A run that patience, a budget or the policy ended has a result; one that failed or goes on has none.
    """
    kept: list[RunFacts] = []
    left: list[LeftOut] = []
    for run in runs:
        over = run.status in (Status.FINISHED, Status.STOPPED)
        if over or unfinished:
            kept.append(run)
        else:
            left.append(LeftOut(run, f"it {_BECAME[run.status]}"))
    return kept, left


_BECAME: Final[Mapping[Status, str]] = {
    Status.QUEUED: "is in the queue", Status.STARTING: "has not begun", Status.RUNNING: "goes on",
    Status.STOPPING: "is being stopped",
    Status.HUNG: "hangs", Status.LOST: "was lost", Status.FAILED: "failed", Status.KILLED: "was killed",
    Status.ABORTED: "was aborted",
}  # fmt: skip


def make_groups(
    runs: Sequence[RunFacts], metric: str, mode: Mode, *, by: str | None = None, at: At = "best"
) -> tuple[list[Group], list[LeftOut]]:
    """Groups by configuration without the seed, or by ``by``; best mean first."""
    members: dict[str, list[Result]] = {}
    left: list[LeftOut] = []
    for run in sorted(runs, key=lambda each: (each.created or 0.0, each.run_id)):
        result = result_of(run, metric, mode, at)
        if result is None:
            left.append(LeftOut(run, f"it has no finite {metric}"))
        else:
            members.setdefault(_key(run, by), []).append(result)
    if by is not None and len(members) == 1 and not any(_has(run, by) for run in runs):
        raise UserError(f"no run has {by!r}", hint=_what_there_is(runs))
    parts = [_newest_of_each_seed(results, left) for results in members.values()]
    better_first = sorted(parts, key=lambda part: _mean(part) * (-1 if mode == "max" else 1))
    return _named(better_first, by), left


def result_of(run: RunFacts, metric: str, mode: Mode, at: At) -> Result | None:
    """The value of the metric that counts for this run.

    At the best: of the run's own monitor its best value; of another metric its value at the step at which
    the monitor was best (the checkpoint that is kept), or its last where it was not logged there, as with a
    test metric that is measured once at the end. A run without a monitor: the metric's own best.
    """
    series = run.curves.get(metric)
    index: int | None
    if series is None or not len(series):
        return None
    if at == "last":
        index = len(series) - 1
    elif run.best is None or run.monitor is None or run.monitor.name == metric:
        index = best_index(series, mode)
    else:
        there = np.flatnonzero((series.step == run.best.step) & np.isfinite(series.value))
        index = int(there[-1]) if len(there) else len(series) - 1
    if index is None or not math.isfinite(series.value[index]):
        return None
    step = float(series.step[index])
    return Result(run, float(series.value[index]), int(step) if math.isfinite(step) else 0)


def chosen_metric(runs: Sequence[RunFacts], metric: str | None, mode: Mode | None = None) -> tuple[str, Mode]:
    """The metric to compare by: the one asked for, else the monitor that the runs share.

    Raises UserError where they share none, or where its name does not tell which is better.
    """
    monitors = list(dict.fromkeys(run.monitor for run in runs if run.monitor is not None))
    if metric is None:
        if len({monitor.name for monitor in monitors}) > 1:
            named = ", ".join(sorted({monitor.name for monitor in monitors}))
            raise UserError(f"the runs are monitored by different metrics: {named}", hint="say --metric NAME")
        if not monitors:
            raise UserError("the runs tell no metric to compare by", hint="say --metric NAME")
        return monitors[0].name, mode or monitors[0].mode
    if not any(metric in run.curves for run in runs):
        raise UserError(f"no run has a metric {metric!r}", hint=f"their metrics: {_metrics_of(runs)}")
    told = next((monitor.mode for monitor in monitors if monitor.name == metric), None)
    found = mode or told or mode_of_metric(metric)
    if found is None:
        raise UserError(
            f"the name {metric!r} does not tell whether less or more is better",
            hint="say --mode min or --mode max",
        )
    return metric, found


def _metrics_of(runs: Sequence[RunFacts]) -> str:
    names = sorted({name for run in runs for name in run.curves}, key=lambda name: (name[:4] != "val/", name))
    return ", ".join(names[:12]) or "none"


def settings_of(run: RunFacts) -> dict[str, Any]:
    """Dotted key -> value of everything that was configured, without what only names the run."""
    flat = flattened(run.config)
    return {key: value for key, value in flat.items() if key not in ("name", "group", "seed")}


def _key(run: RunFacts, by: str | None) -> str:
    if by is None:
        command = list(run.command)
        if command:
            command[0] = PurePath(command[0]).name
        launch = {"config": run.config, "command": command}
        return recipe_of(launch) if tells_a_recipe(launch) else f"unknown: {run.run_id}"
    return repr(_told(run, by))


def _told(run: RunFacts, by: str) -> Any:
    if by in _BY_FACTS:
        return {"name": run.name, "group": run.group, "commit": run.git.get("commit")}[by]
    flat = flattened(run.config)
    return flat.get(by, flat.get(f"params.{by}"))


def _has(run: RunFacts, by: str) -> bool:
    flat = flattened(run.config)
    return by in _BY_FACTS or by in flat or f"params.{by}" in flat


def _what_there_is(runs: Sequence[RunFacts]) -> str:
    keys = sorted({key for run in runs for key in flattened(run.config) if key.startswith("params.")})
    return f"there are {', '.join([*_BY_FACTS, *keys][:16])}"


def _newest_of_each_seed(results: list[Result], left: list[LeftOut]) -> list[Result]:
    """Two runs of one seed are one repeat: the newest counts."""
    newest = {result.run.seed: result for result in results if result.run.seed is not None}
    kept = []
    for result in results:
        if result.run.seed is None or newest[result.run.seed] is result:
            kept.append(result)
        else:
            left.append(LeftOut(result.run, f"there is a newer run with seed {result.run.seed}"))
    return kept


def _mean(results: Sequence[Result]) -> float:
    return math.fsum(result.value for result in results) / len(results)


# -- names


def _named(parts: Sequence[Sequence[Result]], by: str | None) -> list[Group]:
    settings = [_common([settings_of(result.run) for result in part]) for part in parts]
    apart = _keys_apart(settings) if by is None else []
    labels = [_label(part, setting, apart, by) for part, setting in zip(parts, settings, strict=True)]
    groups = []
    for number, (part, setting) in enumerate(zip(parts, settings, strict=True)):
        letter = _letter(number)
        label = labels[number] if labels.count(labels[number]) == 1 else f"{labels[number]} ({letter})"
        common = {
            name for name in (_shared_name(part), _shared(part, "name"), _shared(part, "group")) if name
        }
        groups.append(
            Group(
                letter=letter,
                label=label,
                results=tuple(part),
                summary=summary([result.value for result in part]),
                names=frozenset({letter, label, *common, *(result.run.run_id for result in part)}),
                differing={key: setting.get(key) for key in apart},
            )
        )
    return groups


def _common(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all of them have alike."""
    first, *others = settings
    return {key: value for key, value in first.items() if all(key in o and o[key] == value for o in others)}


def _keys_apart(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = sorted({key for setting in settings for key in setting if key.startswith(_TOLD_APART_BY)})
    return [key for key in keys if len({repr(setting.get(key)) for setting in settings}) > 1]


def _label(part: Sequence[Result], setting: Mapping[str, Any], apart: Sequence[str], by: str | None) -> str:
    if by is not None:
        return _spelled(by, _told(part[0].run, by))
    name = _shared_name(part)
    if apart and len(apart) <= _MOST_KEYS:
        text = " ".join(_in_label(key, part, setting) for key in apart)
        if len(text) <= _MOST_LABEL:
            return text
    return name or part[0].run.run_id


def _in_label(key: str, part: Sequence[Result], setting: Mapping[str, Any]) -> str:
    if key not in setting and any(key in settings_of(result.run) for result in part):
        return f"{_bare(key)} varies"
    return _spelled(key, setting.get(key))


def _spelled(key: str, value: Any) -> str:
    return f"{_bare(key)} not set" if value is None else f"{_bare(key)}={_short(value)}"


def _bare(key: str) -> str:
    return key.removeprefix("params.")


def _shared_name(part: Sequence[Result]) -> str | None:
    """A run and its repeats by `guard repeat` are called after the run."""
    found = {_REPEAT.sub("", result.run.name or "") for result in part}
    return (found.pop() or None) if len(found) == 1 else None


def _shared(part: Sequence[Result], what: str) -> str | None:
    found = {getattr(result.run, what) for result in part}
    return found.pop() if len(found) == 1 else None


def _short(value: Any) -> str:
    text = " ".join(map(_short, value)) if isinstance(value, list) else str(value)
    if isinstance(value, float) and len(text) > _MOST_DIGITS:
        text = f"{value:.6g}"
    return text if len(text) <= 32 else f"{text[:31]}…"


def _letter(number: int) -> str:
    """A … Z, AA, AB …"""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("A") + digit) + text
    return text
