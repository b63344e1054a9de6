"""A data set's record: equal content, equal hash; and an honest word where there can be none."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import guardrun
from guardrun.provenance.data import hashing as data_module
from guardrun.provenance.data.hashing import RULE_BLOCKS, RULE_ITEMS, RULE_WHOLE
from guardrun.recording.data import fingerprint


class Squares:
    """A data set like any user's: a length and items."""

    def __init__(self, count: int, change: int | None = None) -> None:
        self.count, self.change = count, change

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.full((2,), float(index * index + (index == self.change))), index % 3


def test_the_record_is_an_event_and_the_object_comes_back_unchanged(
    begin: Callable[..., guardrun.Run], log_of: Callable[..., Any]
) -> None:
    train = np.arange(12.0).reshape(4, 3)
    with begin() as run:
        assert run.data("train", train) is train

    (event,) = log_of(run, "data")
    assert (event["name"], event["count"], event["rule"], event["bytes"]) == ("train", 4, RULE_WHOLE, 96)
    assert len(event["sha256"]) == 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.arange(6), np.arange(6).reshape(2, 3)),
        (np.arange(6), np.arange(6).astype(np.int32)),
        (np.arange(6), np.arange(1, 7)),
        (torch.zeros(3), torch.ones(3)),
        (torch.zeros(3, dtype=torch.bfloat16), torch.ones(3, dtype=torch.bfloat16)),
        (["a", "bc"], ["ab", "c"]),
        ([1, 2], [1, 2.0]),
        ({"a": 1}, {"b": 1}),
        ([np.arange(2), np.arange(3)], [np.arange(3), np.arange(2)]),
        (Squares(10), Squares(10, change=9)),
        (Squares(10), Squares(11)),
        (
            torch.utils.data.TensorDataset(torch.zeros(2)),
            torch.utils.data.TensorDataset(torch.zeros(2), torch.zeros(2)),
        ),
    ],
)
def test_different_content_has_a_different_hash_and_equal_content_the_same(one: Any, other: Any) -> None:
    first, second, again = (fingerprint(value)["sha256"] for value in (one, other, one))

    assert first is not None
    assert first == again
    assert first != second


def test_memory_layout_does_not_matter() -> None:
    array = np.arange(12.0).reshape(3, 4)

    assert fingerprint(array)["sha256"] == fingerprint(np.asfortranarray(array))["sha256"]
    assert fingerprint(torch.from_numpy(array))["sha256"] == fingerprint(array)["sha256"]


def test_files_and_folders_are_known_by_content_and_relative_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep/a.txt").write_text("content")
    first, second = fingerprint(tmp_path / "one"), fingerprint(str(tmp_path / "two"))

    assert first["sha256"] == second["sha256"]
    assert (first["count"], first["bytes"]) == (1, 7)
    (tmp_path / "two/deep/a.txt").write_text("CONTENT")
    assert fingerprint(tmp_path / "two")["sha256"] != first["sha256"]
    assert "no such file" in fingerprint(tmp_path / "three")["rule"]


def test_large_data_is_sampled_by_a_rule_that_the_record_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_module, "WHOLE_BYTES", 100)
    monkeypatch.setattr(data_module, "BLOCK", 10)
    array = np.arange(4000, dtype=np.uint8)
    changed = array.copy()
    changed[-1] += 1
    (tmp_path / "a").write_bytes(array.tobytes())

    assert fingerprint(array)["rule"] == fingerprint(tmp_path / "a")["rule"] == RULE_BLOCKS
    assert fingerprint(array)["sha256"] != fingerprint(changed)["sha256"]


def test_items_are_sampled_and_the_generators_stay_where_they_were() -> None:
    class Drawing(Squares):
        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            random.random()
            torch.rand(1)
            np.random.rand()
            return super().__getitem__(index)

    before = random.getstate(), torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index,union-attr]
    found = fingerprint(Drawing(1000))

    assert (found["rule"], found["count"]) == (RULE_ITEMS, 1000)
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert np.random.get_state()[1].tolist() == before[2]  # type: ignore[index,union-attr]


def test_generators_that_a_data_set_keeps_for_itself_stay_where_they_were() -> None:
    """A run with guard is bit for bit the run without it, whoever owns the augmentation's generator."""

    class Noise:
        def __init__(self) -> None:
            self.generators = [np.random.default_rng(1), np.random.RandomState(2), torch.Generator()]

    class Noisy(Squares):
        def __init__(self, count: int) -> None:
            super().__init__(count)
            self.transform = Noise()
            self.random = random.Random(3)
            self.entropy = random.SystemRandom()

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            numpy, old, generator = self.transform.generators
            noise = numpy.normal() + old.normal() + self.random.random() + self.entropy.random()
            return super().__getitem__(index)[0] + noise + torch.rand(1, generator=generator), index

        def draws(self) -> tuple[float, ...]:
            numpy, old, generator = self.transform.generators
            drawn = torch.rand(1, generator=generator).item()
            return numpy.normal(), old.normal(), drawn, self.random.random()

    looked_at, other = Noisy(100), torch.utils.data.Subset(Noisy(100), range(50))
    fingerprint(looked_at)
    fingerprint(other)

    assert looked_at.draws() == other.dataset.draws() == Noisy(100).draws()  # type: ignore[attr-defined]


def test_random_items_have_no_hash_and_the_record_says_why() -> None:
    class Augmented(Squares):
        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return torch.rand(2), index

    found = fingerprint(Augmented(10))

    assert found["sha256"] is None
    assert "random" in found["rule"]


def test_slow_items_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "SECONDS", 0.05)

    class Slow(Squares):
        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            time.sleep(0.02)
            return super().__getitem__(index)

    found = fingerprint(Slow(100))

    assert (found["sha256"], found["count"]) == (None, 100)
    assert found["seconds"] < 1.0


@pytest.mark.parametrize("obj", [iter([1]), object(), None, [object()], np.array([object()])])
def test_what_can_t_be_hashed_is_recorded_without_a_hash(obj: Any) -> None:
    found = fingerprint(obj)

    assert found["sha256"] is None
    assert found["rule"].startswith("not hashed: ")


def test_a_data_set_that_raises_hurts_nothing() -> None:
    class Broken(Squares):
        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            raise RuntimeError("no file")

    assert fingerprint(Broken(3))["rule"] == "not hashed: RuntimeError while reading it"
