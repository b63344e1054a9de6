"""A checkpoint exists whole or not at all, and the pointers always name whole ones."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoint_kit import Trained
from guardrun.recording.checkpoints import store as store_module
from guardrun.recording.checkpoints import writing
from guardrun.recording.checkpoints.load import load_checkpoint
from guardrun.recording.checkpoints.prove import prove
from guardrun.recording.checkpoints.resume import INSIDE
from guardrun.recording.checkpoints.writing import CheckpointFailed


def roles(kit: Trained) -> tuple[str, str]:
    return tuple(json.loads(kit.paths.pointer(role).read_bytes())["folder"] for role in ("best", "last"))  # type: ignore[return-value]


def test_the_metadata_says_where_the_checkpoint_comes_from(tmp_path: Path) -> None:
    kit = Trained(
        tmp_path / "run-1", facts={"commit": "abc", "dirty": True, "code_sha256": "k0", "config_sha256": "c0"}
    )
    kit.store.data["train"] = "d0"
    kit.place.advance()

    saved = kit.save(12, 0.5)

    folder = tmp_path / "run-1" / saved.path
    body = (folder / "meta.json").read_bytes()
    meta = json.loads(body)
    part = (folder / "rank0.pt").read_bytes()
    assert saved.meta_sha256 == hashlib.sha256(body).hexdigest()
    assert meta["files"] == [
        {
            "path": "rank0.pt",
            "sha256": hashlib.sha256(part).hexdigest(),
            "bytes": len(part),
            "external": False,
        }
    ]
    assert meta["position"] == {"epoch": 0, "batch": 1, "step": 12, "point": "boundary"}
    wanted = {
        "schema": 1, "step": 12, "epoch": 0, "attempt": 1, "run_id": "run-1", "metrics": {"val/loss": 0.5},
        "monitor": {"name": "val/loss", "mode": "min"}, "metric": 0.5, "commit": "abc", "dirty": True,
        "code_sha256": "k0",
        "config_sha256": "c0", "data": {"train": "d0"}, "world_size": 1,
    }  # fmt: skip
    assert wanted == {key: meta[key] for key in wanted}
    assert set(meta) == {*wanted, "files", "position", "time"}


def test_the_event_has_what_the_schema_promises(tmp_path: Path) -> None:
    event = Trained(tmp_path).save(3, 0.5).event()

    assert event["path"] == "checkpoints/step-3-a1"
    assert event["roles"] == ["best", "last"]
    assert event.keys() == {
        "path", "roles", "step", "epoch", "metrics", "metric", "meta_sha256", "bytes", "seconds", "external",
    }  # fmt: skip


def test_a_person_can_load_the_weights_with_plain_torch(tmp_path: Path) -> None:
    kit = Trained(tmp_path)
    kit.save(1, 0.5)

    payload = torch.load(tmp_path / "checkpoints" / "best" / "rank0.pt", weights_only=True)

    torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.BatchNorm1d(8)).load_state_dict(
        payload["objects"]["model"]
    )


def test_best_follows_the_metric_and_last_the_time(tmp_path: Path) -> None:
    kit = Trained(tmp_path)

    given = [kit.save(step, loss).roles for step, loss in enumerate([3.0, 2.0, 2.0, 4.0, 1.0])]

    assert given == [("best", "last"), ("best", "last"), ("last",), ("last",), ("best", "last")]
    assert roles(kit) == ("step-4-a1", "step-4-a1")
    assert (tmp_path / "checkpoints" / "best").readlink() == Path("step-4-a1")


def test_with_mode_max_the_larger_metric_is_best(tmp_path: Path) -> None:
    kit = Trained(tmp_path, mode="max")

    for step, accuracy in enumerate([0.5, 0.9, 0.7]):
        kit.save(step, accuracy)

    assert roles(kit) == ("step-1-a1", "step-2-a1")


def test_only_checkpoints_that_no_pointer_names_go_and_the_newest_are_kept(tmp_path: Path) -> None:
    kit = Trained(tmp_path, keep=2)

    for step, loss in enumerate([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]):
        kit.save(step, loss)

    assert kit.names() == ["step-0-a1", "step-3-a1", "step-4-a1", "step-5-a1"]


def test_nothing_is_deleted_while_a_pointer_cannot_be_read(tmp_path: Path) -> None:
    kit = Trained(tmp_path, keep=0)
    kit.save(0, 1.0)
    kit.paths.pointer("best").write_text("{torn")

    kit.save(1)
    kit.save(2)

    assert kit.names() == ["step-0-a1", "step-1-a1", "step-2-a1"]


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), float("-inf")])
def test_a_metric_that_is_not_finite_never_becomes_best(tmp_path: Path, loss: float) -> None:
    kit = Trained(tmp_path)
    kit.save(1, 2.0)

    saved = kit.save(2, loss)

    assert saved.roles == ("last",)
    assert saved.problem == "not best: val/loss is missing or not finite"
    assert roles(kit)[0] == "step-1-a1"
    meta = json.loads((tmp_path / saved.path / "meta.json").read_bytes())
    assert (meta["metric"], meta["metrics"]["val/loss"]) == (
        None,
        {"nan": "NaN", "inf": "Infinity"}.get(str(loss), "-Infinity"),
    )


def test_weights_that_are_not_finite_never_become_best_whatever_the_metric_says(tmp_path: Path) -> None:
    kit = Trained(tmp_path)
    kit.save(1, 2.0)
    with torch.no_grad():
        kit.model[0].weight[3, 3] = float("nan")

    saved = kit.save(2, 1.0)

    assert saved.roles == ("last",)
    assert saved.problem == "not best: model.0.weight holds NaN"
    assert roles(kit)[0] == "step-1-a1"


def test_a_second_save_at_the_same_place_writes_nothing(tmp_path: Path) -> None:
    kit = Trained(tmp_path)
    kit.save(5)
    before = (tmp_path / "checkpoints/step-5-a1/rank0.pt").stat().st_mtime_ns

    saved = kit.save(5, claim_best=False)

    assert (saved.reused, saved.path, saved.roles) == (True, "checkpoints/step-5-a1", ("last",))
    assert (tmp_path / "checkpoints/step-5-a1/rank0.pt").stat().st_mtime_ns == before


def test_another_place_at_the_same_step_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    """Best is saved in the evaluation; last at the epoch's end, when the scheduler has stepped, too."""
    kit = Trained(tmp_path)
    best = kit.store.save(
        kit.tracked, step=5, epoch=0, position=kit.place.position(5, point=INSIDE), metrics={"val/loss": 1.0},
        claim_best=True, last=False,
    )  # fmt: skip
    kit.place.end_epoch()

    last = kit.save(5)

    assert (best.path, best.roles) == ("checkpoints/step-5-a1", ("best",))
    assert (last.path, last.roles, last.reused) == ("checkpoints/step-5-a1-2", ("last",), False)


