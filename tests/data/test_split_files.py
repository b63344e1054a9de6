"""Split files: written once, sealed, refused when they change; and the ledger of the test split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.errors import UserError
from guardrun.provenance.data.hashing import fingerprint
from guardrun.provenance.data.ledger import enter_use, judge_ledger, judge_run_uses, result_key, uses
from guardrun.provenance.data.splits import (
    judge_split,
    ledger_of,
    open_split,
    random_parts,
    read_split,
    sealed_hash,
    split_hash,
    use_split,
    write_split,
)

PARTS: dict[str, list[Any]] = {"train": [0, 1, 2], "val": [3], "test": ["a", "b"]}


def test_a_split_is_read_back_as_it_was_written_and_is_sealed(tmp_path: Path) -> None:
    file = tmp_path / "deep/splits.json"
    written, sha256 = write_split(file, {**PARTS, "train": np.array([0, 1, 2])})

    assert written == read_split(file) == PARTS
    assert sha256 == sealed_hash(file) == split_hash(PARTS)
    assert open_split(file) == (PARTS, sha256)
    with pytest.raises(UserError, match="a split is written once"):
        write_split(file, PARTS)


def test_a_file_that_somebody_else_wrote_is_sealed_at_its_first_use(tmp_path: Path) -> None:
    file = tmp_path / "splits.json"
    file.write_text(json.dumps(PARTS, indent=4))

    assert sealed_hash(file) is None
    open_split(file)
    file.write_text(json.dumps(PARTS))  # other spaces are no other split
    open_split(file)
    file.write_text(json.dumps({**PARTS, "val": [4]}))
    with pytest.raises(UserError, match="changed after it was sealed") as refused:
        open_split(file)
    assert "git checkout" in refused.value.hint


def test_another_split_than_that_of_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "splits.json"

    assert use_split(file, PARTS)[0] == PARTS
    assert use_split(file, None)[0] == PARTS
    assert use_split(file, PARTS)[0] == PARTS
    with pytest.raises(UserError, match="is not the one of"):
        use_split(file, {**PARTS, "train": [0, 1]})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1]", "no split file"),
        ("{", "can't be read"),
        ('{"a": [1.5]}', "holds a float"),
        ("{}", "no split file"),
    ],
)
def test_a_file_that_is_no_split_is_refused_in_words(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "splits.json"
    file.write_text(content)

    with pytest.raises(UserError, match=words):
        open_split(file)
    with pytest.raises(UserError, match="there is no split file"):
        open_split(tmp_path / "none.json")


def test_shared_repeated_and_absent_ids_are_findings() -> None:
    found = judge_split({"train": [1, 2, 3, 3], "val": [], "test": [3, 4, 1]})

    assert [(one["id"], one["severity"]) for one in found] == [
        ("split_overlap", "act"), ("split_repeats", "warn"), ("no_examples", "act"),
    ]  # fmt: skip
    assert found[0]["message"] == "train and test share 2 ids: 1, 3"
    assert judge_split(PARTS) == []


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 300), st.integers(0, 5), st.lists(st.integers(0, 3), min_size=300, max_size=300))
def test_dealt_positions_are_all_there_once(count: int, seed: int, labels: list[int]) -> None:
    shares = {"train": 0.7, "val": 0.1, "test": 0.2}
    for chosen in (None, labels[:count]):
        parts = random_parts(count, shares, seed, chosen)
        assert sorted(one for ids in parts.values() for one in ids) == list(range(count))
        assert parts == random_parts(count, shares, seed, chosen)


def test_dealing_by_class_keeps_the_shares_of_each_class() -> None:
    labels = np.array([0] * 100 + [1] * 20)
    parts = random_parts(120, {"train": 0.5, "test": 0.5}, 3, labels)

    assert [int(labels[ids].sum()) for ids in parts.values()] == [10, 10]
    with pytest.raises(UserError, match="add up to 1"):
        random_parts(10, {"train": 0.5}, 0)


def test_the_ledger_is_no_part_of_the_data_beside_it(tmp_path: Path) -> None:
    (tmp_path / "splits.json").write_text(json.dumps(PARTS))
    before = fingerprint(tmp_path)
    open_split(tmp_path / "splits.json")

    assert ledger_of(tmp_path / "splits.json").exists()
    assert fingerprint(tmp_path)["sha256"] == before["sha256"]


def test_uses_are_entered_in_order_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "splits.json"
    write_split(file, PARTS)
    enter_use(ledger_of(file), {"run_id": "one", "via": "metric"})
    with ledger_of(file).open("ab") as ledger:
        ledger.write(b'{"event": "test_use", "ru\n\xff\n[]\n')
    enter_use(ledger_of(file), {"run_id": "two", "via": "data"})

    assert [use["run_id"] for use in uses(ledger_of(file))] == ["one", "two"]
    assert sealed_hash(file) == split_hash(PARTS)


@pytest.mark.parametrize(
    ("steps", "after", "expected"),
    [
        ([100], False, []),
        ([100, 100], False, []),
        ([100], True, ["test_used_early"]),
        ([50, 100], True, ["test_used_twice"]),
        ([10, 20, 30], True, ["test_every_epoch"]),
        ([], True, []),
    ],
)
def test_a_run_measures_on_test_once_at_its_end(steps: list[int], after: bool, expected: list[str]) -> None:
    assert [one["id"] for one in judge_run_uses(steps, after)] == expected


def test_other_settings_that_saw_the_test_split_are_told_and_other_seeds_are_not() -> None:
    def entry(run: str, result: str, seed: int, via: str = "evaluate") -> dict[str, Any]:
        return {"run_id": run, "result": result, "seed": seed, "via": via}

    def judged(*entries: dict[str, Any]) -> list[str]:
        return [one["id"] for one in judge_ledger(entries, "me", "r1", 1)]

    assert judged() == judged(entry("me", "r2", 1)) == []
    assert judged(entry("a", "r1", 2), entry("b", "r1", 3)) == []
    assert judged(entry("a", "r1", 1)) == ["test_used_twice"]
    assert judge_ledger([entry("a", "r1", 1)], "me", "r1", 1, parent="a") == []
    assert judged(entry("a", "r2", 1)) == ["test_used_early"]
    assert judged(entry("a", "r2", 1, via="data")) == []


def test_a_result_is_its_settings_without_the_seed() -> None:
    one = {"seed": 1, "name": "a", "params": {"lr": 0.1, "seed": 5}}

    assert result_key(one) == result_key({"seed": 2, "name": "b", "params": {"lr": 0.1}})
    assert result_key(one) != result_key({"params": {"lr": 0.2}})
