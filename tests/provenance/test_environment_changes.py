"""What two recorded environments do not share."""

from __future__ import annotations

from guardrun.provenance.environment import environment
from guardrun.provenance.environment_changes import environment_changes


def test_an_environment_equals_itself() -> None:
    facts = environment()
    assert environment_changes(facts, facts) == []


def test_versions_hardware_and_variables_that_changed_are_told() -> None:
    was = {
        "python": "3.11.7", "cpu": {"model": "A", "usable": 8}, "gpus": [{"name": "H100"}],
        "packages": {"torch": "2.12", "zlib": "1", "gone": "1"}, "variables": {"OMP_NUM_THREADS": "4"},
        "torch": {"cuda": "12.8"},
    }  # fmt: skip
    now = {
        "python": "3.11.7", "cpu": {"model": "A", "usable": 2}, "gpus": [],
        "packages": {"torch": "2.13", "zlib": "2"}, "variables": {}, "torch": {"cuda": None},
    }  # fmt: skip
    assert environment_changes(was, now) == [
        "usable cpus: 8 → 2", "gpus: H100 → none", "torch 2.12 → 2.13", "gone 1 → missing", "zlib 1 → 2",
        "OMP_NUM_THREADS: 4 → unset",
    ]  # fmt: skip


def test_many_packages_are_counted_and_what_is_unknown_is_no_change() -> None:
    was = {"packages": {f"p{index}": "1" for index in range(30)}}
    now = {"packages": {f"p{index}": "2" for index in range(30)}}
    changes = environment_changes(was, now)
    assert len(changes) == 9
    assert changes[-1] == "22 more packages"
    assert environment_changes(was, {}) == []
    assert environment_changes({"packages": "odd", "cpu": 3}, {"gpus": 7}) == []
