"""Statistics of any data set: right numbers, from every kind of object that holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.utils.data import Subset, TensorDataset

from guardrun.provenance.data import files, hashing, statistics, table
from guardrun.provenance.data.hashing import RULE_ROWS, RULE_TABLE, fingerprint
from guardrun.provenance.data.not_a_table import NotATable
from guardrun.provenance.data.statistics import class_counts, numeric_statistics, table_statistics
from guardrun.provenance.data.table import Table, table_of
from later import Later

datasets, pd, pl = Later("datasets"), Later("pandas"), Later("polars")

COLUMNS: dict[str, list[Any]] = {
    "size": [1.0, 2.5, None, 4.0],
    "text": ["a cat", "", None, "two dogs"],
    "label": [0, 1, 1, 1],
}


class Pictures:
    """Items like a user's: an image as a tensor, and a label."""

    def __init__(self, count: int, shapes: bool = False) -> None:
        self.count, self.shapes = count, shapes

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.full((1, 2, 2 + (index % 2 if self.shapes else 0)), float(index)), index % 3


def of(obj: Any, **options: Any) -> dict[str, Any]:
    return table_statistics(table_of(obj, **options))


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int16]),
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=6),
        elements={"min_value": -1000, "max_value": 1000},
    )
)
def test_moments_are_those_of_numpy(array: np.ndarray) -> None:
    found = numeric_statistics(array)

    exact = array.astype(np.float64)
    assert found["mean"] == pytest.approx(exact.mean(), abs=1e-9)
    assert found["std"] == pytest.approx(exact.std(), abs=1e-9)
    assert (found["min"], found["max"]) == (exact.min(), exact.max())


def test_moments_do_not_depend_on_the_size_of_the_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.random.default_rng(0).normal(1000.0, 0.1, (5000, 3))
    whole = numeric_statistics(array)
    monkeypatch.setattr(statistics, "CHUNK", 100)

    pieces = numeric_statistics(array)

    assert pieces["std"] == pytest.approx(whole["std"], rel=1e-12)
    assert pieces["positions"]["std"] == pytest.approx(array.std(axis=0).tolist(), rel=1e-9)


def test_nan_and_infinity_are_counted_and_left_out_of_mean_and_range() -> None:
    found = numeric_statistics(np.array([[1.0, np.nan], [3.0, np.inf], [np.nan, 5.0]]))

    assert (found["missing"], found["infinite"]) == (2, 1)
    assert (found["min"], found["max"], found["mean"]) == (1.0, 5.0, 3.0)
    assert found["positions"]["mean"] == [2.0, 5.0]


FRAMES = {
    "pandas": lambda columns: pd.DataFrame(columns),
    "polars": lambda columns: pl.DataFrame(columns),
    "hugging-face": lambda columns: datasets.Dataset.from_dict(columns),
}
TABLES = {
    "dict": dict,
    **FRAMES,
    "items": lambda columns: [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ],
}


@pytest.mark.parametrize("made", TABLES)
def test_a_table_says_the_same_whoever_made_it(made: str) -> None:
    found = of(TABLES[made](COLUMNS))

    size, text = found["fields"]["size"], found["fields"]["text"]
    assert (size["kind"], size["missing"], size["mean"]) == ("numeric", 1, 2.5)
    assert (text["kind"], text["missing"], text["empty"], text["distinct"]) == ("text", 1, 1, 3)
    assert (text["length"]["min"], text["length"]["max"]) == (0, 8)
    assert (found["label"], found["classes"]) == ("label", {"1": 3, "0": 1})


@pytest.mark.parametrize("made", FRAMES)
def test_a_table_has_a_hash_that_follows_its_content(made: str) -> None:
    make = FRAMES[made]
    changed = {**COLUMNS, "text": ["a cat", "", None, "two dog"]}
    first, again, other = (fingerprint(make(values)) for values in (COLUMNS, COLUMNS, changed))

    assert first["rule"] == RULE_TABLE
    assert first["sha256"] == again["sha256"] != other["sha256"]
    renamed = {("taille" if name == "size" else name): values for name, values in COLUMNS.items()}
    assert fingerprint(make(renamed))["sha256"] != first["sha256"]


def test_a_frame_of_objects_whose_content_can_t_be_seen_has_no_hash() -> None:
    found = fingerprint(pd.DataFrame({"a": [object(), object()]}))

    assert found["sha256"] is None
    assert found["rule"] == "not hashed: it holds a object"


def test_selected_rows_of_a_hugging_face_data_set_are_those_that_count() -> None:
    whole = datasets.Dataset.from_dict({"x": list(range(10)), "label": [0, 1] * 5})

    assert of(whole.select([0, 2, 4]))["classes"] == {"0": 3}
    assert fingerprint(whole.select([0, 1]))["sha256"] != fingerprint(whole)["sha256"]


