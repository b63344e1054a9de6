"""The JSON of show and ls is a promise: keys, types and words stay."""

from __future__ import annotations

import json
import math

from guardrun.following.as_json import json_ready, ls_json, show_json
from guardrun.signals.model import Signal
from guardrun.state.model import CheckpointRef, Monitor, Remark, Status
from run_factory import run_state

SIGNAL = Signal(
    "overfit", "act", "stop", 100, 180, "val/loss drifts", {"value": math.nan, "window": 5}, "stop here",
    would_change="a new best below 0.4", would_do="stop",
)  # fmt: skip
CLEARED = Signal(
    "nan", "warn", "warn", 10, 12, "NaN", {}, "", cleared_at=50, superseded_by="loss_explosion",
    acknowledged_at=20,
)  # fmt: skip
STATE = run_state(
    status=Status.STOPPED, reason="stop:cli", exit_code=0, group="seeds", cost=1.5, signals=(CLEARED, SIGNAL),
    monitor=Monitor("val/loss", "min", math.nan, 0.4, 420),
    best=CheckpointRef("checkpoints/step-420-a1", 420, 0.4, "ab", True, epoch=4, bytes=7),
    tags=("good",), remarks=(Remark("too high", "anna", 7.5),),
)  # fmt: skip


def test_show() -> None:
    assert show_json(STATE) == {
        "run_id": "2025-11-24_16-00-00_digits_0001",
        "name": "digits",
        "path": "runs/digits",
        "group": "seeds",
        "status": "stopped",
        "reason": "stop:cli",
        "exit_code": 0,
        "error": None,
        "attempt": 1,
        "step": 500,
        "total_steps": 1000,
        "epoch": 4,
        "monitor": {"name": "val/loss", "mode": "min", "last": "NaN", "best": 0.4, "best_step": 420},
        "checkpoints": {
            "best": {
                "path": "checkpoints/step-420-a1", "step": 420, "metric": 0.4, "sha256": "ab",
                "verified": True, "own": None,
            },
            "last": None,
        },
        "signals": [
            {
                "id": "nan", "severity": "warn", "action": "warn", "first_step": 10, "raised_at": 12,
                "cleared_at": 50, "message": "NaN", "evidence": {}, "advice": "",
                "would_change": "", "would_do": None, "superseded_by": "loss_explosion",
                "acknowledged_at": 20,
            },
            {
                "id": "overfit", "severity": "act", "action": "stop", "first_step": 100, "raised_at": 180,
                "cleared_at": None, "message": "val/loss drifts", "evidence": {"value": "NaN", "window": 5},
                "advice": "stop here", "would_change": "a new best below 0.4", "would_do": "stop",
                "superseded_by": None, "acknowledged_at": None,
            },
        ],
        "cost": 1.5,
        "tags": ["good"],
        "notes": [{"text": "too high", "by": "anna", "t": 7.5}],
    }  # fmt: skip


def test_ls_is_shorter_and_holds_standing_signals_only() -> None:
    (run,) = ls_json([STATE])["runs"]

    assert list(run) == [
        "run_id", "name", "path", "group", "status", "reason", "attempt", "step", "total_steps", "epoch",
        "monitor", "signals", "cost", "tags",
    ]  # fmt: skip
    assert [signal["id"] for signal in run["signals"]] == ["overfit"]
    assert run == {key: show_json(STATE)[key] for key in run} | {"signals": run["signals"]}


def test_a_bare_run_is_all_nulls_and_standard_json() -> None:
    shown = show_json(run_state(group=None))

    assert (shown["monitor"], shown["checkpoints"], shown["signals"]) == (
        None,
        {"best": None, "last": None},
        [],
    )
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


def test_numbers_that_json_lacks_are_words_at_any_depth() -> None:
    assert json_ready({"a": [(math.inf,), {"b": -math.inf}]}) == {"a": [["Infinity"], {"b": "-Infinity"}]}