def test_the_metric_to_beat_is_remembered_by_the_next_attempt(tmp_path: Path) -> None:
    Trained(tmp_path).save(9, 1.0)

    kit = Trained(tmp_path, attempt=2)

    assert not kit.store.is_better(1.5)
    assert kit.save(3, 1.5).roles == ("last",)
    assert roles(kit) == ("step-9-a1", "step-3-a2")


def test_a_best_that_is_gone_does_not_stand_in_the_way_of_the_next_attempts(tmp_path: Path) -> None:
    kit = Trained(tmp_path)
    kit.save(1, 1.0)
    kit.save(2, 0.1)
    shutil.rmtree(tmp_path / "checkpoints/step-2-a1")

    notes = kit.store.prepare()

    assert notes[0] == "the best checkpoint, step-2-a1, is gone; best is step-1-a1 now"
    assert kit.save(3, 0.5).roles == ("best", "last")


def test_a_best_that_is_gone_with_all_others_leaves_no_pointer(tmp_path: Path) -> None:
    kit = Trained(tmp_path)
    kit.save(1, 0.1)
    shutil.rmtree(tmp_path / "checkpoints/step-1-a1")

    assert "chooses anew" in kit.store.prepare()[0]
    assert kit.save(2, 0.5).roles == ("best", "last")


