"""Groups, tests and claims over runs as a training leaves them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from compared_runs import finished_run, seeded
from guardrun.cli.main import run
from guardrun.errors import UserError
from guardrun.judging.compare import Comparison, Wishes, compare_runs, find_group
from guardrun.judging.compare_words import (
    claim_sentence,
    cost_sentence,
    fixed,
    pair_details,
    pair_sentence,
    unit_of,
)
from guardrun.judging.config_difference import differences
from guardrun.judging.gathering import gather_facts
from later import Later

stats = Later("scipy.stats")

WIDE = {1: 0.50, 2: 0.52, 3: 0.51}
NARROW = {1: 0.60, 2: 0.63, 3: 0.61}


def compared(folder: Path, **wishes: Any) -> Comparison:
    facts = [gather_facts(path, judge=False) for path in sorted(folder.iterdir())]
    return compare_runs(facts, Wishes(**wishes))


def two_groups(folder: Path, a: dict[int | None, float], b: dict[int | None, float], **options: Any) -> Path:
    seeded(folder, a, params={"width": 64}, **options)
    seeded(folder, b, params={"width": 8}, **options)
    return folder


def ids(comparison: Comparison, level: str = "unfair") -> list[str]:
    return [finding.id for finding in comparison.findings if finding.level == level]


def test_runs_that_differ_only_in_their_seed_are_one_group(tmp_path: Path) -> None:
    found = compared(two_groups(tmp_path, WIDE, NARROW))

    assert [(group.letter, group.label, group.summary.n) for group in found.groups] == [
        ("A", "width=64", 3), ("B", "width=8", 3),
    ]  # fmt: skip
    assert found.groups[0].summary.mean == pytest.approx(0.51)
    assert found.groups[0].summary.std == pytest.approx(0.01)


def test_imported_logs_are_no_repeats_of_one_another(tmp_path: Path) -> None:
    """Nothing is known of how they were made, so that no interval may be drawn over them."""
    for name in ("one", "two"):
        rows = "".join(f"{n},{1 / (n + 1)},{1 / (n + 1)}\n" for n in range(10))
        (tmp_path / f"{name}.csv").write_text(f"epoch,loss,val_loss\n{rows}")
    runs = tmp_path / "runs"
    assert run(["import", str(tmp_path / "one.csv"), str(tmp_path / "two.csv"), "--to", str(runs)]) == 0
    assert [group.summary.n for group in compared(runs).groups] == [1, 1]


def test_the_same_seeds_are_paired_and_a_clear_difference_is_shown(tmp_path: Path) -> None:
    found = compared(two_groups(tmp_path, WIDE, NARROW))
    (pair,) = found.pairs

    assert pair.seeds == (1, 2, 3)
    assert pair.p == pytest.approx(stats.ttest_rel(list(WIDE.values()), list(NARROW.values())).pvalue)
    assert (pair.verdict, found.winner) == ("shown", found.groups[0])
    sentence = pair_sentence(pair, unit_of(found))
    assert sentence == "−0.103, 95 % interval −0.118 to −0.089, n = 3: A is better"


def test_an_accuracy_is_told_in_points(tmp_path: Path) -> None:
    """The sentence of the manual: +0.3 points, 95 % interval …, n = 3: not shown."""
    options = {"metric": "val/accuracy", "mode": "max"}
    for seed, value in {1: 0.981, 2: 0.984, 3: 0.982}.items():
        finished_run(tmp_path, (0.5, 0.9, value), seed=seed, params={"lr": 1}, **options)
    for seed, value in {1: 0.979, 2: 0.977, 3: 0.982}.items():
        finished_run(tmp_path, (0.5, 0.9, value), seed=seed, params={"lr": 2}, **options)
    found = compared(tmp_path)
    (pair,) = found.pairs

    assert pair_sentence(pair, unit_of(found)) == (
        "+0.30 points, 95 % interval −0.60 to 1.20, n = 3: not shown"
    )
    assert found.winner is None
    assert cost_sentence(pair, unit_of(found)) == "A's mean is 0.31 % better at the same time"


def test_one_run_a_side_names_no_winner_however_far_apart(tmp_path: Path) -> None:
    found = compared(two_groups(tmp_path, {1: 0.01}, {1: 9.0}), claim="width=64 > width=8")

    assert found.pairs[0].verdict == "one run"
    assert found.winner is None
    assert found.claim is not None
    assert not found.claim.supported
    assert "n = 1: not shown" in claim_sentence(found, unit_of(found))


def test_different_seeds_are_not_paired_and_that_is_said(tmp_path: Path) -> None:
    found = compared(two_groups(tmp_path, WIDE, {4: 0.6, 5: 0.63, 6: 0.61}))

    assert found.pairs[0].seeds == ()
    assert found.pairs[0].difference.test == "Welch's t-test"
    assert ids(found) == ["seeds"]


def test_runs_without_a_recorded_seed_are_compared_unpaired(tmp_path: Path) -> None:
    for width, values in ((64, (0.5, 0.52)), (8, (0.6, 0.62))):
        for value in values:
            finished_run(tmp_path, (1.0, 0.9, value), seed=None, params={"width": width})
    found = compared(tmp_path)

    assert found.pairs[0].difference.n == 2
    assert "seeds" in ids(found, "unknown")


def test_a_claim_is_about_better_whichever_way_the_metric_goes(tmp_path: Path) -> None:
    folder = two_groups(tmp_path, WIDE, NARROW)

    for claim, supported in {
        "width=64 > width=8": True, "A > B": True, "B < A": True, "B > A": False, "width=8>width=64": False,
    }.items():  # fmt: skip
        found = compared(folder, claim=claim)
        assert found.claim is not None
        assert found.claim.supported is supported, claim


@pytest.mark.parametrize("claim", ["A", "A > Q", "A > A", "> B", "", "width > width"])
def test_a_claim_that_means_nothing_is_refused_with_the_groups(tmp_path: Path, claim: str) -> None:
    with pytest.raises(UserError):
        compared(two_groups(tmp_path, {1: 0.5}, {1: 0.6}), claim=claim or " ")


def test_many_groups_raise_what_each_must_show(tmp_path: Path) -> None:
    """One comparison in twenty is 'significant' by luck: p-values are Holm's."""
    seeded(tmp_path, {1: 0.50, 2: 0.53, 3: 0.51}, params={"lr": 0})
    for lr in range(1, 9):
        more = 0.001 * lr
        seeded(tmp_path, {1: 0.57 + more, 2: 0.57 + more, 3: 0.56 + more}, params={"lr": lr})
    found = compared(tmp_path)

    assert any(pair.difference.shown for pair in found.pairs)
    assert all(pair.verdict == "not shown" for pair in found.pairs)
    assert any("alone it would be" in pair_sentence(pair, unit_of(found)) for pair in found.pairs)
    assert found.winner is None


