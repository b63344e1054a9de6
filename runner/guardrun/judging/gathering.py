"""The facts of a run, read from its files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from guardrun.errors import UserError
from guardrun.events.paths import is_run_directory
from guardrun.events.schema import (
    CHECKPOINT,
    DATA,
    ENV,
    PREPROCESSING,
    RUN_START,
    SANITY,
    SEEDS,
    SPLIT,
    TEST_USE,
    Event,
)
from guardrun.following.run_follower import RunFollower
from guardrun.judging.baselines import BASELINE, checked_baseline, told_baseline
from guardrun.judging.efficiency import (
    energy_kwh,
    highest,
    model_flops_utilisation,
    pace,
    peak_flops_of,
)
from guardrun.judging.facts import (
    Curves,
    Deciding,
    Mark,
    Origin,
    RunFacts,
    best_index,
    flattened,
    mark_at,
    without_envelope,
)
from guardrun.series.store import SYSTEM
from guardrun.state.model import RunState
from guardrun.state.values import real, table, whole, words

_OWN_FIELDS: Final = frozenset((DATA, PREPROCESSING, SPLIT, SANITY, TEST_USE, SEEDS, CHECKPOINT))
_ORIGINS: Final = frozenset(("default", "file", "override"))


def gather_facts(path: Path | str, *, judge: bool = True) -> RunFacts:
    """Everything known of the run in that directory, as far as its files tell; a live run as it is now.

    ``judge``: also judge a run that no supervisor watched (its signals then say ``recorded=False``).
    Raises UserError where there is no run, or none that may be read.
    """
    path = Path(path)
    if not is_run_directory(path):
        raise UserError(
            f"{path} is not a run directory", hint="a run is a folder with run.json or events.jsonl"
        )
    if not os.access(path, os.R_OK | os.X_OK):
        raise UserError(f"{path} cannot be read: permission denied")
    follower = RunFollower(path, judge=judge)
    follower.catch_up()
    return facts_of(follower)


def facts_of(follower: RunFollower) -> RunFacts:
    """The facts of a run that is followed already."""
    state, launch = follower.state(), follower.launch
    environment = {**state.env}
    config, origins = _config(follower, launch)
    curves = Curves(follower.series)
    return RunFacts(
        **_identity(state, follower),
        seed=_seed(state, config),
        seeds=dict(state.seeds),
        config=config,
        config_origins=origins,
        config_source=words(launch.get("config_source")) or None,
        overrides=tuple(str(each) for each in _list(launch.get("overrides"))),
        command=state.command,
        workdir=words(launch.get("workdir")) or None,
        host=state.host,
        git=dict(state.git),
        environment=environment,
        data=_by_name(follower.told(DATA)),
        preprocessing=_last_attempt(follower, PREPROCESSING),
        split=_newest(follower.told(SPLIT)),
        test_uses=_plain(follower.told(TEST_USE)),
        sanity=_plain(follower.told(SANITY)),
        told={kind: tuple(told) for kind, told in follower.all_told.items() if kind not in _OWN_FIELDS},
        curves=curves,
        system=Curves(follower.series, SYSTEM),
        baseline=told_baseline([*follower.told(SANITY), *follower.told(BASELINE)])
        or checked_baseline(launch, follower.path),
        precision=words(environment.get("precision")) or None,
        accumulate=_accumulate(follower),
        **_quality(state, curves),
        **_costs(state, follower, environment, config),
    )  # fmt: skip


def _identity(state: RunState, follower: RunFollower) -> dict[str, Any]:
    identity = follower.identity
    return {
        "path": str(follower.path), "run_id": state.run_id, "name": state.name, "group": state.group,
        "parent": words(identity.get("parent")) or None, "created": state.created, "status": state.status,
        "reason": state.reason, "exit_code": state.exit_code, "attempts": state.attempts, "step": state.step,
        "total_steps": state.total_steps, "epochs": None if state.epoch is None else state.epoch + 1,
        "supervised": state.supervised, "notes": state.notes, "bad_lines": state.bad_lines,
        "dropped_events": state.dropped_events, "signals": state.signals, "best_checkpoint": state.best,
        "last_checkpoint": state.last,
    }  # fmt: skip


# -- where it comes from


def _config(follower: RunFollower, launch: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Origin]]:
    """The configuration that the training ran with, and where each value came from.

    The training's own record holds the script's values too; a training without the library only has what
    was launched.
    """
    launched = table(launch.get("config"))
    started = _newest(follower.told(RUN_START)) or {}
    own = table(started.get("config"))
    effective = _over(launched, own)
    told = table(launch.get("config_origins"))
    flat, flat_launched = flattened(effective), flattened(launched)
    if told:
        known = {key: cast("Origin", value) for key, value in told.items() if value in _ORIGINS}
        # A resume starts from what was written for the earlier attempt, its overrides included.
        typed = {str(each).partition("=")[0] for each in _list(launch.get("overrides"))}
        known.update((key, "override") for key in known if key in typed)
        return effective, {
            key: known[key] if key in known and flat_launched.get(key) == value else "script"
            for key, value in flat.items()
            if key in known or key not in flat_launched or flat_launched[key] != value
        }
    if not own:
        return effective, {}
    from guardrun.recording.config_view import DEFAULTS

    defaults = flattened(DEFAULTS)
    return effective, {
        key: "default" if key in defaults and defaults[key] == value else "script"
        for key, value in flat.items()
    }


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``below`` with ``above`` over it, mapping by mapping. An empty parameter table hides nothing."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _over(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _seed(state: RunState, config: Mapping[str, Any]) -> int | None:
    used = whole(state.seeds.get("seed"))
    return used if used is not None else whole(config.get("seed"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _plain(events: Iterable[Event]) -> tuple[dict[str, Any], ...]:
    return tuple(without_envelope(event) for event in events)


def _newest(events: Iterable[Event]) -> dict[str, Any] | None:
    found = _plain(events)
    return found[-1] if found else None


def _by_name(events: Iterable[Event]) -> dict[str, dict[str, Any]]:
    """The newest record of each name."""
    return {words(event.get("name")): without_envelope(event) for event in events}


def _last_attempt(follower: RunFollower, kind: str) -> tuple[dict[str, Any], ...]:
    """Records of that kind since the newest start of the training: a resume tells them again."""
    starts = follower.told(RUN_START)
    since = real(starts[-1].get("t")) if starts else None
    return _plain(
        event for event in follower.told(kind) if since is None or (real(event.get("t")) or since) >= since
    )


# -- how good


def _quality(state: RunState, curves: Curves) -> dict[str, Any]:
    if state.monitor is None:
        return {}
    deciding = Deciding(state.monitor.name, state.monitor.mode)
    series = curves.get(deciding.name)
    if series is None:
        return {"monitor": deciding}
    index = best_index(series, deciding.mode)
    best: Mark | None = None if index is None else mark_at(series, index, state.attempts)
    return {
        "monitor": deciding,
        "best": best,
        "last": mark_at(series, len(series) - 1, state.attempts),
        "evaluations": int(np.isfinite(series.value).sum()),
    }


# -- what it cost


def _costs(
    state: RunState, follower: RunFollower, environment: Mapping[str, Any], config: Mapping[str, Any]
) -> dict[str, Any]:
    ranks = [Curves(follower.series, rank) for rank in follower.series.ranks()]
    world = max(state.ranks, 1)
    measured = pace(ranks if len(ranks) in (0, world) else [])
    gpus = _gpus(follower, world)
    used = _used_gpus(table(follower.launch.get("environment")), gpus)
    system = Curves(follower.series, SYSTEM)
    hours = None if state.elapsed_s is None else state.elapsed_s / 3600
    power = [system[f"gpu{index}/power_w"] for index in used if f"gpu{index}/power_w" in system]
    reserved = highest(rank.get("gpu/memory_reserved_bytes") for rank in ranks)
    scale = ranks[0].get("loss_scale") if ranks else None
    return {
        **measured._asdict(),
        "world_size": world,
        "loss_scale": None if scale is None else real(float(scale.value[-1])),
        "hours": hours,
        "gpus": gpus,
        "gpu_hours": None if hours is None or gpus is None else hours * gpus,
        "energy_kwh": energy_kwh(power) if power and len(power) == gpus else None,
        "cost": state.cost,
        "currency": state.currency,
        "peak_gpu_bytes": reserved
        if reserved is not None
        else highest(system.get(f"gpu{index}/memory_bytes") for index in used),
        # No process is without memory: a zero was read after the training had gone.
        "peak_host_bytes": highest([system.get("tree/rss_bytes")]) or None,
        "mfu": _mfu(config, environment, measured.step_time, measured.tokens_per_s, gpus, world),
    }


def _gpus(follower: RunFollower, world: int) -> int | None:
    """One a rank where the training used CUDA; 0 where it did not, or where its host has none."""
    told = _newest(follower.told(ENV))
    if told is not None and isinstance(told.get("gpus"), list):
        return world if told["gpus"] else 0
    there = follower.launch.get("environment")
    known = table(there).get("gpus")
    return 0 if isinstance(known, list) and not known else None


def _used_gpus(environment: Mapping[str, Any], count: int | None) -> list[int]:
    """NVML indices of the training's GPUs: those that CUDA_VISIBLE_DEVICES names first, else the first."""
    if not count:
        return []
    visible = words(table(environment.get("variables")).get("CUDA_VISIBLE_DEVICES"))
    if not visible:
        return list(range(count))
    return list(_indices(visible.split(","), environment.get("gpus")))[:count]