def test_tensors_their_subset_and_items_are_read_alike() -> None:
    x, y = torch.arange(60.0).reshape(20, 3), torch.arange(20) % 4
    whole = TensorDataset(x, y)

    assert of(whole)["classes"] == of((x, y))["classes"] == {"0": 5, "1": 5, "2": 5, "3": 5}
    assert of(Subset(whole, [0, 4, 8]))["classes"] == {"0": 3}
    assert of(Subset(whole, range(4)))["fields"]["0"]["max"] == 11.0
    items = of(Pictures(30))
    assert items["fields"]["0"]["shape"] == [1, 2, 2]
    assert (items["classes"], items["fields"]["0"]["max"]) == ({"0": 10, "1": 10, "2": 10}, 29.0)


def test_items_of_various_shapes_and_half_precision_have_statistics_too() -> None:
    assert of(Pictures(4, shapes=True))["fields"]["0"]["shape"] == "various"
    assert of(torch.full((4,), 1.5, dtype=torch.bfloat16))["fields"]["0"]["mean"] == 1.5


def test_labels_beside_the_items_count_for_all_examples() -> None:
    class Torchvision(Pictures):
        targets = [0] * 70 + [1] * 30

    slow = Torchvision(100)

    assert of(slow)["classes"] == {"0": 70, "1": 30}
    assert of(Subset(slow, range(60, 80)))["classes"] == {"0": 10, "1": 10}


def test_slow_items_are_sampled_and_the_record_says_so() -> None:
    import time

    class Slow(Pictures):
        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            time.sleep(0.002)
            return super().__getitem__(index)

    found = table_of(Slow(5000), seconds=0.3)

    assert not found.complete
    assert 2 <= found.seen < 200
    assert found.rule == f"{found.seen} of 5000 evenly spaced examples"


def test_items_that_take_too_long_are_given_up_after_the_first_one() -> None:
    import time

    class Slow(Pictures):
        reads = 0

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            self.reads += 1
            time.sleep(0.02)
            return super().__getitem__(index)

    slow = Slow(5000)
    with pytest.raises(NotATable, match="one item takes"):
        table_of(slow, seconds=0.05)
    assert slow.reads == 1


def test_items_that_guard_cannot_look_into_have_classes_but_are_not_compared() -> None:
    class Thing:
        pass

    class Things(Pictures):
        def __getitem__(self, index: int) -> Any:
            return Thing(), index % 2

    found = table_of(Things(10))

    assert table_statistics(found)["classes"] == {"0": 5, "1": 5}
    assert table_statistics(found)["statistics_rule"] == (
        "all examples; its examples are not compared: it holds a Thing"
    )
    assert fingerprint(Things(10))["rule"] == "not hashed: it holds a Thing"


def test_items_of_several_kinds_are_told_as_objects() -> None:
    class Mixed(Pictures):
        def __getitem__(self, index: int) -> Any:
            return torch.ones(2) if index % 2 else (torch.ones(3), index)

    assert of(Mixed(6))["fields"]


def test_a_data_set_that_can_only_be_iterated_says_so_whether_or_not_it_has_a_length() -> None:
    class Stream(torch.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Any:
            yield torch.ones(2), 1

        def __len__(self) -> int:
            return 1

    with pytest.raises(NotATable, match="it can only be iterated"):
        table_of(Stream())
    assert "it can only be iterated" in fingerprint(Stream())["rule"]


def test_text_in_an_array_of_objects_has_a_hash_and_other_objects_have_none() -> None:
    words = np.array(["a", "b", None], dtype=object)
    assert fingerprint(words)["sha256"] == fingerprint(words.copy())["sha256"] is not None
    assert fingerprint(words)["sha256"] != fingerprint(words.reshape(1, 3))["sha256"]
    assert fingerprint(pd.Series(["a", "b"]))["sha256"] != fingerprint(pd.Series(["a", "c"]))["sha256"]
    assert fingerprint(np.array([object()]))["sha256"] is None


def test_dictionaries_within_a_dictionary_are_columns_by_their_path() -> None:
    found = table_of({"inputs": {"ids": np.ones((4, 2)), "mask": np.ones((4, 2))}, "label": np.arange(4)})
    assert (list(found.columns), found.count, found.label) == (
        ["inputs/ids", "inputs/mask", "label"], 4, "label",
    )  # fmt: skip


def test_an_empty_path_and_one_that_is_not_there_are_no_data() -> None:
    for path in ("", "/nowhere/at/all"):
        with pytest.raises(NotATable, match="no such file"):
            table_of(path)
    assert fingerprint("")["rule"] == "not hashed: the path is empty"


def test_large_arrays_are_seen_by_evenly_spaced_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "ELEMENTS", 100)

    found = of(np.arange(1000.0).reshape(500, 2))

    assert found["statistics_rule"] == "50 of 500 evenly spaced examples"
    assert (found["fields"]["0"]["min"], found["fields"]["0"]["max"]) == (0.0, 999.0)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([2.0, 2.0, 1.0]), {"2": 2, "1": 1}),
        (np.array([0.5, 1.0]), None),
        (np.array([[1], [1]]), {"1": 2}),
        (np.zeros((2, 2)), None),
        (np.array([True, False, True]), {"True": 2, "False": 1}),
        (["b", "a", "b", None], {"b": 2, "a": 1}),
        ([b"x", b"x"], {"x": 2}),
        ([[1], [2]], None),
        (np.arange(100), None),
        ([], None),
        (None, None),
    ],
)
def test_classes_are_told_from_numbers(labels: Any, expected: Any) -> None:
    assert class_counts(labels) == expected