def test_leftovers_of_dead_attempts_go_and_those_of_this_attempt_stay(tmp_path: Path) -> None:
    Trained(tmp_path).save(1, 1.0)
    folder = tmp_path / "checkpoints"
    for name in ("step-2-a1", "step-2-a2"):
        (folder / name).mkdir()
        (folder / name / "rank0.pt").write_bytes(b"half")
    (folder / ".best.json.123.ab.tmp").write_bytes(b"")
    (folder / "step-1-a1" / ".rank0.pt.77.tmp").write_bytes(b"half")
    (folder / "mine").mkdir()
    kit = Trained(tmp_path, attempt=2)

    assert kit.names() == ["step-1-a1", "step-2-a2"]
    assert not list(folder.rglob("*.tmp"))
    assert (folder / "mine").is_dir()


def test_cleaning_says_what_it_removed(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "step-2-a1").mkdir(parents=True)
    kit = Trained(tmp_path, attempt=1)

    assert store_module.CheckpointStore(kit.paths, attempt=2).prepare() == [
        "removed an unfinished checkpoint: step-2-a1"
    ]


def test_the_first_checkpoint_is_read_back_at_once_and_the_next_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(store_module, "read_back", lambda folder, part: read.append(folder.name))
    kit = Trained(tmp_path)

    kit.save(1)
    kit.save(2)

    assert read == ["step-1-a1"]


def test_a_first_checkpoint_that_does_not_load_again_is_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = Trained(tmp_path)
    real = torch.save
    monkeypatch.setattr(torch, "save", lambda payload, file: real({**payload, "extra": Path}, file))

    with pytest.raises(CheckpointFailed, match=r"rank0\.pt can't be read back"):
        kit.save(1, 1.0)

    assert kit.names() == []
    monkeypatch.undo()
    assert kit.save(2, 1.0).roles == ("best", "last")


class FailingDisk:
    """os.write, os.fsync or os.replace that fails from its n-th call on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, call: str, after: int) -> None:
        self.left = after
        real = getattr(os, call)

        def failing(*arguments: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise OSError(28, "No space left on device")
            return real(*arguments)

        monkeypatch.setattr(writing.os, call, failing)


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("after", [0, 1, 2, 3, 5])
def test_a_disk_that_fails_at_any_moment_leaves_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, after: int
) -> None:
    """The error comes back as CheckpointFailed, best and last still load, and the next save works."""
    kit = Trained(tmp_path)
    kit.save(1, 1.0)
    weights = kit.weights().clone()
    kit.train_step()
    complaint = ""
    with monkeypatch.context() as patch:
        FailingDisk(patch, call, after)
        try:
            kit.save(2, 2.0)
        except CheckpointFailed as error:
            complaint = str(error)

    assert complaint in ("", "step 2 was not saved: No space left on device")
    for role in ("best", "last"):
        assert prove(kit.paths, role)["verified"]
    if complaint and not (tmp_path / "checkpoints/step-2-a1").exists():
        assert torch.equal(
            load_checkpoint(kit.paths, "last").payload["objects"]["model"]["0.weight"], weights
        )
    assert not list((tmp_path / "checkpoints").rglob(".rank0*"))
    kit.store.prepare()
    assert kit.save(3, 0.5).roles == ("best", "last")


def test_a_save_that_cannot_fit_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = Trained(tmp_path)
    kit.save(1, 1.0)
    usage = os.statvfs(tmp_path)
    tiny = type("Usage", (), {"free": 1000, "total": usage.f_blocks})
    monkeypatch.setattr(store_module.shutil, "disk_usage", lambda path: tiny)

    with pytest.raises(CheckpointFailed, match=r"step 2 was not saved: it needs 1\.0. MB, and 1 kB are free"):
        kit.save(2, 1.0)

    assert kit.names() == ["step-1-a1"]
    assert "a checkpoint takes some" in kit.store.prepare(kit.tracked)[0]


def test_a_folder_that_cannot_be_written_is_told_before_training(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file where the folder should be")

    notes = store_module.CheckpointStore(
        Trained(tmp_path / "other").paths.__class__(tmp_path), attempt=1
    ).prepare()

    assert len(notes) == 1
    assert notes[0].startswith("checkpoints cannot be written to")
