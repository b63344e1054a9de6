"""The supervisor of a later attempt knows how the run began, though it reads only its own attempt."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardrun.events.encode import encode
from guardrun.supervising.judge import Judge, first_points


def _events(attempt: int, losses: list[float], step: int = 0) -> list[dict[str, object]]:
    rows = [
        {"t": 1.0, "kind": "metrics", "step": step + i, "train/loss": loss} for i, loss in enumerate(losses)
    ]
    return [{"t": 1.0, "kind": "header", "attempt": attempt}, *rows]


@pytest.mark.parametrize(("known", "aborts"), [(True, 0), (False, 1)])
def test_a_spike_of_a_resumed_run_is_no_explosion_beside_its_beginning(
    known: bool, aborts: int, tmp_path: Path
) -> None:
    log = tmp_path / "events.jsonl"
    log.write_bytes(b"".join(map(encode, _events(1, [2.3, 2.2, 2.0, *[1.9] * 20]))) + b"\xff torn\n")
    judge = Judge({}, set(), first_points(log, 2) if known else [])
    told = []
    for event in [
        {"t": 2.0, "kind": "run_start", "monitor": "val/loss", "attempt": 2},
        {"t": 2.0, "kind": "resume", "attempt": 2, "step": 1000},
        *_events(2, [*[0.0010, 0.0011] * 50, 0.2, *[0.0014] * 300], step=1000),
    ]:
        told += judge.feed(event)

    assert len([signal for signal in told if signal.action == "abort"]) == aborts


def test_the_first_attempt_has_no_beginning_before_it(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    assert first_points(log, 1) == []
    log.write_bytes(b"".join(map(encode, _events(1, [2.3, 2.2]))))
    assert first_points(log, 1) == []
    assert [point.values for point in first_points(log, 2)] == [{"train/loss": 2.3}, {"train/loss": 2.2}]


def test_a_trouble_that_comes_back_at_the_same_step_is_told_again() -> None:
    """A launcher restarts its workers within one attempt: the training goes back and fails again."""
    start = {"t": 1.0, "kind": "run_start", "monitor": "val/loss", "attempt": 1}
    resume = {"t": 2.0, "kind": "resume", "attempt": 1, "step": 60}
    trained = _events(1, [1.0] * 60)
    failed = _events(1, [1.0, 1.0, *[float("nan")] * 8], step=60)
    judge = Judge({}, set())
    told = [each for event in [start, *trained, *failed] for each in judge.feed(event)]
    assert [s.action for s in told] == ["warn", "abort"]

    told = [each for event in [start, resume, *failed] for each in judge.feed(event)]
    assert [(s.action, s.cleared_at is None) for s in told] == [
        ("abort", False), ("warn", True), ("abort", True)
    ]  # fmt: skip


def test_what_a_former_supervisor_recorded_is_told_once() -> None:
    events = [
        {"t": 1.0, "kind": "run_start", "monitor": "val/loss", "attempt": 1},
        *_events(1, [*[1.0] * 60, *[float("nan")] * 8]),
    ]
    first = Judge({}, set())
    told = [each for event in events for each in first.feed(event)]
    recorded = [(s.id, s.severity, s.raised_at, s.cleared_at is not None) for s in told]
    second = Judge({}, recorded)
    assert [each for event in events for each in second.feed(event)] == []
    assert [s.id for s in second.active] == ["nan"]
