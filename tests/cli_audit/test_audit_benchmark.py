"""The benchmark of judging many runs measures what it says, on a small scale."""

from __future__ import annotations

from benchmarks import audit_cost


def test_both_commands_are_timed_over_real_folders_of_runs() -> None:
    results = audit_cost.measure(runs=6, steps=500)

    assert [result.name.split(",")[0] for result in results] == ["guard audit", "guard compare"]
    assert all(result.measured > 0 for result in results)
