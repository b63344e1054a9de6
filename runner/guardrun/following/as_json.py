"""A run's state, and the verdict over a log, as the JSON that the commands promise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from guardrun.events.encode import nonfinite_word
from guardrun.signals.model import Signal
from guardrun.state.model import CheckpointRef, Monitor, RunState

if TYPE_CHECKING:
    from guardrun.following.offline import Stop, Verdict


def show_json(state: RunState) -> dict[str, Any]:
    """One run; of a log of another tool also ``source``, its format. Numbers that JSON lacks are the strings
    "NaN", "Infinity" and "-Infinity"."""
    shown: dict[str, Any] = json_ready({
        "run_id": state.run_id,
        "name": state.name,
        "path": state.path,
        "group": state.group,
        "status": state.status.value,
        "reason": state.reason,
        "exit_code": state.exit_code,
        "error": state.error or None,
        "attempt": state.attempt,
        "step": state.step,
        "total_steps": state.total_steps,
        "epoch": state.epoch,
        "monitor": _monitor(state.monitor),
        "checkpoints": {"best": _checkpoint(state.best), "last": _checkpoint(state.last)},
        "signals": [signal_json(signal) for signal in state.signals],
        "cost": state.cost,
        "tags": state.tags,
        "notes": [{"text": each.text, "by": each.by, "t": each.t} for each in state.remarks],
    })  # fmt: skip
    if state.source:
        shown["source"] = state.source
    if state.job:
        shown["job"] = json_ready(dict(state.job))
    return shown


def ls_json(states: Iterable[RunState]) -> dict[str, Any]:
    """Many runs, in their order: each as in ``show_json``, without checkpoints, notes and cleared signals."""
    runs = []
    for state in states:
        shown = show_json(state)
        del shown["checkpoints"], shown["exit_code"], shown["error"], shown["notes"]
        shown["signals"] = [signal for signal in shown["signals"] if signal["cleared_at"] is None]
        runs.append(shown)
    return {"runs": runs}


def signal_json(signal: Signal) -> dict[str, Any]:
    """One signal with its evidence and advice."""
    shown: dict[str, Any] = json_ready({
        "id": signal.id,
        "severity": signal.severity,
        "action": signal.action,
        "first_step": signal.first_step,
        "raised_at": signal.raised_at,
        "cleared_at": signal.cleared_at,
        "message": signal.message,
        "evidence": dict(signal.evidence),
        "advice": signal.advice,
        "would_change": signal.would_change,
        "would_do": signal.would_do,
        "superseded_by": signal.superseded_by,
        "acknowledged_at": signal.acknowledged_at,
    })  # fmt: skip
    return shown


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """One log, judged now."""
    case, stop = verdict.case, verdict.stop
    shown: dict[str, Any] = json_ready({
        "source": str(case.source),
        "name": case.name,
        "format": case.format,
        "steps": verdict.steps,
        "evaluations": verdict.evaluations,
        "hours": _hours(verdict.seconds),
        "monitor": case.settings.monitor,
        "mode": case.settings.mode,
        "train_loss": case.train_loss,
        "verdict": verdict.verdict,
        "signals": [signal_json(signal) for signal in verdict.signals],
        "saved_fraction": verdict.saved_fraction,
        "stop": None if stop is None else _stop(stop),
        "notes": case.notes,
    })  # fmt: skip
    return shown


def _stop(stop: Stop) -> dict[str, Any]:
    later = stop.later
    return {
        "signal": stop.id,
        "action": stop.action,
        "step": stop.step,
        "only_observed": stop.only_observed,
        "saved_fraction": stop.saved_fraction,
        "saved_hours": _hours(stop.saved_seconds),
        "later": {
            "metric": later.metric, "best_before": later.best_before, "best_after": later.best_after,
            "best_after_step": later.step, "gain": later.gain, "wrong": later.wrong,
        },
    }  # fmt: skip


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 3600


def json_ready(value: Any) -> Any:
    """The value with non-finite numbers as words, tuples as lists, and names that are no Unicode readable."""
    if isinstance(value, float) and not math.isfinite(value):
        return nonfinite_word(value)
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {json_ready(str(key)): json_ready(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(each) for each in value]
    return value


def _monitor(monitor: Monitor | None) -> dict[str, Any] | None:
    if monitor is None:
        return None
    return {
        "name": monitor.name, "mode": monitor.mode, "last": monitor.last, "best": monitor.best,
        "best_step": monitor.best_step,
    }  # fmt: skip


def _checkpoint(ref: CheckpointRef | None) -> dict[str, Any] | None:
    if ref is None:
        return None
    return {
        "path": ref.path, "step": ref.step, "metric": ref.metric, "sha256": ref.sha256,
        "verified": ref.verified, "own": ref.own or None,
    }  # fmt: skip
