"""Data sets of every kind under the modes of `guard check`, and what a training answers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import guardrun
from guardrun.recording.sanity_data import Changed, changed, label_facts
from guardrun.recording.sanity_sources import NotUnderstood

COUNT = 60
X = np.arange(COUNT * 2).reshape(COUNT, 2)
Y = np.arange(COUNT) % 3


class Items:
    """A data set that has nothing but a length and items."""

    classes = ("a", "b", "c")

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return X[index], int(Y[index])


class Records(Items):
    """The same, with dictionaries."""

    def __getitem__(self, index: int) -> dict[str, Any]:  # type: ignore[override]
        return {"pixels": X[index], "label": int(Y[index])}


def every_kind() -> dict[str, Any]:
    return {
        "arrays": (X, Y),
        "columns": {"x": X, "label": Y},
        "tensors": torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)),
        "items": Items(),
        "records": Records(),
        "subset": torch.utils.data.Subset(Items(), list(range(COUNT))),
        "lists": {"text": [str(i) for i in range(COUNT)], "target": Y.tolist()},
    }


def pairs(data: Any) -> list[tuple[str, int]]:
    """(input, label) of every example, whatever the kind."""
    if isinstance(data, tuple | dict):
        x, y = data.values() if isinstance(data, dict) else data
        return [(_text(a), int(b)) for a, b in zip(x, y, strict=True)]
    items = (data[i] for i in range(len(data)))
    return [
        (_text(next(iter(v := list(i.values() if isinstance(i, dict) else i)))), int(v[-1])) for i in items
    ]


def _text(value: Any) -> str:
    return str(np.asarray(value).reshape(-1).tolist())


def under(mode: str, data: Any, name: str = "train", **options: Any) -> Changed:
    return changed(name, data, None, mode, options)


@pytest.mark.parametrize("kind", every_kind())
def test_a_few_examples_come_over_and_over_and_stay_themselves(kind: str):
    data = every_kind()[kind]
    before = dict(pairs(data))
    found = under("overfit", data, distinct=8)
    seen = pairs(found.data)
    assert len(seen) == COUNT
    assert set(Counter(seen).values()) <= {COUNT // 8, COUNT // 8 + 1}
    assert all(before[text] == label for text, label in seen)
    assert (found.facts["examples"], found.facts["distinct"], found.facts["shuffled"]) == (COUNT, 8, False)


@pytest.mark.parametrize("kind", every_kind())
def test_shuffled_labels_are_the_same_labels_spread_evenly_over_every_class(kind: str):
    """Of the examples of each class as many keep their label as chance would have it, and no more."""
    data = every_kind()[kind]
    before = dict(pairs(data))
    seen = pairs(under("labels", data).data)
    assert Counter(label for _, label in seen) == Counter(Y.tolist())
    table = Counter((before[text], label) for text, label in seen)
    for own in range(3):
        for given_ in range(3):
            assert abs(table[own, given_] - COUNT / 9) <= 2


@pytest.mark.parametrize("kind", every_kind())
def test_the_data_of_the_user_is_never_written_to(kind: str):
    data = every_kind()[kind]
    before = pairs(data)
    for mode in ("labels", "inputs", "overfit", "plain"):
        under(mode, data, distinct=8, other=5)
    assert pairs(data) == before


def test_validation_keeps_its_labels_and_is_only_made_shorter():
    found = under("labels", (X, Y), name="val", other=10)
    truth = dict(pairs((X, Y)))
    assert len(found.data[0]) == 10
    assert all(truth[text] == label for text, label in pairs(found.data))


def test_shuffled_inputs_reach_the_validation_as_well():
    for name in ("train", "val"):
        found = under("inputs", (X, Y), name=name)
        assert found.facts["shuffled"]
        assert sorted(pairs(found.data)) != sorted(pairs((X, Y)))


def test_what_needs_no_change_is_returned_as_it_is():
    data = Items()
    assert under("plain", data).data is data
    assert under("labels", data, name="val").data is data


def test_other_attributes_of_a_data_set_stay_within_reach():
    assert under("labels", Items()).data.classes == ("a", "b", "c")


def test_two_processes_see_the_same_examples_and_no_generator_moves():
    state = torch.get_rng_state()
    first, second = under("labels", (X, Y), distinct=12), under("labels", (X, Y), distinct=12)
    assert pairs(first.data) == pairs(second.data)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_text_is_cut_to_be_learnt_by_heart_and_thrown_together_to_lose_its_order():
    text = torch.arange(2000) % 50
    short = under("overfit", text, tokens=300)
    assert torch.equal(short.data, text[:300])
    mixed = under("labels", text).data
    assert not torch.equal(mixed, text)
    assert torch.equal(mixed.sort().values, text.sort().values)
    assert short.facts["labels"]["highest"] == 50


@pytest.mark.parametrize(
    ("data", "why"),
    [("train.csv", "path"), (iter([1]), "length"), (np.zeros((9, 2)), "label"), ((X, Y[:5]), "one length")],
)
def test_what_cannot_be_changed_says_why(data: Any, why: str):
    with pytest.raises(NotUnderstood, match=why):
        under("labels", data)


def test_pandas_tables_keep_their_other_columns():
    import pandas

    table = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "label": Y}, index=range(100, 160))
    found = under("labels", table).data
    assert list(found.columns) == ["a", "b", "label"]
    assert Counter(found["label"]) == Counter(Y.tolist())
    assert (found["label"].to_numpy() != Y).any()
    assert (table["label"].to_numpy() == Y).all()


def test_tables_of_polars_and_hugging_face_keep_their_types():
    import datasets
    import polars

    columns = {"a": X[:, 0].tolist(), "label": Y.tolist()}
    frame = polars.DataFrame(columns, schema_overrides={"label": polars.Int8})
    mixed = under("labels", frame).data
    assert mixed.schema == frame.schema
    assert Counter(mixed["label"].to_list()) == Counter(Y.tolist())
    assert mixed["label"].to_list() != Y.tolist()
    features = datasets.Features(
        {"a": datasets.Value("int32"), "label": datasets.ClassLabel(names=["x", "y", "z"])}
    )
    table = datasets.Dataset.from_dict(columns, features=features)
    shuffled = under("labels", table).data
    assert shuffled.features == table.features
    assert Counter(shuffled["label"]) == Counter(Y.tolist())
    assert list(shuffled["label"]) != Y.tolist()
    assert len(under("overfit", table, distinct=4).data) == COUNT


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=12, max_size=80))
def test_any_labels_stay_the_same_multiset(labels: list[int]):
    x = np.arange(len(labels))[:, None]
    _, y = under("labels", (x, np.array(labels))).data
    assert Counter(y.tolist()) == Counter(labels)


def test_chance_is_known_of_classes_and_of_numbers():
    classes = label_facts([0, 0, 0, 1])
    assert classes is not None
    assert (classes["kind"], classes["share"], classes["classes"]) == ("classes", 0.75, 2)
    numbers = label_facts([0.5, 1.5, 2.5, 3.5, 4.25])
    assert numbers is not None
    assert (numbers["kind"], numbers["count"]) == ("numbers", 5)
    assert label_facts([np.zeros(3), np.ones(3)]) is None


# -- within a run


def sanity_events(folder: Path) -> list[dict[str, Any]]:
    (path,) = folder.glob("*/events.jsonl")
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [line for line in lines if line["kind"] == "sanity"]


def train(folder: Path, monkeypatch: pytest.MonkeyPatch, asked: str) -> list[dict[str, Any]]:
    """Two steps on one layer, of which the bias gets no gradient."""
    monkeypatch.setenv("GUARDRUN_SANITY", asked)
    with guardrun.start(runs_dir=folder) as run:
        x, y = run.data("train", (torch.randn(32, 4), torch.arange(32) % 2))
        model = torch.nn.Linear(4, 2)
        model.bias.requires_grad_(False)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        run.track(model=model, optimizer=optimizer)
        for batch in run.steps([(x[:16], y[:16]), (x[16:], y[16:])]):
            out = model(batch[0])
            loss = torch.nn.functional.cross_entropy(out, batch[1])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            run.log(loss=loss, half=float(out.dtype is torch.bfloat16))
        run.evaluate(val=1.0)
    assert not list(folder.glob("*/checkpoints/*"))
    return sanity_events(folder)


def test_a_run_answers_and_tells_at_its_end_what_only_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told = train(tmp_path, monkeypatch, 'overfit:{"distinct": 4}')
    assert [(one.get("name"), one.get("acknowledged"), one.get("at")) for one in told] == [
        ("train", True, None), (None, None, "end"),
    ]  # fmt: skip
    end = told[-1]
    assert (end["batch"], end["parameters"]) == (16, {"count": 2, "still": [], "frozen": ["bias"]})
    assert end["peak_host_bytes"] > 10_000_000


def test_autocast_holds_for_the_training_and_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    told = train(tmp_path, monkeypatch, 'precision:{"dtype": "bfloat16"}')
    assert {"mode": "precision", "acknowledged": True, "dtype": "bfloat16"}.items() <= told[1].items()
    (path,) = tmp_path.glob("*/events.jsonl")
    halves = [json.loads(line).get("half") for line in path.read_bytes().splitlines()]
    assert [half for half in halves if half is not None] == [1.0, 1.0]
    assert not torch.is_autocast_enabled("cpu")


def test_a_type_that_the_device_cannot_compute_in_is_refused_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told = train(tmp_path, monkeypatch, 'precision:{"dtype": "float8_e4m3fn"}')
    (answer,) = [one for one in told if one.get("dtype")]
    assert (answer["acknowledged"], answer["device"]) == (False, "cpu")
    assert answer["why"].startswith("no float8_e4m3fn on cpu: ")
    assert not torch.is_autocast_enabled("cpu")


def test_a_run_of_its_own_has_no_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GUARDRUN_SANITY", raising=False)
    with guardrun.start(runs_dir=tmp_path) as run:
        assert run.sanity is None
        data = (X, Y)
        assert run.data("train", data) is data
    assert sanity_events(tmp_path) == []


def test_a_mode_that_this_version_does_not_know_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GUARDRUN_SANITY", "tomorrow")
    with guardrun.start(runs_dir=tmp_path) as run:
        assert run.sanity is None
    assert sanity_events(tmp_path) == []


def test_a_script_with_data_of_its_own_acknowledges_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GUARDRUN_SANITY", "overfit")
    with guardrun.start(runs_dir=tmp_path) as run:
        assert run.sanity is not None
        assert run.sanity.memorise
        run.sanity.acknowledge(examples=4)
    assert sanity_events(tmp_path)[0]["examples"] == 4
