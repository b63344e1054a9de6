"""A disk that is really full, and a folder that is really read-only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import guardrun
from checkpoint_kit import Trained
from guardrun.errors import UserError
from guardrun.recording.checkpoints.prove import prove
from guardrun.recording.checkpoints.writing import CheckpointFailed

MOUNTS = os.geteuid() == 0 and sys.platform == "linux"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB of its own."""
    where = tmp_path / "small"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(where)]
    if not MOUNTS or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=False)


def fill(disk: Path, leave: int) -> Path:
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast.write_bytes(b"\0" * max(0, free - leave))
    return ballast


def test_a_disk_that_fills_during_the_write_leaves_the_previous_checkpoint(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC comes in the middle of torch.save, after the look at the free space was passed."""
    from guardrun.recording.checkpoints import store

    kit = Trained(small_disk / "run", width=200)  # some 480 kB a checkpoint
    kit.save(1, 1.0)
    ballast = fill(small_disk, leave=200_000)
    monkeypatch.setattr(store, "_MARGIN", -10_000_000)

    with pytest.raises(CheckpointFailed, match="step 2 was not saved: No space left on device"):
        kit.save(2, 0.5)

    assert kit.names() == ["step-1-a1"]
    assert prove(kit.paths, "best")["verified"]
    assert prove(kit.paths, "last")["verified"]
    ballast.unlink()
    assert kit.save(3, 0.5).roles == ("best", "last")


def test_a_disk_with_no_byte_left_at_all_does_not_end_the_training(small_disk: Path) -> None:
    kit = Trained(small_disk / "run", width=200)
    kit.save(1, 1.0)
    fill(small_disk, leave=0)

    with pytest.raises(CheckpointFailed, match=r"it needs .* are free"):
        kit.save(2, 0.5)

    assert prove(kit.paths, "last")["step"] == 1


def test_too_little_space_is_told_before_training(small_disk: Path) -> None:
    kit = Trained(small_disk / "run", width=400)

    (note,) = kit.store.prepare(kit.tracked)

    assert "are free in" in note
    assert "a checkpoint takes some 1.94 MB, and up to 5 exist at a time" in note


def test_a_training_whose_checkpoints_would_not_fit_is_refused_when_the_configuration_says_so(
    small_disk: Path,
) -> None:
    config = {"checkpoint": {"low_space": "refuse"}}
    with guardrun.start("tight", runs_dir=small_disk, config=config) as run:
        run.track(small=torch.nn.Linear(8, 8))
        with pytest.raises(UserError, match=r"checkpoints would not fit: .* are free in"):
            run.track(model=torch.nn.Linear(600, 600))


def test_a_read_only_disk_is_a_failed_checkpoint(small_disk: Path) -> None:
    kit = Trained(small_disk / "run", width=8)
    kit.save(1, 1.0)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    with pytest.raises(CheckpointFailed, match="step 2 was not saved: Read-only file system"):
        kit.save(2, 0.5)

    assert prove(kit.paths, "best")["verified"]
