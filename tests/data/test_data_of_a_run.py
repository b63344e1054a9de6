"""``run.data`` and its kin inside a run: what they record, what they find, and that they hurt nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import guardrun
from guardrun.errors import UserError
from guardrun.provenance.preprocessing import describe
from later import Later

samples = Later("sklearn.datasets")

Begin = Callable[..., guardrun.Run]
Events = Callable[..., list[dict[str, Any]]]
Told = Callable[..., list[str]]


def digits() -> dict[str, TensorDataset]:
    images, labels = samples.load_digits(return_X_y=True)
    x, y = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    cuts = {"train": order[:1200], "val": order[1200:1500], "test": order[1500:]}
    return {name: TensorDataset(x[rows], y[rows]) for name, rows in cuts.items()}


def test_the_record_of_a_data_set_is_one_event_with_all_its_facts(begin: Begin, events: Events) -> None:
    with begin() as run:
        for name, data in digits().items():
            assert run.data(name, data, version="1.0") is data

    train, _, test = events(run, "data")
    assert (train["count"], train["version"], len(train["classes"])) == (1200, "1.0", 10)
    assert train["fields"]["0"]["max"] == 1.0
    assert len(train["fields"]["0"]["positions"]["mean"]) == 64
    assert (test["duplicates_with"], test["examples_compared"]) == ({"train": 0, "val": 0}, 297)
    assert [event["findings"] for event in events(run, "data")] == [[], [], []]


def test_a_loader_is_recorded_as_what_it_loads(begin: Begin, events: Events) -> None:
    data = digits()["val"]
    loader = torch.utils.data.DataLoader(data, batch_size=7)
    with begin() as run:
        run.data("val", data)
        assert run.data("val2", loader) is loader

    one, other = events(run, "data")
    assert (one["sha256"], one["count"]) == (other["sha256"], other["count"])


def test_duplicates_nan_and_a_class_that_train_lacks_are_told(begin: Begin, told: Told) -> None:
    x, y = np.arange(300.0).reshape(100, 3), np.arange(100) % 3
    bad = x[70:].copy()
    bad[0, 0] = np.nan
    with begin() as run:
        run.data("train", (x[:80], np.minimum(y[:80], 1)))
        run.data("test", (bad, y[70:]))

    assert set(told(run)) >= {"values_missing", "duplicates_across_splits", "class_missing_in_train"}


def test_no_random_generator_moves(begin: Begin) -> None:
    class Noisy:
        def __len__(self) -> int:
            return 50

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return torch.rand(2) + random.random() + np.random.rand(), index % 2

    before = random.getstate(), torch.get_rng_state(), np.random.get_state()[2]  # type: ignore[index]
    with begin() as run:
        run.data("train", Noisy())
        run.data("val", digits()["val"])
        run.fit_statistics(torch.zeros(4, 2))
        run.preprocessing(torch.nn.Dropout())

    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert np.random.get_state()[2] == before[2]  # type: ignore[index]


def test_slow_items_cost_no_more_than_their_seconds(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def __len__(self) -> int:
            return 100_000

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            time.sleep(0.005)
            return torch.tensor([float(index)]), index % 2

    monkeypatch.setenv("GUARDRUN_DATA_SECONDS", "0.4")
    with begin() as run:
        begun = time.monotonic()
        run.data("train", Slow())
        assert time.monotonic() - begun < 5.0


def test_arrays_of_several_lengths_are_told_and_empty_ones_are_no_trouble(
    begin: Begin, events: Events, told: Told
) -> None:
    with begin() as run:
        run.data("train", (np.ones((5, 2)), np.ones(4)))
        run.data("val", (np.ones((0, 2)), np.ones(0)))

    assert told(run) == ["lengths_differ", "no_examples"]
    assert [event["count"] for event in events(run, "data")] == [None, 0]
    assert events(run, "note") == []


def test_one_row_of_numbers_as_two_splits_is_told_by_its_hash(begin: Begin, told: Told) -> None:
    """The numbers of a series are no examples, so that nothing else compares them."""
    with begin() as run:
        run.data("train", np.arange(500.0))
        run.data("val", np.arange(500.0))
        run.data("extra", np.arange(500.0))

    assert told(run) == ["duplicates_across_splits"]


def test_a_data_set_that_raises_is_recorded_as_far_as_it_goes(begin: Begin, events: Events) -> None:
    class Broken:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> Any:
            raise RuntimeError("no disk")

    with begin() as run:
        run.data("train", Broken())
        run.data("val", iter([1]))
        run.data("test", np.array([object()]))

    assert [event["count"] for event in events(run, "data")] == [3, None, 1]
    assert any(
        "no statistics of train: RuntimeError: no disk" in event["text"] for event in events(run, "note")
    )


def test_what_changed_since_the_last_run_of_this_name_is_told(
    begin: Begin, told: Told, events: Events
) -> None:
    parts = digits()
    moved = torch.cat([parts["train"].tensors[0], parts["test"].tensors[0][:20]])
    labels = torch.cat([parts["train"].tensors[1], parts["test"].tensors[1][:20]])
    with begin() as first:
        for name, data in parts.items():
            first.data(name, data, version="1")
    with begin() as same:
        same.data("train", parts["train"], version="1")
    with begin() as other:
        other.data("train", TensorDataset(moved, labels), version="1")
        other.data("test", TensorDataset(parts["test"].tensors[0][20:], parts["test"].tensors[1][20:]))
    with begin() as shifted:
        shifted.data("train", TensorDataset(parts["train"].tensors[0] + 1, parts["train"].tensors[1]))

    assert told(same) == []
    assert events(same, "data")[0]["compared_with"]["source"] == first.id
    assert "data_changed_under_version" in told(other)
    # The last run of this name in which there was a train is `same`; its own test split is not known.
    assert "examples_moved" not in told(other)
    assert "data_drift" in told(shifted)


def test_examples_that_crossed_the_line_between_train_and_test_are_told(begin: Begin, told: Told) -> None:
    x, y = np.random.default_rng(0).normal(size=(100, 3)), np.arange(100) % 2
    with begin() as first:
        first.data("train", (x[:80], y[:80]))
        first.data("test", (x[80:], y[80:]))
    with begin() as second:
        second.data("train", (x[20:], y[20:]))
        second.data("test", (x[:20], y[:20]))

    assert told(first) == []
    assert told(second).count("examples_moved") == 2


def test_a_resumed_run_with_other_data_is_told(
    begin: Begin, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begin() as run:
        run.data("train", np.zeros((10, 2)))
    monkeypatch.setenv("GUARDRUN_DIR", str(run.path))
    monkeypatch.setenv("GUARDRUN_ATTEMPT", "2")
    with guardrun.start("test") as again:
        assert again.path == run.path
        again.data("train", np.ones((10, 2)))

    assert "data_changed_in_run" in told(again)


def test_data_with_another_hash_than_the_script_asks_for_is_refused(begin: Begin, events: Events) -> None:
    data = np.arange(6)
    with begin() as run:
        run.data("train", data)
        sha256 = events(run, "data")[0]["sha256"]
        run.data("val", data, sha256=sha256[:16])
        with pytest.raises(UserError, match="is not the data that this script asks for") as refused:
            run.data("test", data + 1, sha256=sha256)
    assert "new version" in refused.value.hint


# -- splits and the test split


def test_a_split_is_kept_and_each_use_of_test_is_an_event_and_an_entry(
    begin: Begin, events: Events, told: Told, tmp_path: Path
) -> None:
    file = tmp_path / "splits.json"
    with begin() as run:
        ids = run.split(file, {"train": range(8), "test": [8, 9]})
        run.data("test", np.arange(4))
        run.log(loss=1.0)
        run.evaluate({"val/loss": 1.0})
        run.evaluate({"test/loss": 1.0, "test/accuracy": 0.5})

    assert ids == {"train": list(range(8)), "test": [8, 9]}
    (split,) = events(run, "split")
    assert (split["counts"], split["path"]) == ({"train": 8, "test": 2}, str(file))
    assert [use["via"] for use in events(run, "test_use")] == ["data", "evaluate"]
    assert len((tmp_path / "splits.json.ledger.jsonl").read_text().splitlines()) == 3
    assert told(run) == []


def test_test_metrics_of_every_epoch_are_told_once(begin: Begin, told: Told) -> None:
    with begin() as run:
        for _ in run.epochs(6):
            for _ in run.steps([1, 2]):
                run.log(loss=1.0)
            run.log({"test_accuracy": 0.5, "test_loss": 1.0})

    assert told(run) == ["test_used_twice", "test_every_epoch"]


def test_training_that_goes_on_after_the_test_was_measured_is_told(begin: Begin, told: Told) -> None:
    with begin() as run:
        for epoch in run.epochs(3):
            for _ in run.steps([1, 2]):
                run.log(loss=1.0)
            if epoch == 0:
                run.evaluate({"test/loss": 1.0})

    assert told(run) == ["test_used_early"]


def test_other_settings_that_were_measured_on_the_same_split_are_told(
    begin: Begin, told: Told, tmp_path: Path
) -> None:
    found = []
    for lr, seed in ((0.1, 1), (0.1, 2), (0.2, 1)):
        with begin(config={"lr": lr}) as run:
            run.seed(seed)
            run.split(tmp_path / "splits.json", {"train": [0], "test": [1]})
            run.evaluate({"test/loss": lr})
        found.append(told(run))

    assert found == [[], [], ["test_used_early"]]


def test_without_a_split_file_the_same_test_data_has_one_ledger_beside_the_runs(
    begin: Begin, told: Told, events: Events, tmp_path: Path
) -> None:
    found = []
    for lr, rows in ((0.1, 8), (0.2, 8), (0.3, 9)):
        with begin(config={"lr": lr}) as run:
            run.data("test", (np.arange(rows * 2.0).reshape(rows, 2), np.arange(rows) % 2))
            run.evaluate({"test/loss": lr})
        found.append(told(run))

    assert found == [[], ["test_used_early"], ["data_drift"]]
    ledgers = sorted((tmp_path / ".guardrun/test-uses").iterdir(), key=lambda path: path.stat().st_size)
    assert [len(path.read_text().splitlines()) for path in ledgers] == [2, 4]
    assert events(run, "test_use")[-1]["ledgers"] == [str(ledgers[0])]
    assert (tmp_path / ".guardrun/.gitignore").read_text() == "*\n"
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {
        path.parent.name for path in tmp_path.glob("runs/*/run.json")
    }


def test_test_data_without_a_hash_and_a_ledger_that_cannot_be_written_hurt_nothing(
    begin: Begin, events: Events, tmp_path: Path
) -> None:
    (tmp_path / ".guardrun").write_text("a file is in the way")
    with begin() as run:
        run.data("test", iter([1]))
        run.evaluate({"test/loss": 1.0})
        assert [use["ledgers"] for use in events(run, "test_use")] == [[], []]
        run.data("test_b", np.arange(4))
        run.log(loss=1.0)

    assert any("not in the ledger" in note["text"] for note in events(run, "note"))


def test_an_overlapping_split_is_told_and_a_changed_one_refused(
    begin: Begin, told: Told, tmp_path: Path
) -> None:
    file = tmp_path / "splits.json"
    with begin() as run:
        run.split(file, {"train": [0, 1, 2], "test": [2, 3]})
        file.write_text('{"train": [0, 1], "test": [2, 3]}')
        with pytest.raises(UserError, match="changed after it was sealed"):
            run.split(file)

    assert told(run) == ["split_overlap"]


# -- fits and preprocessing


def test_statistics_for_a_normalisation_are_right_and_of_the_kind_of_the_data(begin: Begin) -> None:
    images = np.random.default_rng(0).normal(size=(20, 3, 4, 4))
    with begin() as run:
        by_position = run.fit_statistics(images)
        by_channel = run.fit_statistics(torch.tensor(images), per="channel")
        whole = run.fit_statistics((images, np.arange(20) % 2), per="all")
        with pytest.raises(UserError, match="no statistics per 'pixel'"):
            run.fit_statistics(images, per="pixel")
        with pytest.raises(UserError, match="found no numbers"):
            run.fit_statistics(["a", "b"])

    assert np.allclose(by_position.std, images.std(axis=0))
    assert isinstance(by_channel.mean, torch.Tensor)
    assert torch.allclose(by_channel.mean, torch.tensor(images.mean(axis=(0, 2, 3)), dtype=torch.float32))
    assert whole.mean == pytest.approx(images.mean())


def test_a_fit_on_more_than_train_is_told_in_either_order(begin: Begin, told: Told) -> None:
    x, y = np.random.default_rng(0).normal(size=(100, 3)), np.arange(100) % 2
    with begin() as before:
        before.fit_statistics(x)
        before.data("train", (x[:80], y[:80]))
        before.data("test", (x[80:], y[80:]))
    with begin() as after:
        after.data("train", (x[:80], y[:80]))
        after.data("test", (x[80:], y[80:]))
        after.fit_statistics(x)
    with begin() as sound:
        sound.data("train", (x[:80], y[:80]))
        sound.data("test", (x[80:], y[80:]))
        sound.fit_statistics(x[:80])

    assert told(before) == told(after) == ["fitted_on_other_data"]
    assert told(sound) == []


def test_data_normalised_over_everything_is_told(begin: Begin, told: Told) -> None:
    x, y = np.random.default_rng(0).normal(4, 3, size=(500, 3)), np.arange(500) % 2
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    with begin() as run:
        run.data("train", (x[:400], y[:400]))
        run.data("test", (x[400:], y[400:]))

    assert told(run) == ["normalised_on_other_data"]


SCALE = 2.0


def scaled(x: float) -> float:
    return x * SCALE


def made_by(factor: float) -> Callable[[float], float]:
    return lambda x: x * factor


def test_preprocessing_is_described_and_hashed(begin: Begin, events: Events) -> None:
    with begin() as run:
        chain = [scaled, torch.nn.Sequential(torch.nn.Linear(2, 2))]
        assert run.preprocessing(chain) is chain

    (event,) = events(run, "preprocessing")
    assert len(event["sha256"]) == 64
    assert "return x * SCALE" in event["text"]


def test_equal_preprocessing_has_one_hash_and_other_settings_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    class Own:
        def __init__(self, size: int) -> None:
            self.size = size

    def of(obj: Any) -> str:
        return describe(obj)["sha256"]

    torch.manual_seed(0)
    linear, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    fitted = StandardScaler().fit(np.arange(6.0).reshape(3, 2))
    assert of(made_by(2.0)) == of(made_by(2.0)) != of(made_by(3.0))
    assert of(Own(1)) == of(Own(1)) != of(Own(2))
    assert of(partial(scaled, 1)) == of(partial(scaled, 1)) != of(partial(scaled, 2))
    assert of(make_pipeline(StandardScaler())) == of(make_pipeline(StandardScaler()))
    assert of(make_pipeline(StandardScaler())) != of(make_pipeline(MinMaxScaler()))
    assert of(fitted) != of(StandardScaler())
    assert of(linear) == of(linear) != of(other)
    assert of({"size": 3, "mode": None}) != of({"size": 4, "mode": None})
    before = of(scaled)
    monkeypatch.setattr(f"{__name__}.SCALE", 3.0)
    assert of(scaled) != before


def test_a_description_survives_what_can_t_be_described() -> None:
    class Hostile:
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError("no")

    loop: list[Any] = []
    loop.append(loop)

    assert "…" in describe(loop)["text"]
    assert "not described" in describe([Hostile()])["text"]
