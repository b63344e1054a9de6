"""A small project under git; its training logs numbers that depend on code, configuration, data and seed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

TRAIN = """
import os, random, sys, time
import guardrun, model

numbers = [float(line) for line in open("data/numbers.txt")]
with guardrun.start() as run:
    run.seed()
    os.makedirs("out", exist_ok=True)
    for epoch in run.epochs(run.params.get("epochs", 2)):
        for number in run.steps(numbers):
            run.log(loss=random.random() * number * model.SCALE * run.params.lr)
            time.sleep(run.params.get("pause", 0))
        run.evaluate({"val/loss": random.random() * run.params.lr})
        with open("out/weights.txt", "w") as file:
            file.write(str(random.random()))
    if run.params.get("fail"):
        raise ValueError("as it was asked to")
"""
CONFIG = "name: toy\nentry: train.py\nseed: 1\nparams: {lr: 1.0}\n"


def git(folder: Path, *arguments: str) -> str:
    """git as nobody in particular, whatever the machine's configuration says."""
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    identity += ["-c", "protocol.file.allow=always"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def make_project(folder: Path, *, under_git: bool = True) -> Path:
    """train.py, model.py and config.yaml; data/, out/ and runs/ are ignored by git."""
    (folder / "data").mkdir(parents=True)
    (folder / "train.py").write_text(TRAIN)
    (folder / "model.py").write_text("SCALE = 1.0\n")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "data/numbers.txt").write_text("1\n2\n3\n")
    os.utime(folder / "data/numbers.txt", (1_700_000_000, 1_700_000_000))
    if under_git:
        (folder / ".gitignore").write_text("data/\nout/\nruns/\n__pycache__/\n")
        git(folder, "init", "-q", "-b", "trunk")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "first")
    return folder


def runs_of(folder: Path) -> list[Path]:
    """The run directories, oldest first."""
    return sorted(
        (path.parent for path in folder.glob("runs/*/run.json")), key=lambda run: run.stat().st_ctime
    )
