"""What is wrong with data, found; and sound data, left in peace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.provenance.data.drift import judge_change, judge_moves, statistics_changes
from guardrun.provenance.data.duplicates import example_hashes, judge_duplicates, repeated, shared
from guardrun.provenance.data.examine import between, examine
from guardrun.provenance.data.findings import judge_classes, judge_columns, role_of
from guardrun.provenance.data.leakage import judge_leaks
from guardrun.provenance.data.normalisation import judge_fit, judge_normalisation, pool
from guardrun.provenance.data.statistics import table_statistics
from guardrun.provenance.data.table import table_of
from later import Later

pd, samples = Later("pandas"), Later("sklearn.datasets")

RNG = np.random.default_rng(7)


@pytest.fixture(autouse=True)
def _the_same_numbers_in_any_order() -> None:
    RNG.bit_generator.state = np.random.default_rng(7).bit_generator.state


def records(**splits: Any) -> dict[str, dict[str, Any]]:
    return {name: {"name": name, **table_statistics(table_of(data))} for name, data in splits.items()}


def ids(findings: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in findings]


def leaks(columns: dict[str, Any]) -> list[dict[str, Any]]:
    return judge_leaks("train", table_of(columns))


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("train", "train"), ("Training", "train"), ("train/images", "train"), ("validation", "val"),
        ("dev-2", "val"), ("eval", "val"), ("test_clean", "test"), ("holdout", "test"), ("pool", ""),
        ("latest", ""),
    ],
)  # fmt: skip
def test_a_split_has_its_role_by_its_name(name: str, role: str) -> None:
    assert role_of(name) == role


def test_missing_infinite_and_absent_values_are_found() -> None:
    (record,) = records(train=(np.array([[1.0, np.nan], [np.inf, 2.0]]), np.array([0.0, np.nan]))).values()

    found = judge_columns("train", record, 2)

    assert ids(found) == ["values_missing", "values_infinite", "labels_missing"]
    assert found[0]["message"] == "train: 1 value of the inputs is NaN"
    assert all(one["severity"] == "act" and one["next"] for one in found)
    assert ids(judge_columns("train", {}, 0)) == ["no_examples"]


def test_a_class_that_train_lacks_is_found_whichever_split_comes_last() -> None:
    train, test = {"a": 10, "b": 5}, {"a": 3, "c": 2}

    forwards = judge_classes("test", test, {"train": train})
    backwards = judge_classes("train", train, {"test": test})

    assert ids(forwards) == ids(backwards) == ["class_missing_in_train", "class_missing_in_test"]
    assert "class c of test is not in train" in forwards[0]["message"]
    assert forwards[0]["evidence"]["classes"] == {"c": 2}
    assert judge_classes("val", {"a": 1, "b": 1}, {"train": train}) == []
    assert ids(judge_classes("train", {"a": 9}, {})) == ["one_class"]


# -- duplicates


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.lists(st.integers(0, 30), min_size=1))
def test_shared_and_repeated_examples_are_counted_exactly(one: list[int], other: list[int]) -> None:
    first, second = (
        example_hashes(table_of(np.array(values, dtype=np.float32)[:, None] * [[1, 2]]))
        for values in (one, other)
    )

    assert repeated(first) == len(one) - len(set(one))
    assert shared(first, second) == sum(value in set(other) for value in one)


def test_labels_and_ids_do_not_hide_a_duplicate() -> None:
    train = pd.DataFrame({"id": [1, 2, 3], "text": ["a", "b", "c"], "label": [0, 1, 0]})
    test = pd.DataFrame({"id": [7, 8, 9], "text": ["c", "d", "e"], "label": [1, 1, 0]})
    hashes = {name: example_hashes(table_of(data)) for name, data in (("train", train), ("test", test))}

    counts, found = judge_duplicates("test", hashes["test"], {"train": hashes["train"]})

    assert counts == {"train": 1}
    assert ids(found) == ["duplicates_across_splits"]
    assert found[0]["message"] == "1 example of test (33 %) is in train, too"
    assert found[0]["severity"] == "act"
    backwards = judge_duplicates("train", hashes["train"], {"test": hashes["test"]})[1]
    assert backwards[0]["evidence"] == found[0]["evidence"]


def test_many_repeated_examples_are_told_and_few_are_not() -> None:
    rows = RNG.normal(size=(1000, 2))
    few, many = (np.r_[rows, rows[:count]] for count in (5, 300))

    assert judge_duplicates("train", example_hashes(table_of(few)), {})[1] == []
    assert ids(judge_duplicates("train", example_hashes(table_of(many)), {})[1]) == ["duplicates_within"]


def test_the_numbers_of_a_stream_are_no_examples() -> None:
    """Two parts of one text share most of their tokens, and leak nothing by that."""
    assert example_hashes(table_of(np.arange(100, dtype=np.uint16))) is None
    assert example_hashes(table_of([1, 2, 3])) is None
    assert example_hashes(table_of(["one", "two"])) is not None


def test_examples_of_which_there_are_few_possible_ones_share_by_chance() -> None:
    train, test = RNG.integers(0, 2, (500, 3)), RNG.integers(0, 2, (100, 3))
    hashes = [example_hashes(table_of(data)) for data in (train, test)]

    found = judge_duplicates("test", hashes[1], {"train": hashes[0]})[1]

    assert [(one["id"], one["severity"]) for one in found] == [
        ("duplicates_across_splits", "warn"),
        ("duplicates_within", "info"),
    ]


def test_hashing_examples_ends_with_its_time() -> None:
    assert example_hashes(table_of(np.zeros((200_000, 4))), seconds=0.0) is None


# -- leaks


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
def test_sound_data_sets_have_no_leak(name: str) -> None:
    x, y = getattr(samples, f"load_{name}")(return_X_y=True)

    assert judge_leaks("train", table_of((x, y))) == []
    assert leaks({**{str(i): x[:, i] for i in range(min(20, x.shape[1]))}, "label": y}) == []


@pytest.mark.parametrize(
    "leak",
    [
        lambda y: y,
        lambda y: y * 3.7 + 1,
        lambda y: y + RNG.normal(0, 0.01, len(y)),
        lambda y: [f"img/{'cat' if one else 'dog'}_{i:04}.jpg" for i, one in enumerate(y)],
        lambda y: [f"{'cat' if one else 'dog'}/{i:04}.jpg" for i, one in enumerate(y)],
        lambda y: np.where(y == 1, 1.7e9, 1.6e9) + RNG.uniform(0, 1e6, len(y)),
    ],
    ids=["copy", "scaled", "noisy", "file-name", "folder", "timestamp"],
)
def test_a_column_that_gives_the_label_away_is_found(leak: Any) -> None:
    y = RNG.integers(0, 2, 300)
    found = leaks({"noise": RNG.normal(size=300), "hint": leak(y), "label": y})

    assert ids(found) == ["label_leak"]
    assert found[0]["evidence"]["column"] == "hint"
    assert found[0]["evidence"]["score"] >= 0.98


def test_examples_that_are_numbered_class_by_class_give_the_label_away_by_their_id() -> None:
    y = np.repeat([0, 1, 2], 100)
    (found,) = leaks({"id": np.arange(300), "x": RNG.normal(size=300), "label": y})

    assert (found["evidence"]["column"], found["severity"]) == ("id", "act")
    assert leaks({"id": RNG.permutation(300), "x": RNG.normal(size=300), "label": y}) == []


def test_one_leaking_position_of_an_array_is_named() -> None:
    x, y = RNG.normal(size=(600, 30)), RNG.integers(0, 4, 600)
    x[:, 17] = y

    (found,) = judge_leaks("train", table_of((x, y)))

    assert found["evidence"]["position"] == 17
    assert "position 17 of the inputs" in found["message"]


def test_a_label_of_numbers_leaks_through_a_scaled_copy_only() -> None:
    y = RNG.normal(size=400)

    assert ids(leaks({"x": 2 * y + 3, "target": y})) == ["label_leak"]
    assert leaks({"x": y + RNG.normal(0, 0.3, 400), "target": y}) == []


def test_a_majority_class_that_is_nearly_everything_proves_nothing() -> None:
    y = np.zeros(400, dtype=int)
    y[:10] = 1

    assert leaks({"x": np.zeros(400), "label": y}) == []


# -- normalisation


def standardised(parts: dict[str, np.ndarray], on: list[str]) -> dict[str, np.ndarray]:
    fitted = np.concatenate([parts[name] for name in on])
    return {name: (data - fitted.mean(0)) / fitted.std(0, ddof=0) for name, data in parts.items()}


@pytest.mark.parametrize(
    ("on", "told"),
    [
        (["train"], False),
        (["train", "val", "test"], True),
        (["test"], True),
        (["train", "test"], True),
    ],
)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_the_splits_on_which_a_normalisation_was_fitted_are_named(
    on: list[str], told: bool, kind: type
) -> None:
    sizes = {"train": 800, "val": 100, "test": 150}
    parts = {name: RNG.normal(5, 3, (size, 6)) for name, size in sizes.items()}
    made = {name: data.astype(kind) for name, data in standardised(parts, on).items()}

    found = judge_normalisation(records(**made))

    assert [one["evidence"]["fitted_on"] for one in found] == ([on] if told else [])
    assert ids(found) == (["normalised_on_other_data"] if told else [])


def test_one_mean_for_all_pixels_is_recognised_too() -> None:
    parts = {name: RNG.gamma(2.0, 1.0, (size, 4, 4)) for name, size in (("train", 300), ("test", 100))}
    everything = np.concatenate(list(parts.values()))
    leaked = {name: (data - everything.mean()) / everything.std() for name, data in parts.items()}
    sound = {name: (data - parts["train"].mean()) / parts["train"].std() for name, data in parts.items()}

    assert ids(judge_normalisation(records(**leaked))) == ["normalised_on_other_data"]
    assert judge_normalisation(records(**sound)) == []


def test_a_range_that_only_all_splits_fill_was_fitted_on_all() -> None:
    parts = {name: RNG.normal(size=(size, 8)) for name, size in (("train", 300), ("test", 200))}
    everything = np.concatenate(list(parts.values()))
    low, high = everything.min(0), everything.max(0)
    leaked = {name: (data - low) / (high - low) for name, data in parts.items()}

    assert ids(judge_normalisation(records(**leaked))) == ["normalised_on_other_data"]


def test_data_that_was_not_normalised_is_not_accused() -> None:
    x, y = samples.load_digits(return_X_y=True)
    for scale in (1.0, 16.0):
        parts = {"train": (x[:1200] / scale, y[:1200]), "test": (x[1200:] / scale, y[1200:])}
        assert judge_normalisation(records(**parts)) == []


def test_pooled_statistics_are_those_of_all_examples_together() -> None:
    parts = [RNG.normal(i, 1 + i, (50 * (i + 1), 3)) for i in range(3)]
    count, mean, std = pool([(float(len(p)), p.mean(0), p.std(0)) for p in parts])
    whole = np.concatenate(parts)

    assert count == len(whole)
    assert mean == pytest.approx(whole.mean(0))
    assert std == pytest.approx(whole.std(0))


def test_what_a_fit_was_made_on_is_known_by_its_examples_or_their_number() -> None:
    train, test = RNG.normal(size=(80, 3)), RNG.normal(size=(20, 3))
    known = records(train=train, test=test)
    for name, size in (("train", 80), ("test", 20)):
        known[name]["count"] = size
    examples = {name: example_hashes(table_of(data)) for name, data in (("train", train), ("test", test))}

    def judged(data: np.ndarray) -> list[dict[str, Any]]:
        return judge_fit({"name": "x", "count": len(data)}, example_hashes(table_of(data)), examples, known)

    assert judged(train) == []
    assert judged(np.r_[train, test])[0]["evidence"]["count"] == 20
    assert judged(np.r_[train, test])[0]["severity"] == "act"
    assert judged(np.r_[train, test] * 2 + 1)[0]["severity"] == "warn"  # only their number tells
    assert judged(train * 2 + 1) == []


# -- drift


def test_equal_content_and_other_rules_are_no_change() -> None:
    now = {"sha256": "a", "rule": "r"}

    assert judge_change("train", now, {"sha256": "a", "rule": "r"}, "run 1") == []
    assert judge_change("train", now, {"sha256": "b", "rule": "q"}, "run 1") == []


def test_what_changed_is_named_and_chance_is_not() -> None:
    first, second = RNG.normal(0, 1, (1000, 3)), RNG.normal(0, 1, (1000, 3))
    one, other = (records(train=data)["train"] for data in (first, second))

    assert statistics_changes(one, other) == []
    moved = records(train=second + 0.5)["train"]
    assert statistics_changes(moved, one)[0]["what"] == "mean"
    assert statistics_changes(records(train=second * 2)["train"], one)[0]["what"] == "std"
    assert {c["what"] for c in statistics_changes({"count": 10}, {"count": 20})} == {"count"}


def test_a_changed_content_under_the_same_version_or_in_the_same_run_is_serious() -> None:
    now = {"sha256": "a", "rule": "r", "version": "3", "fields": {}}
    before = {"sha256": "b", "rule": "r", "version": "3", "fields": {}}

    assert ids(judge_change("train", now, before, "run 1")) == ["data_changed_under_version"]
    assert ids(judge_change("train", now, before | {"version": "2"}, "run 1")) == ["data_changed"]
    assert ids(judge_change("train", now, before, "the first attempt", same_run=True)) == [
        "data_changed_in_run"
    ]


def test_new_and_lost_classes_and_columns_are_drift() -> None:
    before = {"sha256": "b", "rule": "r", "classes": {"a": 50, "b": 50}, "fields": {"x": {"kind": "text"}}}
    now = {"sha256": "a", "rule": "r", "classes": {"a": 50, "c": 50}, "fields": {}}

    (found,) = judge_change("train", now, before, "run 1")

    assert found["id"] == "data_drift"
    assert {c["what"] for c in found["evidence"]["changes"]} == {"classes gone", "classes new", "gone"}


def test_examples_that_changed_sides_are_counted() -> None:
    old_train, old_test = np.arange(0, 80, dtype=np.uint64), np.arange(80, 100, dtype=np.uint64)
    before = {"train": old_train, "test": old_test}

    (found,) = judge_moves("train", np.arange(0, 85, dtype=np.uint64), before, "run 1")

    assert (found["evidence"]["count"], found["evidence"]["came_from"]) == (5, "test")
    assert found["severity"] == "act"
    assert judge_moves("train", old_train, before, "run 1") == []
    assert judge_moves("train", old_train, {"test": old_test}, "run 1") == []


# -- all of it


def test_sound_splits_pass_without_a_word() -> None:
    x, y = samples.load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    cuts = {"train": order[:1200], "val": order[1200:1500], "test": order[1500:]}
    known: dict[str, dict[str, Any]] = {}
    examples: dict[str, Any] = {}
    for name, rows in cuts.items():
        known[name] = {"name": name}
        examine(name, table_of((x[rows], y[rows])), known[name], examples, seconds=5.0)
        known[name]["findings"] += between(name, known)

    assert {name: record["findings"] for name, record in known.items()} == {
        "train": [],
        "val": [],
        "test": [],
    }
    assert known["test"]["duplicates_with"] == {"train": 0, "val": 0}
