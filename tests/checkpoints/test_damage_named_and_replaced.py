"""A checkpoint that was damaged later: `guard show` names it and the next good one, a resume uses that."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from checkpoint_kit import Trained
from guardrun.cli.main import run
from guardrun.cli.resuming import choose_checkpoint
from guardrun.recording.checkpoints import soundness
from guardrun.recording.checkpoints.soundness import look_at

pytestmark = pytest.mark.torch
LOSSES = {1: 1.0, 2: 0.5, 3: 0.2, 4: 0.9}
"""Step 3 is best, step 4 is last."""


@pytest.fixture
def kit(tmp_path: Path) -> Trained:
    made = Trained(tmp_path / "run", keep=4)
    for step, loss in LOSSES.items():
        made.save(step, loss)
    made.paths.run_json.write_text(json.dumps({"run_id": "run", "name": "run", "created": 1.0}))
    return made


def part(kit: Trained, step: int) -> Path:
    return kit.paths.checkpoint(step, 1) / "rank0.pt"


def flip(file: Path) -> None:
    """One bit, its size and time as before."""
    facts = file.stat()
    with open(file, "r+b") as opened:
        opened.seek(600)
        (byte,) = opened.read(1)
        opened.seek(600)
        opened.write(bytes([byte ^ 1]))
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def shown(kit: Trained, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert run(["show", str(kit.paths.root), *options]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_whole_ones_are_not_called_damaged(kit, capsys):
    assert look_at(kit.paths, "best") is None
    assert look_at(kit.paths, "last") is None
    assert "damaged" not in shown(kit, capsys)
    assert "instead" not in shown(kit, capsys, "--json")


def test_a_flipped_bit_in_last_is_named_and_the_resume_goes_on_from_the_one_before(kit, capsys):
    flip(part(kit, 4))
    page = shown(kit, capsys)
    assert "damaged: step-4-a1/rank0.pt has the SHA-256" in page
    assert "in place of last: checkpoints/step-3-a1 (step 3) is whole; `guard run --resume` goes on" in page
    assert "in place of best" not in page
    told = json.loads(shown(kit, capsys, "--json"))["checkpoints"]["last"]
    assert (told["verified"], told["instead"]) == (False, "checkpoints/step-3-a1")
    assert "step-4-a1/rank0.pt" in told["problem"]

    start = choose_checkpoint(kit.paths)
    assert start.checkpoint == "checkpoints/step-3-a1"
    assert start.remarks == [f"passed over: {told['problem']}"]


def test_in_place_of_best_the_best_of_those_that_are_whole_is_offered(kit, capsys):
    part(kit, 3).write_bytes(b"short")
    flip(part(kit, 2))
    page = shown(kit, capsys)
    assert "damaged: step-3-a1/rank0.pt has 5 bytes, expected" in page
    assert "in place of best: checkpoints/step-4-a1 (step 4) is whole and the best of the others" in page


def test_metadata_pointers_and_folders_that_are_damaged_are_named_too(kit, capsys):
    meta = kit.paths.checkpoint(4, 1) / "meta.json"
    meta.write_text(meta.read_text() + " ")
    kit.paths.pointer("best").write_text("{")
    page = shown(kit, capsys)
    assert "step-4-a1/meta.json has the SHA-256" in page
    assert "in place of best: checkpoints/step-3-a1 (step 3)" in page
    assert "in place of last: checkpoints/step-3-a1 (step 3)" in page

    for step in LOSSES:
        shutil.rmtree(kit.paths.checkpoint(step, 1))
    assert "in place of last: no other checkpoint is whole" in shown(kit, capsys)


def test_of_a_large_one_sizes_are_compared_and_nothing_is_read(kit, monkeypatch):
    monkeypatch.setattr(soundness, "MOST_HASHED", 100)
    flip(part(kit, 4))
    assert look_at(kit.paths, "last") is None
    part(kit, 4).write_bytes(b"short")
    assert "has 5 bytes" in str(look_at(kit.paths, "last").damage)
