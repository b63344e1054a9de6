"""Verdicts of `guard check` from numbers alone: what passes, what fails, and what can't be told."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.judging import sanity_learning as learning
from guardrun.judging import sanity_machine as machine
from guardrun.judging.sanity_chance import lower_tail, upper_tail
from guardrun.judging.sanity_model import CHECKS, Item, Trial, overall
from guardrun.judging.sanity_precision import judge_precision
from later import Later

stats = Later("scipy.stats")

TEN = {"kind": "classes", "count": 300, "classes": 10, "share": 0.1, "entropy": math.log(10)}
LETTERS = {"kind": "tokens", "count": 5000, "classes": 60, "share": 0.2, "entropy": 3.0, "highest": 128}
NUMBERS = {"kind": "numbers", "count": 300, "mean": 0.0, "variance": 4.0, "mean_abs": 1.6, "mean_square": 4.0}
TRAIN = {
    "mode": "plain",
    "acknowledged": True,
    "name": "train",
    "examples": 1200,
    "distinct": 1200,
    "labels": TEN,
}
VAL = {**TRAIN, "name": "val", "examples": 300}


def trial(curves: dict[str, list[float]], *answers: dict[str, Any], **facts: Any) -> Trial:
    """A training that logged these curves at steps 1, 2, 3, …"""
    stepped = {name: (list(range(1, len(values) + 1)), values) for name, values in curves.items()}
    return Trial(mode="plain", steps=100, curves=stepped, answers=answers or (TRAIN, VAL), **facts)


def with_labels(labels: dict[str, Any], **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return {**TRAIN, "labels": labels, **more}, {**VAL, "labels": labels}


# -- chance


@settings(deadline=None)
@given(st.integers(1, 400), st.data(), st.floats(0.001, 0.999))
def test_binomial_tails_are_those_of_scipy(trials: int, data: st.DataObject, p: float):
    successes = data.draw(st.integers(0, trials))
    expected = stats.binom.sf(successes - 1, trials, p)
    assert upper_tail(successes, trials, p) == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert lower_tail(successes, trials, p) == pytest.approx(
        stats.binom.cdf(successes, trials, p), rel=1e-6, abs=1e-12
    )


@settings(deadline=None)
@given(st.integers(1, 200), st.floats(0.01, 0.99))
def test_more_successes_are_never_likelier_by_chance(trials: int, p: float):
    tails = [upper_tail(k, trials, p) for k in range(trials + 2)]
    assert tails == sorted(tails, reverse=True)
    assert (tails[0], tails[-1]) == (1.0, 0.0)


# -- numbers


LARGE = {
    "kind": "numbers",
    "count": 300,
    "mean": 150.0,
    "variance": 5900.0,
    "mean_abs": 65.0,
    "mean_square": 29e3,
}


@pytest.mark.parametrize(
    ("curves", "chance"),
    [
        ({"train/loss": [152.0, 60.0], "val/loss": [66.0]}, 65.0),
        ({"train/loss": [28e3, 6000.0], "val/loss": [6100.0]}, 5900.0),
        ({"val/loss": [66.0], "val/mae": [66.0]}, 65.0),
        ({"val/loss": [6100.0], "val/mae": [66.0]}, 5900.0),
        ({"val/loss": [6100.0]}, 5900.0),
    ],
    ids=["absolute by its start", "squared by its start", "absolute as val/mae", "unlike val/mae", "untold"],
)
def test_an_absolute_error_is_held_against_an_absolute_chance(curves: dict[str, list[float]], chance: float):
    """Else a mean absolute error of targets around 150 would seem far better than their variance."""
    item = learning.judge_shuffled(
        trial(curves, *with_labels(LARGE, shuffled=True, distinct=128)), None, "shuffled-labels"
    )

    assert (item.verdict, item.numbers["chance"]) == ("pass", chance)


@pytest.mark.parametrize(("loss", "verdict"), [(44.5, "pass"), (58.0, "fail")])
def test_an_absolute_error_needs_not_be_as_far_below_chance_as_a_squared_one(loss: float, verdict: str):
    train, val = with_labels(LARGE, examples=100)
    item = learning.judge_baseline(
        trial({"train/loss": [131.0], "val/loss": [loss]}, train, {**val, "examples": 100}), []
    )

    assert item.verdict == verdict


# -- shuffled labels


def shuffled(accuracy: float, **more: Any) -> Item:
    told = {**TRAIN, "shuffled": True, "distinct": 128, **more}
    return learning.judge_shuffled(trial({"val/accuracy": [accuracy]}, told, VAL), None, "shuffled-labels")


@pytest.mark.parametrize(
    ("accuracy", "verdict"), [(0.08, "pass"), (0.1, "pass"), (0.16, "pass"), (0.3, "fail"), (1.0, "fail")]
)
def test_shuffled_labels_must_leave_nothing_but_chance(accuracy: float, verdict: str):
    assert shuffled(accuracy).verdict == verdict


def test_an_accuracy_in_percent_is_held_against_the_same_chance():
    assert shuffled(12.0).verdict == "pass"
    assert shuffled(50.0).verdict == "fail"


def test_labels_that_were_not_shuffled_prove_nothing():
    item = shuffled(0.1, shuffled=False)
    assert item.verdict == "unknown"


def test_a_mode_that_the_training_did_not_acknowledge_is_unknown_and_never_passed():
    never = Trial(mode="labels", steps=100, curves={"val/accuracy": ([1], [0.1])})
    refused = {"mode": "labels", "acknowledged": False, "name": "train", "why": "it is a path"}
    judged = [
        learning.judge_shuffled(never, None, "shuffled-labels"), learning.judge_overfit(never),
        learning.judge_parameters(never), learning.judge_initial_loss(never),
        learning.judge_baseline(never, []),
        machine.judge_determinism(never, never, []), judge_precision(never, {"bf16": never}),
        machine.judge_data(never, leakage=True),
        learning.judge_shuffled(trial({"val/accuracy": [0.1]}, refused, VAL), None, "shuffled-labels"),
    ]  # fmt: skip
    assert {item.verdict for item in judged} == {"unknown"}
    assert all(item.next for item in judged)
    assert "it is a path" in judged[-1].text


@pytest.mark.parametrize(("loss", "verdict"), [(3.2, "pass"), (2.95, "pass"), (2.0, "fail")])
def test_a_text_in_random_order_leaves_the_entropy_of_its_letters(loss: float, verdict: str):
    answers = with_labels(LETTERS, shuffled=True, distinct=5000)
    item = learning.judge_shuffled(trial({"val/loss": [loss]}, *answers), None, "shuffled-labels")
    assert item.verdict == verdict


@pytest.mark.parametrize(("loss", "verdict"), [(4.4, "pass"), (3.6, "pass"), (0.5, "fail")])
def test_numbers_are_held_against_the_mean(loss: float, verdict: str):
    answers = with_labels(NUMBERS, shuffled=True, distinct=128)
    item = learning.judge_shuffled(trial({"val/loss": [loss]}, *answers), None, "shuffled-labels")
    assert item.verdict == verdict


# -- overfit one batch


def falling(last: float, steps: int = 100) -> list[float]:
    """Halfway there after a third of the steps, then flat."""
    return [2.3 - (2.3 - last) * min(1.0, 2 * step / steps) for step in range(steps)]


@pytest.mark.parametrize(("last", "verdict"), [(0.005, "pass"), (0.1, "pass"), (0.7, "fail"), (2.2, "fail")])
def test_a_few_examples_must_be_learnt_by_heart(last: float, verdict: str):
    assert learning.judge_overfit(trial({"train/loss": falling(last)})).verdict == verdict


def test_a_loss_that_still_falls_asks_for_more_steps():
    losses = [2.3 * 0.98**step for step in range(100)]
    item = learning.judge_overfit(trial({"train/loss": losses}))
    assert item.verdict == "unknown"
    assert item.next.startswith("more steps: --steps; dropout, weight decay and augmentation")


def test_a_loss_that_becomes_nan_is_no_success():
    assert learning.judge_overfit(trial({"train/loss": [2.0] * 20 + [math.nan] * 20})).verdict == "fail"


# -- parameters, initial loss, baseline


def moved(still: list[str], frozen: list[str]) -> Trial:
    return trial(
        {},
        TRAIN,
        {"mode": "overfit", "at": "end", "parameters": {"count": 4, "still": still, "frozen": frozen}},
    )


def test_every_parameter_moves_or_is_frozen_on_purpose():
    assert learning.judge_parameters(moved([], [])).verdict == "pass"
    assert learning.judge_parameters(moved(["0.weight"], [])).verdict == "fail"
    assert learning.judge_parameters(moved([], ["backbone.0.weight"])).verdict == "fail"
    assert learning.judge_parameters(moved([], ["backbone.0.weight"]), ["backbone.*"]).verdict == "pass"
    assert learning.judge_parameters(trial({}, TRAIN)).verdict == "unknown"


@pytest.mark.parametrize(
    ("first", "verdict"), [(2.3, "pass"), (2.6, "pass"), (1.2, "fail"), (9.0, "fail"), (math.nan, "fail")]
)
def test_the_first_loss_is_that_of_equal_probabilities(first: float, verdict: str):
    assert learning.judge_initial_loss(trial({"train/loss": [first, 1.0]})).verdict == verdict


def test_a_vocabulary_may_be_larger_than_what_the_text_holds():
    answers = with_labels({**LETTERS, "highest": 256})
    assert learning.judge_initial_loss(trial({"train/loss": [math.log(256)]}, *answers)).verdict == "pass"


def test_what_learnt_nothing_is_told_from_what_learnt_the_wrong_way_round():
    simple = [("majority class", "val/accuracy", 0.1), ("logistic regression", "val/accuracy", 0.9)]
    good = learning.judge_baseline(trial({"val/accuracy": [0.8]}), simple)
    assert (good.verdict, good.numbers["value"], good.numbers["model"]) == (
        "pass",
        0.9,
        "logistic regression",
    )
    assert "has to beat logistic regression" in good.next
    nothing = learning.judge_baseline(trial({"val/accuracy": [0.11]}), simple)
    assert nothing.verdict == "fail"
    assert "logistic regression learns" in nothing.next
    neither = learning.judge_baseline(
        trial({"val/accuracy": [0.11]}), [("majority class", "val/accuracy", 0.1)]
    )
    assert "belong together" in neither.next
    inverted = learning.judge_baseline(trial({"val/accuracy": [0.0]}), simple)
    assert (inverted.verdict, "inverted" in inverted.next) == ("fail", True)


# -- determinism, precision, batch size


def test_two_trainings_are_compared_value_by_value_and_times_are_left_out():
    first = trial({"train/loss": [2.0, 1.0, 0.5], "step_time": [1.0, 1.0, 1.0]})
    shorter = trial({"train/loss": [2.0, 1.0], "step_time": [3.0, 3.0]})
    other = trial({"train/loss": [2.0, 1.1]})
    assert machine.judge_determinism(first, shorter, []).verdict == "pass"
    item = machine.judge_determinism(first, other, [])
    assert (item.verdict, item.numbers["differs"], item.numbers["at_step"]) == ("fail", "train/loss", 2)


def test_nan_equals_nan_and_a_remedy_that_was_measured_is_named():
    broken = trial({"train/loss": [math.nan, 1.0]})
    assert machine.judge_determinism(broken, broken, []).verdict == "pass"
    other, forced = trial({"train/loss": [math.nan, 1.1]}), trial({"train/loss": [2.0, 2.0]})
    assert machine.judge_determinism(broken, other, [forced, forced]).next == "deterministic: true"


@pytest.mark.parametrize(
    ("reduced", "verdict"), [(0.97, "pass"), (0.99, "pass"), (0.6, "fail"), (math.nan, "fail")]
)
def test_a_precision_that_harms_the_metric_fails(reduced: float, verdict: str):
    item = judge_precision(trial({"val/accuracy": [0.98]}), {"bf16": under("bf16", reduced)})
    assert item.verdict == verdict


def under(name: str, accuracy: float, **answer: Any) -> Trial:
    """A training in that precision."""
    told = {"mode": "precision", "acknowledged": True, "dtype": name, **answer}
    return Trial(
        mode="precision", steps=10, answers=({**TRAIN, "name": "train"}, told),
        curves={"val/accuracy": ([1], [accuracy])},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("bf16", "fp16", "verdict", "said"),
    [
        (0.98, 0.97, "pass", "0.98 in bf16; 0.97 in fp16"),
        (0.98, math.nan, "pass", "fp16 harms this training (NaN or inf)"),
        (0.4, 0.97, "fail", "bf16 harms this training"),
    ],
)
def test_both_reduced_precisions_are_told_and_fp16_alone_is_no_failure(
    bf16: float, fp16: float, verdict: str, said: str
):
    item = judge_precision(
        trial({"val/accuracy": [0.98]}), {"bf16": under("bf16", bf16), "fp16": under("fp16", fp16)}
    )
    assert item.verdict == verdict
    assert said in item.text
    assert bool(item.next) == (verdict == "fail" or math.isnan(fp16))


def test_a_precision_that_the_device_has_not_is_said_and_judges_nothing():
    full = trial({"val/accuracy": [0.98]})
    refused = under("fp16", 0.98, acknowledged=False, why="no float16 on cpu: not implemented")
    beside = judge_precision(full, {"bf16": under("bf16", 0.98), "fp16": refused})
    assert (beside.verdict, list(beside.numbers["reduced"])) == ("pass", ["bf16"])
    assert "fp16 was not measured: no float16 on cpu: not implemented" in beside.text
    alone = judge_precision(full, {"fp16": refused})
    assert (alone.verdict, bool(alone.next)) == ("unknown", True)
    never_stepped = Trial(mode="precision", steps=10, answers=({**TRAIN, "name": "train"},))
    assert not never_stepped.acknowledged


def test_data_of_which_nothing_was_seen_is_not_called_sound():
    rule = "none: it can only be iterated, so that its examples can't be chosen"
    blind = {"name": "train", "count": None, "statistics_rule": rule}
    item = machine.judge_data(trial({}, data=(blind,)), leakage=False)
    assert (item.verdict, bool(item.next)) == ("unknown", True)
    assert "train could not be looked at: it can only be iterated" in item.text
    seen = {"name": "train", "count": 3, "fields": {"0": {}}, "classes": None}
    assert machine.judge_data(trial({}, data=(seen,)), leakage=False).verdict == "pass"


def test_a_failure_is_told_by_its_exception_though_its_message_has_several_lines():
    console = ("Traceback (most recent call last):", "my.lib.DataError: no column", "second line", " ")
    assert "DataError: no column" in learning.judge_overfit(trial({}, end="failed", console=console)).text
    assert "gone" in learning.judge_overfit(trial({}, end="failed", console=("a", "gone"))).text


def test_a_script_that_honours_the_mode_itself_counts_whatever_guard_could_not_change():
    refused = {"mode": "labels", "acknowledged": False, "name": "train", "why": "it is a path"}
    assert trial({}, refused, {"mode": "labels", "acknowledged": True}).acknowledged


GB = 1024.0**3


def grow(batch: int, limit: float) -> machine.Probe:
    """One GB, and ten MB an example."""
    taken = GB + batch * 10 * 1024**2
    return machine.Probe(batch, taken, taken <= limit, 100.0)


@settings(deadline=None)
@given(st.integers(1, 64), st.floats(2.0, 64.0), st.integers(64, 100_000))
def test_the_largest_batch_is_found_by_few_trainings_and_never_beyond_the_limit(
    first: int, gigabytes: float, most: int
):
    limit = gigabytes * GB
    probes = [grow(first, limit)]
    while (batch := machine.next_batch(probes, limit, most)) is not None:
        assert batch <= most
        probes.append(grow(batch, limit))
        assert len(probes) <= 6
    best = max(probe.batch for probe in probes if probe.fits)
    reachable = min(most, (limit - GB) / (10 * 1024**2))
    assert best <= reachable
    assert best >= min(first * 4, reachable) / 8
    assert machine.judge_batch_size(probes, limit, most, "of memory").verdict == "pass"


def test_a_batch_that_does_not_fit_as_configured_fails():
    probe = machine.Probe(32, 3 * GB, False)
    assert machine.judge_batch_size([probe], 2 * GB, 1000, "of memory").verdict == "fail"


# -- data


def test_leaks_and_other_findings_fail_the_check_that_they_belong_to():
    records = (
        {"name": "train", "count": 9, "duplicates_with": {}, "fields": {"0": {}}},
        {"name": "val", "count": 3, "duplicates_with": {"train": 0}, "fields": {"0": {}}},
    )
    leak = {
        "id": "duplicates_across_splits",
        "severity": "act",
        "message": "3 are in both",
        "next": "drop them",
    }
    clean = trial({}, data=records)
    dirty = trial({}, data=records, findings=(leak,))
    assert [machine.judge_data(clean, leakage=one).verdict for one in (True, False)] == ["pass", "pass"]
    assert [machine.judge_data(dirty, leakage=one).verdict for one in (True, False)] == ["fail", "pass"]
    only = trial({}, data=records[:1])
    assert machine.judge_data(only, leakage=True).verdict == "unknown"


def test_splits_of_which_one_could_not_be_compared_are_not_called_free_of_leaks():
    """An augmented train has random items: that val was compared with nothing must not read as no overlap."""
    val = {"name": "val", "count": 3, "duplicates_with": {}}
    test = {"name": "test", "count": 3, "duplicates_with": {"val": 0}}
    for held_out in ((val,), (val, test)):
        item = machine.judge_data(trial({}, data=({"name": "train", "count": 9}, *held_out)), leakage=True)
        assert (item.verdict, item.text.startswith("train")) == ("unknown", True)


def test_texts_that_are_the_same_are_found_by_their_hash():
    answers = with_labels(LETTERS)
    same = ({"name": "train", "sha256": "a"}, {"name": "val", "sha256": "a"})
    other = ({"name": "train", "sha256": "a"}, {"name": "val", "sha256": "b"})
    assert machine.judge_data(trial({}, *answers, data=same), leakage=True).verdict == "fail"
    assert machine.judge_data(trial({}, *answers, data=other), leakage=True).verdict == "pass"


def test_one_failure_decides_and_nothing_unknown_is_green():
    items = {word: Item("data", word, "") for word in ("pass", "fail", "unknown")}
    assert overall([items["pass"], items["pass"]]) == "pass"
    assert overall([items["pass"], items["unknown"]]) == "unknown"
    assert overall([items["unknown"], items["fail"]]) == "fail"
    assert overall([]) == "unknown"


def test_the_json_of_an_item_has_the_shape_that_others_rely_on():
    shown = Item("overfit", "fail", "it stands still", "look", {"first": 2.3}).as_json()
    assert shown == {
        "id": "overfit", "seed_item": 7, "verdict": "fail",
        "evidence": {"text": "it stands still", "first": 2.3}, "next": "look",
    }  # fmt: skip
    assert set(CHECKS.values()) <= set(range(1, 17))