def test_different_validation_data_take_every_claim_its_ground(tmp_path: Path) -> None:
    seeded(tmp_path, WIDE, params={"width": 64}, data={"train": "a" * 64, "val": "b" * 64})
    seeded(tmp_path, NARROW, params={"width": 8}, data={"train": "a" * 64, "val": "c" * 64})
    found = compared(tmp_path, claim="A > B")

    assert found.pairs[0].verdict == "unfounded"
    assert found.claim is not None
    assert not found.claim.supported
    assert found.findings[0].blocks
    assert found.findings[0].text == "val data (sha256): bbbbbbbbbb (A); cccccccccc (B)"


def test_different_training_data_are_named_but_may_be_the_point(tmp_path: Path) -> None:
    seeded(tmp_path, WIDE, params={"width": 64}, data={"train": "a" * 64, "val": "b" * 64})
    seeded(tmp_path, NARROW, params={"width": 8}, data={"train": "d" * 64, "val": "b" * 64})
    found = compared(tmp_path, claim="A > B")

    assert ids(found) == ["data"]
    assert found.claim is not None
    assert found.claim.supported


def test_a_seed_that_does_not_reach_the_script_is_found(tmp_path: Path) -> None:
    """Three seeds with the very same curve are one run, told three times."""
    for seed in (1, 2, 3):
        path = finished_run(tmp_path, (2.0, 1.0, 0.5), seed=seed, params={"width": 64})
        text = (path / "events.jsonl").read_text().replace(f"{0.01 * seed + 3.0}", "3.05")
        for index in range(3):
            text = text.replace(f'"train/loss":{3.0 / (index + 1) + 0.01 * seed}', f'"train/loss":{index}.5')
        (path / "events.jsonl").write_text(text)
    seeded(tmp_path, NARROW, params={"width": 8})
    found = compared(tmp_path, claim="A > B")

    assert "seed_unreached" in ids(found)
    assert "the seed does not reach the script" in found.findings[0].text
    assert found.claim is not None
    assert not found.claim.supported


FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "precision": ("precision: ", {"env": {"precision": "bfloat16"}}),
    "preprocessing": ("preprocessing: ", {"told": [("preprocessing", {"sha256": "9" * 64})]}),
    "split": ("split file: ", {"told": [("split", {"sha256": "8" * 64})]}),
    "budget": ("budget: ", {"config": {"budget": {"time": 60}}}),
    "dirty": ("uncommitted changes: B", {"git": {"commit": "a" * 40, "dirty": True}}),
    "code": ("code: ", {"git": {"commit": "b" * 40, "dirty": False}}),
    "sources": ("code: ", {"git": {"commit": None, "code_sha256": "c" * 64}}),
    "software": ("software: ", {"environment": {"python": "3.12.1", "torch": {"version": "2.9.0"}}}),
    "test": ("test metrics were looked at more than once: B", {"more": [{"test/loss": 1.0}] * 3}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_thing_that_is_not_the_same_is_named(tmp_path: Path, fault: str) -> None:
    text, other = FAULTS[fault]
    same: dict[str, Any] = {
        "env": {"precision": "float32"},
        "told": [("preprocessing", {"sha256": "1" * 64}), ("split", {"sha256": "2" * 64})],
    }
    told = dict(same["told"]) | dict(other.get("told", []))
    seeded(tmp_path, WIDE, params={"width": 64}, **same)
    seeded(tmp_path, NARROW, params={"width": 8}, **{**same, **other, "told": list(told.items())})
    found = compared(tmp_path)

    assert ids(found) == ["code" if fault == "sources" else fault]
    assert found.findings[0].text.startswith(text)


def test_an_even_comparison_has_no_findings(tmp_path: Path) -> None:
    same = {
        "env": {"precision": "float32"},
        "told": [("preprocessing", {"sha256": "1" * 64}), ("split", {"sha256": "2" * 64})],
    }
    assert compared(two_groups(tmp_path, WIDE, NARROW, **same)).findings == ()


def test_more_evaluations_and_more_steps_are_unfair(tmp_path: Path) -> None:
    seeded(tmp_path, NARROW, params={"width": 8})
    for seed, final in WIDE.items():
        finished_run(tmp_path, (2.0, 1.0, 0.9, 0.8, 0.7, final), seed=seed, params={"width": 64})
    found = compared(tmp_path)

    assert set(ids(found)) == {"budget", "evaluations", "steps"}


def test_equal_accuracies_of_different_trainings_are_no_proof_that_the_seed_is_unused(tmp_path: Path) -> None:
    """On a small validation set two seeds may score alike at every evaluation; their losses still differ."""
    found = compared(two_groups(tmp_path, {1: 0.5, 2: 0.5, 3: 0.4}, NARROW))

    assert "seed_unreached" not in ids(found)


def test_another_batch_size_is_measured_not_believed(tmp_path: Path) -> None:
    seeded(tmp_path, WIDE, params={"width": 64}, seconds=0.1)
    for path in seeded(tmp_path, NARROW, params={"width": 8}):
        events = path / "events.jsonl"
        events.write_text(events.read_text().replace('"step_time":0.1', '"step_time":0.2'))
    found = compared(tmp_path)

    assert "effective batch: 64 (A); 128 (B)" in [finding.text for finding in found.findings]


def test_a_group_whose_runs_differ_in_more_than_the_seed_is_told(tmp_path: Path) -> None:
    for seed, patience in ((1, 5), (2, 50)):
        finished_run(tmp_path, seed=seed, params={"width": 64}, config={"stop": {"patience": patience}})
    found = compared(tmp_path)

    assert [finding.text for finding in found.findings if finding.id == "config"] == [
        "A: its runs differ in more than the seed: stop.patience"
    ]


def test_grouping_by_a_key_puts_the_rest_together(tmp_path: Path) -> None:
    for seed in (1, 2):
        for width in (8, 64):
            for lr in (0.1, 0.2):
                finished_run(
                    tmp_path, (2.0, lr, lr), seed=10 * seed + width, params={"width": width, "lr": lr}
                )
    found = compared(tmp_path, by="lr")

    assert [(group.label, group.summary.n) for group in found.groups] == [("lr=0.1", 4), ("lr=0.2", 4)]
    assert "config" in ids(found)
    with pytest.raises(UserError, match="no run has"):
        compared(tmp_path, by="params.nothing")


def test_a_label_does_not_spell_out_every_digit_of_a_setting(tmp_path: Path) -> None:
    for lr in (1 / 530, 3e-4, 0.1 + 0.2):
        finished_run(tmp_path, params={"lr": lr})

    assert {group.label for group in compared(tmp_path).groups} == {"lr=0.00188679", "lr=0.0003", "lr=0.3"}


def test_what_a_group_does_not_set_or_not_alike_is_said_in_its_label(tmp_path: Path) -> None:
    for seed in (1, 2):
        finished_run(tmp_path, seed=seed, params={"width": 8, "warmup": 10})
        finished_run(tmp_path, seed=seed + 2, params={"width": 8})
    assert {group.label for group in compared(tmp_path).groups} == {"warmup=10", "warmup not set"}
    assert {group.label for group in compared(tmp_path, by="warmup").groups} == {
        "warmup=10",
        "warmup not set",
    }


def test_failed_and_living_runs_are_left_out_with_the_reason(tmp_path: Path) -> None:
    two_groups(tmp_path, WIDE, NARROW)
    finished_run(tmp_path, seed=9, params={"width": 8}, end=("failed", "exception"))
    finished_run(tmp_path, seed=10, params={"width": 8}, end=None)
    found = compared(tmp_path)

    assert found.left_out[0].why == "it failed"
    assert len(found.left_out) == 2
    assert [group.summary.n for group in compared(tmp_path, unfinished=True).groups] == [3, 5]


def test_only_failed_runs_are_no_comparison(tmp_path: Path) -> None:
    finished_run(tmp_path, end=("failed", "exception"))
    with pytest.raises(UserError, match="nothing to compare") as raised:
        compared(tmp_path)
    assert "it failed" in raised.value.hint


def test_the_newest_run_of_a_seed_counts_once(tmp_path: Path) -> None:
    for value in (0.9, 0.5):
        finished_run(tmp_path, (2.0, value, value), seed=1)
    found = compared(tmp_path)

    assert found.groups[0].values == (0.5,)
    assert found.left_out[0].why == "there is a newer run with seed 1"


def test_another_metric_is_read_where_the_monitor_was_best(tmp_path: Path) -> None:
    """The value of the checkpoint that is kept, not the best that the other metric ever had."""
    more = [{"val/accuracy": 0.99}, {"val/accuracy": 0.8}, {"val/accuracy": 0.7}]
    finished_run(tmp_path, (2.0, 0.5, 0.9), more=more)

    assert compared(tmp_path, metric="val/accuracy").groups[0].values == (0.8,)
    assert compared(tmp_path, metric="val/accuracy", at="last").groups[0].values == (0.7,)
    assert compared(tmp_path, at="last").groups[0].values == (0.9,)


def test_a_test_metric_measured_once_at_the_end_is_taken(tmp_path: Path) -> None:
    finished_run(tmp_path, (2.0, 0.5, 0.9), more=[{}, {}, {"test/accuracy": 0.91}])

    assert compared(tmp_path, metric="test/accuracy").groups[0].values == (0.91,)


def test_checkpoints_chosen_by_test_data_measure_nothing(tmp_path: Path) -> None:
    seeded(tmp_path, WIDE, params={"width": 64}, metric="test/loss")
    seeded(tmp_path, NARROW, params={"width": 8}, metric="test/loss")
    found = compared(tmp_path, claim="A > B")

    assert found.claim is not None
    assert not found.claim.supported
    assert found.findings[0].id == "test"


def test_a_dirty_tree_is_told_apart_by_its_code(tmp_path: Path) -> None:
    for width, code in ((64, "1" * 64), (8, "2" * 64)):
        git = {"commit": "a" * 40, "dirty": True, "code_sha256": code}
        seeded(tmp_path, WIDE if width == 64 else NARROW, params={"width": width}, git=git)
    texts = [finding.text for finding in compared(tmp_path).findings]

    assert texts[:2] == [
        "code: aaaaaaaaaa+1111111111 (A); aaaaaaaaaa+2222222222 (B)",
        "uncommitted changes: A, B (each run's git.diff)",
    ]


def test_settings_that_only_the_training_knows_are_part_of_the_difference(tmp_path: Path) -> None:
    runs = []
    for decay in (0.0, 0.1):
        group = {"lr": 0.1, "weight_decay": decay}
        optimizers = {"optimizer": {"type": "SGD", "groups": [group]}}
        told = [
            ("settings", {"optimizers": optimizers, "metric_definitions": {}}),
            ("preprocessing", {"name": "train", "sha256": "1" * 64, "text": f"Crop({decay})"}),
        ]
        runs.append(gather_facts(finished_run(tmp_path, told=told), judge=False))

    assert [(each.key, each.values) for each in differences(runs)] == [
        ("optimizers.optimizer.groups.0.weight_decay", (0.0, 0.1)),
        ("preprocessing.train", ("Crop(0.0)", "Crop(0.1)")),
    ]


def test_quality_for_its_cost(tmp_path: Path) -> None:
    """0.2 % better at 5 times the cost, and what it was when it had cost as much."""
    for seed, final in {1: 0.499, 2: 0.4991, 3: 0.4989}.items():
        values = (2.0, 0.8, 0.7, 0.6, final)
        finished_run(tmp_path, values, seed=seed, params={"w": 64}, seconds=30.0, per_hour=6.0)
    for seed, final in {1: 0.5, 2: 0.5002, 3: 0.4999}.items():
        values = (2.0, 0.8, 0.7, 0.6, final)
        finished_run(tmp_path, values, seed=seed, params={"w": 8}, seconds=6.0, per_hour=6.0)
    found = compared(tmp_path)

    assert cost_sentence(found.pairs[0], unit_of(found)) == (
        "A is 0.21 % better at 5.0 times the cost (2.50 against 0.50 EUR); at B's cost A had reached 2.00000"
    )


def test_without_a_price_the_time_is_told_and_a_tiny_p_as_a_bound(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        good, bad = 0.1 + seed * 1e-4, 0.9 + seed**2 * 1e-4
        finished_run(tmp_path, (2.0, 0.7, 0.6, 0.5, good), seed=seed, params={"w": 64}, seconds=30.0)
        finished_run(tmp_path, (2.0, 1.7, 1.6, 1.5, bad), seed=seed, params={"w": 8}, seconds=6.0)
    found = compared(tmp_path)

    assert "; in B's time A had reached 2.0" in cost_sentence(found.pairs[0], unit_of(found))
    assert re.match(r"paired t-test, p < 0\.001, effect size", pair_details(found.pairs[0]))


def test_settings_that_change_with_the_seed_within_a_group_are_told(tmp_path: Path) -> None:
    for seed, rate in {1: 0.1, 2: 0.1, 3: 0.3}.items():
        finished_run(tmp_path / "mixed", (2.0, 0.5 + seed / 100), seed=seed, params={"lr": rate}, group="g")
    for seed in (1, 2):
        for rate in (0.1, 0.3):
            finished_run(tmp_path / "swept", (2.0, 0.5 + rate), seed=seed, params={"lr": rate}, group="g")

    told = [each.text for each in compared(tmp_path / "mixed").findings if each.id == "config"]
    assert told == [
        "group g: params.lr changes with the seed, 1 2 (A); 3 (B); guard repeat RUN --seeds 1,2,3 keeps one "
        "configuration"
    ]
    assert "config" not in ids(compared(tmp_path / "swept")), "each rate has the same seeds"


def test_a_setting_that_only_a_later_version_tells_makes_no_difference(tmp_path: Path) -> None:
    finished_run(tmp_path, seed=1, params={"lr": 0.1})
    finished_run(tmp_path, seed=2, params={"lr": 0.1}, config={"restarts": {"most": 0}})

    assert "config" not in ids(compared(tmp_path))


def test_metrics_that_nobody_has_and_modes_that_no_name_tells(tmp_path: Path) -> None:
    finished_run(tmp_path, more=[{"val/zeal": 1.0}])
    with pytest.raises(UserError, match="no run has a metric"):
        compared(tmp_path, metric="val/nothing")
    with pytest.raises(UserError, match="less or more is better"):
        compared(tmp_path, metric="val/zeal")
    assert compared(tmp_path, metric="val/zeal", mode="max", at="last").metric == "val/zeal"


def test_a_group_is_found_by_letter_label_name_and_run(tmp_path: Path) -> None:
    seeded(tmp_path, WIDE, params={"width": 64}, name="wide")
    narrow = seeded(tmp_path, NARROW, params={"width": 8}, name="narrow")
    groups = compared(tmp_path).groups

    for name in ("B", "width=8", "narrow", "narr", "'narrow'", narrow[0].name):
        assert find_group(groups, name) is groups[1], name


def test_a_run_and_its_repeats_are_called_after_the_run(tmp_path: Path) -> None:
    """`guard repeat wide --seeds 2,3` names its runs wide-seed2 and wide-seed3, in a group wide-seeds."""
    for kind, values in {"wide": WIDE, "narrow": NARROW}.items():
        for seed, value in values.items():
            first = seed == 1
            finished_run(
                tmp_path, [1.0, value], seed=seed, params={"kind": kind, "long": "x" * 70 + kind},
                name=kind if first else f"{kind}-seed{seed}", group=None if first else f"{kind}-seeds",
            )  # fmt: skip
    found = compared(tmp_path, claim="wide > narrow")

    assert [len(group.results) for group in found.groups] == [3, 3]
    assert found.claim is not None
    assert found.claim.supported
    alone = [path for path in sorted(tmp_path.iterdir()) if "wide" in path.name]
    only = compare_runs([gather_facts(path, judge=False) for path in alone], Wishes())
    assert only.groups[0].label == "wide"


def test_equal_differences_are_not_called_equal_seeds(tmp_path: Path) -> None:
    found = compared(two_groups(tmp_path, {1: 0.5, 2: 0.25}, {1: 1.5, 2: 1.25}))
    assert "every seed gives the same difference" in pair_sentence(found.pairs[0], unit_of(found))

    same = compared(two_groups(tmp_path / "same", {1: 0.5, 2: 0.5}, {1: 1.5, 2: 1.5}))
    assert "the seeds make no difference" in pair_sentence(same.pairs[0], unit_of(same))


def test_worse_than_a_mean_of_zero_is_not_called_better(tmp_path: Path) -> None:
    """No share can be told of zero."""
    two_groups(tmp_path, {1: 0.5, 2: 0.6}, {1: 0.0, 2: 0.0})
    found = compared(tmp_path, against="width=64")
    assert "A's mean is" not in cost_sentence(found.pairs[0], unit_of(found))
    assert "B's mean is worse at" in cost_sentence(found.pairs[0], unit_of(found))


@pytest.mark.parametrize(
    ("number", "decimals", "text"),
    [(-0.001, 2, "0.00"), (1e12, 2, "1.00e12"), (0.5, 0, "0"), (-2.5, 1, "−2.5")],
)
def test_numbers_are_written_plainly(number: float, decimals: int, text: str) -> None:
    assert fixed(number, decimals) == text
