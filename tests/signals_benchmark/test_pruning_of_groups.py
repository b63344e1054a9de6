"""Pruners of sibling groups against cases worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

from benchmarks.signal_judging.loading import Sibling
from benchmarks.signal_judging.siblings import (
    Group,
    Member,
    bulk_groups,
    inferior,
    judge_pruner,
    optuna_median,
    plain_median,
    sibling_groups,
)

from signals_folder import bulk_curve, falling, write_csv


def group(*curves: list[float]) -> Group:
    members = tuple(
        Member(f"run {place}", tuple(range(len(val))), tuple(val)) for place, val in enumerate(curves)
    )
    return Group("made up", "group", members)


def test_optuna_prunes_nothing_before_five_runs_are_complete() -> None:
    five = group(*([[float(place), float(place)] for place in range(5)]))

    assert optuna_median(five, range(5)) == {}


def test_optuna_prunes_at_the_first_step_whose_median_beats_the_best_so_far() -> None:
    """Medians of the five complete runs: 3 at the first step, 1 at the second; the sixth has 3, then 2."""
    curves = [[1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [4.0, 1.0], [5.0, 1.0], [3.0, 2.0], [0.5, 0.5]]

    assert optuna_median(group(*curves), range(7)) == {5: 1}


def test_optuna_prunes_a_run_of_nothing_but_nan_and_keeps_what_has_no_peer_at_its_step() -> None:
    curves = [[1.0]] * 5 + [[math.nan, 1.0], [0.5, 9.0, 9.0]]

    assert optuna_median(group(*curves), range(7)) == {5: 0}


def test_the_plain_median_compares_once_at_a_quarter_of_the_longest_run() -> None:
    worse, better, middle = [5.0] * 8, [1.0] * 8, [2.0] * 8

    assert plain_median(group(worse, better, middle), range(3)) == {0: 2}


def test_a_lost_winner_and_the_worse_rest_are_counted() -> None:
    """The slow starter wins in the end, but is pruned early."""
    late_winner = [5.0, 5.0, 5.0, 0.5]
    others = [[1.0, 1.0, 1.0, 1.0], [1.1, 1.1, 1.1, 1.1]]

    found = judge_pruner([group(late_winner, *others)], plain_median, 1)

    assert (found.groups, found.runs, found.pruned, found.lost, found.worse) == (1, 3, 1, 1, 1)
    assert found.losses == ("made up: group",)


def test_groups_are_made_of_runs_that_share_a_name_and_have_a_winner() -> None:
    curves = [
        bulk_curve("a", "one", [1.0, 0.5]),
        bulk_curve("b", "one", [1.0, 0.4]),
        bulk_curve("c", "alone", [1.0]),
        bulk_curve("d", "dead", [math.nan]),
        bulk_curve("e", "dead", [math.nan]),
    ]

    groups = bulk_groups(curves)

    assert [(found.name, found.members[found.winner].id) for found in groups] == [("one", "b")]


def test_the_product_ends_a_run_that_learns_nothing_beside_five_that_do() -> None:
    learning = [falling(60, seed=seed) for seed in range(5)]
    stuck = [2.0 + 0.001 * (i % 3) for i in range(60)]

    pruned = inferior(group(*learning, stuck), range(6))

    assert set(pruned) == {5}
    assert 15 <= pruned[5] <= 30


def test_the_product_ends_none_of_six_alike_and_none_of_three() -> None:
    alike = [falling(60, seed=seed) for seed in range(6)]

    assert inferior(group(*alike), range(6)) == {}
    assert inferior(group(alike[0], alike[1], [2.0] * 60), range(3)) == {}


def test_groups_of_logs_are_read_and_those_that_cannot_be_are_noted(tmp_path: Path) -> None:
    for number in range(2):
        write_csv(tmp_path / f"{number}.csv", falling(20, seed=number), falling(20, seed=number + 5))
    (tmp_path / "bad.csv").write_bytes(b"\x00\xff\x00")
    files = ("0.csv", "1.csv", "bad.csv", "absent.csv")
    notes: list[str] = []

    (found,) = sibling_groups(tmp_path, [Sibling("g", file, "middle", 1.0) for file in files], notes)

    assert [member.id for member in found.members] == ["0.csv", "1.csv"]
    assert [note.split(":")[0] for note in notes] == ["sibling bad.csv", "sibling absent.csv"]