def test_a_column_of_labels_can_be_named_and_a_wrong_name_is_told() -> None:
    frame = pd.DataFrame({"a": [1, 2], "kind": ["x", "y"]})

    assert of(frame, labels="kind")["classes"] == {"x": 1, "y": 1}
    assert of(np.zeros((2, 2)), labels=[0, 1])["classes"] == {"0": 1, "1": 1}
    with pytest.raises(NotATable, match="no column 'sort'; it has a, kind"):
        of(frame, labels="sort")


def test_files_are_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,name,label\n1,ab,0\n,cde,1\n2.5,,1\n")
    (tmp_path / "a.tsv").write_text("x\tname\tlabel\n1\tab\t0\nNaN\tcde\t1\n2.5\t\t1\n")
    (tmp_path / "a.jsonl").write_text(
        '{"x": 1, "name": "ab", "label": 0}\n{"name": "cde", "label": 1}\n{"x": 2.5, "label": 1}\n'
    )
    pd.DataFrame({"x": [1, None, 2.5], "name": ["ab", "cde", None], "label": [0, 1, 1]}).to_parquet(
        tmp_path / "a.parquet"
    )
    for suffix in ("csv", "tsv", "jsonl", "parquet"):
        found = of(tmp_path / f"a.{suffix}")
        assert (found["fields"]["x"]["missing"], found["fields"]["x"]["max"]) == (1, 2.5), suffix
        assert (found["classes"], found["fields"]["name"]["kind"]) == ({"1": 2, "0": 1}, "text"), suffix

    np.save(tmp_path / "a.npy", np.arange(6.0).reshape(3, 2))
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), y=np.array([0, 1, 1]))
    (tmp_path / "a.txt").write_text("one\nthree\n")
    assert of(tmp_path / "a.npy")["fields"]["0"]["max"] == 5.0
    assert of(tmp_path / "a.npz")["classes"] == {"1": 2, "0": 1}
    assert of(tmp_path / "a.txt")["fields"]["text"]["length"]["max"] == 5


def test_a_folder_of_classes_is_counted_by_class(tmp_path: Path) -> None:
    for kind, count in (("cat", 3), ("dog", 1)):
        (tmp_path / kind).mkdir()
        for number in range(count):
            (tmp_path / kind / f"{number}.bin").write_bytes(b"x" * number)

    assert of(tmp_path)["classes"] == {"cat": 3, "dog": 1}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b"[1, 2", "can't be read"),
        ("a.json", b'{"a": [1], "b": []}', "several lengths"),
        ("a.json", b"7", "neither a list"),
        ("a.npy", b"not numpy", "can't be read"),
        ("a.jsonl", b"{]", "can't be read"),
        ("a.exe", b"MZ", "reads no columns of a .exe"),
    ],
)
def test_a_file_that_is_no_table_is_told_and_raises_nothing_else(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(NotATable, match=words):
        table_of(tmp_path / name)


def test_pickles_inside_arrays_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)

    with pytest.raises(NotATable, match="can't be read"):
        table_of(tmp_path / "a.npy")


def test_what_has_no_examples_is_an_empty_table() -> None:
    for nothing in (np.zeros((0, 3)), [], pd.DataFrame(), Pictures(0)):
        assert table_of(nothing).count == 0
        assert table_statistics(table_of(nothing))["classes"] is None


def test_ids_are_no_part_of_what_an_example_is() -> None:
    found = Table({"id": np.arange(4), "x": np.zeros(4), "row_id": np.zeros(4)}, 4)

    assert set(found.inputs()) == {"x", "row_id"}
    assert set(Table({"id": np.arange(4)}, 4).inputs()) == {"id"}


def test_a_text_file_too_large_to_be_read_to_its_end_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("x,label\n" + "1,0\n2,1\n" * 50)
    monkeypatch.setattr(files, "TEXT_BYTES", 100)
    monkeypatch.setattr(files, "TEXT_ROWS", 20)

    found = table_of(tmp_path / "a.csv")

    assert not found.complete
    assert found.rule == "the first 19 examples: the file is too large to be read to its end"


def test_wide_rows_are_sampled_by_a_rule_that_names_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"x": np.arange(2000.0), "text": [str(i) * 10 for i in range(2000)]})
    monkeypatch.setattr(hashing, "WHOLE_BYTES", 20_000)
    monkeypatch.setattr(table, "FRAME_BYTES", 20_000)

    found = fingerprint(frame)

    assert found["rule"] == RULE_ROWS.format(256)
    assert found["sha256"] == fingerprint(frame.clone())["sha256"]
    assert not table_of(frame).complete


def test_an_array_on_the_disk_is_seen_by_a_few_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", np.arange(20_000.0).reshape(10_000, 2))
    monkeypatch.setattr(table, "FRAME_BYTES", 1000)

    for obj in (tmp_path / "a.npy", np.load(tmp_path / "a.npy", mmap_mode="r")):
        assert table_of(obj).seen == 4096