def _indices(names: Iterable[str], gpus: Any) -> Iterator[int]:
    uuids = [words(table(gpu).get("uuid")) for gpu in gpus] if isinstance(gpus, list) else []
    for name in map(str.strip, names):
        if name.isascii() and name.isdigit():
            yield int(name)
        else:
            yield from (index for index, uuid in enumerate(uuids) if name and uuid.startswith(name))


def _mfu(
    config: Mapping[str, Any],
    environment: Mapping[str, Any],
    step_time: float | None,
    tokens_per_s: float | None,
    gpus: int | None,
    world: int,
) -> float | None:
    told = table(config.get("efficiency"))
    peak = real(told.get("peak_flops"))
    if peak is None:
        names = [words(gpu) or words(table(gpu).get("name")) for gpu in _list(environment.get("gpus"))]
        peaks = {peak_flops_of(name) for name in names}
        peak = peaks.pop() if len(peaks) == 1 else None
    return model_flops_utilisation(
        flops_per_step=real(told.get("flops_per_step")),
        flops_per_token=real(told.get("flops_per_token")),
        step_time=step_time,
        tokens_per_s=tokens_per_s,
        peak=peak,
        devices=gpus or world,
    )


def _accumulate(follower: RunFollower) -> int | None:
    found = (whole(event.get("accumulate")) for _, event in reversed(follower.timeline))
    return next((number for number in found if number), None)
