"""What a user of each framework does with guard, by its real commands and keys: look, NaN, stop, resume.

The rules that a walk rests on have quick tests: tests/integrations, tests/dashboard, tests/cli_show.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from guard_process import events, only_run, wait_for_step
from pty_terminal import PtyTerminal
from waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
LARGE = os.environ.get("GUARD_FRAMEWORKS_PYTHON") or str(ROOT / ".venv/frameworks/bin/python")

pytestmark = [pytest.mark.campaign, pytest.mark.terminal, pytest.mark.timeout(900)]


class Framework(NamedTuple):
    """A sample, and what is its framework's own."""

    sample: str
    long: str
    """Override for a training that goes on until it is stopped."""
    own: str
    """Pattern of the name of what it saves at a stop; at an epoch's end an ordinary checkpoint may do."""
    level: str = "full"
    """How deep the proof goes: "hash" for formats that hold more than tensors and plain values."""
    python: str = sys.executable


LONG = "params.epochs=100000"
FRAMEWORKS = [
    Framework("hf_trainer", "params.steps=100000", r"checkpoint-{step}"),
    Framework("lightning", LONG, r"guard-step={step}.ckpt|epoch=\d+-step={step}.ckpt"),
    Framework("accelerate", LONG, r"guard-step-{step}|epoch-\d+"),
    Framework("keras", LONG, r"guard-step-{step}.keras|best.keras", "hash"),
    Framework("ultralytics", LONG, r"guard-step-{step}.pt", "hash", LARGE),
]


class Walk:
    """One user's folder with the sample in it."""

    def __init__(self, framework: Framework, folder: Path) -> None:
        self.framework, self.folder = framework, folder
        name = framework.sample
        kept = shutil.ignore_patterns("*-checkpoints", "__pycache__")
        shutil.copytree(ROOT / "sample_runs" / name, folder / "sample_runs" / name, ignore=kept)
        self.config = f"sample_runs/{name}/config.yaml"
        self.env = {
            "PYTHONPATH": "", "OMP_NUM_THREADS": "1", "YOLO_CONFIG_DIR": str(folder / "yolo"),
            "YOLO_OFFLINE": "true",
        }  # fmt: skip

    def guard(self, *words: str, code: int | None = 0) -> str:
        assert Path(self.framework.python).exists(), "`make frameworks` makes the environment of Ultralytics"
        done = subprocess.run(
            [self.framework.python, "-m", "guardrun.cli.main", *words], cwd=self.folder, text=True,
            capture_output=True, check=False, stdin=subprocess.DEVNULL, env={**os.environ, **self.env},
        )  # fmt: skip
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def watch(self) -> PtyTerminal:
        command = [self.framework.python, "-m", "guardrun.cli.main", "watch", "runs"]
        return PtyTerminal(command, width=140, height=40, **self.env)

    def show(self, run: Path) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.guard("show", str(run), "--json"))
        return shown


@pytest.fixture(params=FRAMEWORKS, ids=lambda one: one.sample)
def walk(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walk]:
    monkeypatch.chdir(tmp_path)
    made = Walk(request.param, tmp_path)
    yield made
    for run in tmp_path.glob("runs/*"):
        made.guard("stop", str(run), "--now", code=None)


def test_a_planted_nan_is_flagged_at_its_step(walk: Walk) -> None:
    walk.guard("run", walk.config, "params.nan_at=5", code=None)
    run = only_run(walk.folder / "runs")
    told = walk.guard("watch", "--once", str(run))
    tell(told, " nan ", "NaN")
    nan = next(signal for signal in walk.show(run)["signals"] if signal["id"] == "nan")
    assert nan["severity"] in ("warn", "act")
    assert 1 <= nan["first_step"] <= 5


def test_it_is_watched_stopped_by_a_key_proved_and_resumed(walk: Walk) -> None:
    walk.guard("run", "--detach", walk.config, walk.framework.long)
    run = only_run(walk.folder / "runs")
    wait_for_step(run, 5, 240)

    screen = walk.watch()
    try:
        seen = screen.sees("● running", walk.framework.sample.partition("_")[0])
        tell(seen, "● running")
        screen.type("s")
        screen.sees("Safe stop", "enter  stop safely")
        screen.type("\r")
        wait_for(lambda: events(run, "supervisor.jsonl", "run_end"), 240, what="the end")
        seen = screen.sees("✓ all processes gone", "■ stopped", "last: checkpoints/")
        tell(seen, "✓", "■", "last:", "best:")
        screen.type("\x1b")
        screen.sees("s stop safely", without="Safe stop")
        screen.type("q")
        assert screen.ended() == 0
    finally:
        screen.close()

    shown = walk.show(run)
    assert (shown["status"], shown["reason"]) == ("stopped", "stop:watch")
    last = shown["checkpoints"]["last"]
    assert last["verified"] is True
    assert last["step"] == shown["step"]
    own = Path(last["own"])
    assert re.fullmatch(walk.framework.own.format(step=last["step"]), own.name)
    assert own.exists()
    (proof,) = [e for e in events(run, "supervisor.jsonl", "checkpoint") if e["role"] == "last"]
    assert proof["level"] == walk.framework.level, proof
    page = walk.guard("show", str(run))
    tell(page, "checkpoints/")
    assert own.name in "".join(page.split())

    walk.guard("run", "--resume", str(run), "--detach")
    wait_for_step(run, last["step"] + 2, 240)
    (resumed,) = events(run, kind="resume")
    assert (resumed["step"], resumed["attempt"]) == (last["step"], 2)
    tell(walk.guard("stop", str(run)), ": stopped", "last:")
    after = walk.show(run)
    assert after["step"] > last["step"]
    assert after["checkpoints"]["last"]["verified"] is True


def tell(text: str, *marks: str) -> None:
    """For the reader of a campaign (`pytest -s`): the lines that a user looks at."""
    for line in text.splitlines():
        if any(mark in line for mark in marks):
            print(line.strip().strip("│").strip())
