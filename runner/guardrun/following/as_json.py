"""A run's state as the JSON that `guard show` and `guard ls` promise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from guardrun.events.encode import nonfinite_word
from guardrun.signals.model import Signal
from guardrun.state.model import CheckpointRef, Monitor, RunState


def show_json(state: RunState) -> dict[str, Any]:
    """One run. Numbers that JSON lacks are the strings "NaN", "Infinity" and "-Infinity"."""
    shown: dict[str, Any] = json_ready({
        "run_id": state.run_id,
        "name": state.name,
        "path": state.path,
        "group": state.group,
        "status": state.status.value,
        "reason": state.reason,
        "exit_code": state.exit_code,
        "attempt": state.attempt,
        "step": state.step,
        "total_steps": state.total_steps,
        "epoch": state.epoch,
        "monitor": _monitor(state.monitor),
        "checkpoints": {"best": _checkpoint(state.best), "last": _checkpoint(state.last)},
        "signals": [signal_json(signal) for signal in state.signals],
        "cost": state.cost,
    })  # fmt: skip
    return shown


def ls_json(states: Iterable[RunState]) -> dict[str, Any]:
    """Many runs, in their order: each as in ``show_json``, without checkpoints and cleared signals."""
    runs = []
    for state in states:
        shown = show_json(state)
        del shown["checkpoints"], shown["exit_code"]
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
    })  # fmt: skip
    return shown


def json_ready(value: Any) -> Any:
    """The value with non-finite numbers as words and tuples as lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return nonfinite_word(value)
    if isinstance(value, Mapping):
        return {str(key): json_ready(each) for key, each in value.items()}
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
        "verified": ref.verified,
    }  # fmt: skip
