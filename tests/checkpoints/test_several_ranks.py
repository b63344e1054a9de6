"""A checkpoint of several ranks exists once every rank's part is on disk."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoint_kit import Trained
from guardrun.recording.checkpoints.layout import complete_folders
from guardrun.recording.checkpoints.load import load_checkpoint
from guardrun.recording.checkpoints.prove import prove
from guardrun.recording.checkpoints.resume import ResumePlan
from guardrun.recording.checkpoints.store import Saved
from guardrun.recording.checkpoints.writing import CheckpointFailed


def make(root: Path, world_size: int = 3, **options: Any) -> list[Trained]:
    """One kit a rank over one run directory, each with weights of its own."""
    return [
        Trained(root, rank=rank, world_size=world_size, wait=5.0, **options) for rank in range(world_size)
    ]


def together(kits: list[Trained], step: int, loss: float | None = None, **options: Any) -> list[Any]:
    """Save on all ranks at once, rank 0 first: what each returned or raised."""
    results: list[Any] = [None] * len(kits)

    def one(index: int) -> None:
        try:
            results[index] = kits[index].save(step, loss, **options)
        except CheckpointFailed as error:
            results[index] = error

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(kits))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_every_ranks_part_is_in_the_metadata_and_only_rank_0_gives_roles(tmp_path: Path) -> None:
    results = together(make(tmp_path), 5, 1.0)

    assert [result.roles for result in results] == [("best", "last"), (), ()]
    meta = json.loads((tmp_path / "checkpoints/step-5-a1/meta.json").read_bytes())
    assert [one["path"] for one in meta["files"]] == ["rank0.pt", "rank1.pt", "rank2.pt"]
    assert meta["world_size"] == 3
    assert prove(make(tmp_path)[0].paths, "best")["verified"]


def test_each_rank_loads_its_own_part(tmp_path: Path) -> None:
    kits = make(tmp_path)
    together(kits, 5)

    for rank, kit in enumerate(kits):
        loaded = load_checkpoint(kit.paths, "last", rank)
        assert loaded.own_part
        assert loaded.payload["rank"] == rank
        assert torch.equal(loaded.payload["objects"]["model"]["0.weight"], kit.weights())


def test_a_rank_that_never_answers_is_named_and_the_previous_checkpoint_stands(tmp_path: Path) -> None:
    kits = make(tmp_path)
    together(kits, 5, 1.0)
    kits[0].store._wait = 0.2

    failed = together(kits[:2], 6, 0.5)[0]

    assert str(failed) == "step 6 was not saved: no part from rank 2 within 0.2 s"
    assert kits[0].names() == ["step-5-a1"]
    assert prove(kits[0].paths, "last")["step"] == 5


def test_a_rank_that_cannot_write_tells_rank_0_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kits = make(tmp_path)
    monkeypatch.setattr(kits[1].store, "_write_own", _raising(OSError(28, "No space left on device")))

    results = together(kits, 6, 0.5)

    assert "rank 1 could not write its part" in str(results[0])
    assert "No space left on device" in str(results[0])
    assert isinstance(results[1], CheckpointFailed)
    assert complete_folders(kits[0].paths) == []


def _raising(error: Exception) -> Any:
    def raise_it(*arguments: Any) -> Any:
        raise error

    return raise_it


def test_after_a_failure_all_ranks_save_together_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kits = make(tmp_path, 2)
    with monkeypatch.context() as patch:
        patch.setattr(kits[1].store, "_write_own", _raising(OSError(28, "full")))
        together(kits, 6, 0.5)

    again = together(kits, 6, 0.5)

    assert [result.path for result in again] == ["checkpoints/step-6-a1"] * 2
    assert prove(kits[0].paths, "best")["verified"]


def test_a_second_save_at_the_same_place_stays_whole_on_all_ranks(tmp_path: Path) -> None:
    """Rank 1 must not write its part anew under a metadata file that has the old hash."""
    kits = make(tmp_path, 2)
    together(kits, 6)
    kits[1].train_step()

    again = together(kits, 6, 0.5, claim_best=False)

    assert again[0].reused
    assert prove(kits[0].paths, "last")["verified"]


def test_rank_0_alone_saves_best_in_an_evaluation_that_the_others_skip(tmp_path: Path) -> None:
    """And the ranks go on to agree about the next folder, though rank 0 has saved once more."""
    kits = make(tmp_path, 2)

    alone = kits[0].save(6, 0.5, alone=True, last=False)
    together_after = together(kits, 6)

    assert (alone.path, alone.roles) == ("checkpoints/step-6-a1-solo", ("best",))
    assert [result.path for result in together_after] == ["checkpoints/step-6-a1"] * 2
    assert prove(kits[0].paths, "best")["verified"]
    other = load_checkpoint(kits[1].paths, "best", rank=1)
    assert not other.own_part
    plan = ResumePlan(other.payload, own_part=other.own_part, world_size=2)
    assert plan.problems == ["it has no part of this rank: generators start anew"]


def test_with_one_rank_alone_means_nothing(tmp_path: Path) -> None:
    saved: Saved = Trained(tmp_path).save(6, 0.5, alone=True)

    assert saved.path == "checkpoints/step-6-a1"


def test_what_failed_saves_left_goes_with_the_next_good_one(tmp_path: Path) -> None:
    """Rank 1 comes with its part when rank 0 has long given up."""
    kits = make(tmp_path, 2)
    kits[0].store._wait = 0.05
    assert isinstance(together(kits[:1], 6)[0], CheckpointFailed)
    kits[1].save(6)
    assert kits[0].names() == ["step-6-a1"]

    kits[0].store._wait = 5.0
    together(kits, 7)

    assert kits[0].names() == ["step-7-a1"]
