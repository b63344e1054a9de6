"""The samples train: alone, and under ``guard run``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guardrun.samples import sample_folder

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def _pytorch_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests let its compiler sleep: tests/children."""
    monkeypatch.delenv("PYTHONPATH")


GUARD = str(Path(sys.executable).with_name("guard"))


def start(words: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run to its end in ``folder``, on one thread; fails with its output."""
    environment = {**os.environ, **variables}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def events(run: Path, file: str = "events.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / file).read_bytes().splitlines()]


def test_digits_trains_under_guard_run_and_keeps_a_verified_best(tmp_path: Path):
    config = sample_folder("digits") / "config.yaml"
    start([GUARD, "run", str(config), "params.epochs=2", "params.width=24"], tmp_path)
    run = only_run(tmp_path)
    seen = events(run)
    evaluations = [e for e in seen if e["kind"] == "eval" and "val/accuracy" in e]
    assert len(evaluations) == 2
    assert evaluations[-1]["val/accuracy"] > 0.5
    assert [e for e in seen if e["kind"] == "eval"][-1].keys() >= {"test/loss", "test/accuracy"}
    assert {e["name"] for e in seen if e["kind"] == "data"} == {"train", "val", "test"}
    assert seen[-1]["status"] == "finished"
    shown = json.loads(start([GUARD, "show", str(run), "--json"], tmp_path).stdout)
    assert shown["checkpoints"]["best"]["verified"] is True
    assert shown["signals"] == []


def test_a_sample_trains_alone_and_leaves_a_complete_run(tmp_path: Path):
    script = sample_folder("small") / "train.py"
    short = tmp_path / "train.py"
    short.write_text(script.read_text().replace('"epochs": 24', '"epochs": 2'))
    start([sys.executable, str(short)], tmp_path)
    run = only_run(tmp_path)
    assert events(run)[-1]["status"] == "finished"
    assert (run / "checkpoints" / "best.json").is_file()


def test_an_absurd_learning_rate_is_aborted_before_it_wastes_the_run(tmp_path: Path):
    config = sample_folder("small") / "config.yaml"
    words = [GUARD, "run", str(config), "params.lr=30", "params.epochs=200"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3
    run = only_run(tmp_path)
    (advice, *_) = [s["advice"] for s in events(run, "supervisor.jsonl") if s.get("severity") == "act"]
    assert advice
    assert advice in done.stdout.replace("\n", " ")
    end = events(run)[-1]
    assert end["reason"] in ("abort:loss_explosion", "abort:nan")
    assert end["step"] < 0.25 * 200 * 19


def test_a_loop_with_its_own_checkpoints_has_them_ranked_and_proved(tmp_path: Path):
    shutil.copytree(sample_folder("own_checkpoints"), tmp_path / "own")
    start([GUARD, "run", "own/config.yaml"], tmp_path)
    run = only_run(tmp_path)
    best = json.loads((run / "checkpoints" / "best.json").read_bytes())
    losses = {
        e["step"]: e["metric"] for e in events(run) if e["kind"] == "checkpoint" and e["metric"] is not None
    }
    assert best["metric"] == min(losses.values())


def test_bytes_counts_tokens_and_evaluates_by_steps(tmp_path: Path):
    config = sample_folder("bytes") / "config.yaml"
    few = ["steps=20", "evaluate_every=10", "warmup=4", "width=16", "layers=1", "heads=2", "context=16"]
    start([GUARD, "run", str(config), *(f"params.{word}" for word in few)], tmp_path)
    seen = events(only_run(tmp_path))
    assert [e["step"] for e in seen if e["kind"] == "eval"] == [10, 20]
    assert all(e["tokens_per_s"] > 0 for e in seen if e["kind"] == "metrics")
