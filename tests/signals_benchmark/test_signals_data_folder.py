"""The data folder is read whole, by its layout alone; what is broken or absent is told, never a crash."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import pytest
from benchmarks.signal_judging.loading import data_set, held_out, load, problem
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.errors import UserError
from signals_folder import make_folder, write_bulk, write_manifest


def test_every_part_of_the_folder_is_read(tmp_path: Path) -> None:
    data = load(make_folder(tmp_path))

    assert len(data.curves) == 10
    assert [log.label for log in data.labelled] == ["healthy", "exploded", "nan", "overfit", "unclear"]
    nan = data.labelled[2]
    assert (nan.onset, nan.onset_unit, nan.tags) == (40, "log", {"late_nan", "wasted"})
    assert [log.scored for log in data.labelled] == [True] * 4 + [False]
    assert data.notes == ("no SIBLINGS.tsv: its sibling groups are left out",)


def test_null_is_not_finite_and_the_accuracy_goes_with_the_curve(tmp_path: Path) -> None:
    curves = {curve.id: curve for curve in load(make_folder(tmp_path)).curves}

    assert math.isnan(curves["dead"].val[-1])
    assert curves["flat"].metric_name == "accuracy"
    assert curves["dead"].metric_name is None


def test_lines_that_are_no_curve_are_counted(tmp_path: Path) -> None:
    good = {"id": "x", "group": "g", "train": [1.0, 0.5], "val": [1.0, 0.5]}
    uneven = {**good, "train": [1.0]}
    empty = {**good, "train": [], "val": []}
    write_bulk(tmp_path / "bulk" / "a.jsonl.gz", [good, uneven, empty, {"id": "y"}])
    with gzip.open(tmp_path / "bulk" / "b.jsonl.gz", "wb") as file:
        file.write(b'[1]\nnot json\n{"id": 1, "group": 2, "train": "ab", "val": 3}\n')

    data = load(tmp_path)

    assert [curve.id for curve in data.curves] == ["x"]
    assert "bulk/a.jsonl.gz: 3 lines are no curve and are left out" in data.notes
    assert "bulk/b.jsonl.gz: 3 lines are no curve and are left out" in data.notes


def test_a_torn_archive_is_told_and_keeps_what_came_before(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    file = folder / "bulk" / "curves.jsonl.gz"
    file.write_bytes(file.read_bytes()[:-200])

    assert any("curves.jsonl.gz" in note for note in load(folder).notes)


def test_a_folder_without_any_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds none of"):
        load(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        load(tmp_path / "absent")


def test_the_split_is_by_data_set_and_fixed() -> None:
    assert problem("cifar10_3c3d/AdamOptimizer") == "cifar10_3c3d"
    assert problem("suite/adam/study_0/ogbg_model_size_jax") == "ogbg_model_size_jax"
    assert data_set("ogbg_model_size_jax") == data_set("ogbg_pytorch") == "ogbg"
    assert held_out("ogbg")
    assert not held_out("imagenet")


def test_a_labelled_log_is_split_with_the_bulk_curves_of_its_problem(tmp_path: Path) -> None:
    write_bulk(
        tmp_path / "bulk" / "a.jsonl.gz", [{"id": "x", "group": "ogbg_jax/adam", "train": [1], "val": [1]}]
    )
    rows = [("r/logs/ogbg_jax/trial_1/m.csv", "o/r", "healthy"), ("r/other/m.csv", "o/r", "healthy")]
    write_manifest(tmp_path, [(*row, "", "") for row in rows])

    assert [log.source for log in load(tmp_path).labelled] == ["ogbg", "o/r"]


@settings(max_examples=50)
@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_no_manifest_crashes_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "MANIFEST.tsv").write_text("file\trepo\tlabel\tonset\ttags\n" + text, encoding="utf-8")
    try:
        load(folder)
    except UserError:
        pass
