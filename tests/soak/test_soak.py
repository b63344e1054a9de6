"""The dashboard left open over a hundred trainings that write, come and go: it stays well, whole and small.

Twenty seconds here; ``make soak`` sets GUARD_SOAK_SECONDS to ten minutes.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from benchmarks.dashboard_cost.terminal import NeverShown, Terminal

from guardrun.events import schema
from guardrun.events.encode import encode
from run_factory import RunWriter

SECONDS = float(os.environ.get("GUARD_SOAK_SECONDS", "20"))
WRITERS, STAYING = 100, 20
RATE = 10.0
ESCAPES = 12
WARM = 1
"""Rounds in which everything is used for the first time."""
KEPT_KB = 100.0
"""Growth for each run that was replaced. Memory is seen from outside, and 20 seconds are short: what stays of
a run is measured exactly by the dashboard's own tests."""
KEYS = ("G", "\r", "2", "1", "\r", "\x1b", "\x1b", "j", "j", "g", "o", "\r", "3", "4", "\x1b", "\x1b", "k")
"""Into runs, panes and back: they may vanish meanwhile."""


class Trainings(threading.Thread):
    """Some write to the end; the others live a few seconds, vanish, and are followed by new ones."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.over = threading.Event()
        self.made = 0
        self.draw = random.Random(0)
        self.living = [self._new() for _ in range(WRITERS)]

    def _new(self) -> RunWriter:
        self.made += 1
        run = RunWriter(self.folder, f"run-{self.made:05d}", suffix=f"{self.made:05d}", t=time.time())
        run.start(total_steps=100_000)
        run.supervise()
        run.launch()
        run.console(f"training {self.made}\n")
        return run

    def run(self) -> None:
        due = time.monotonic()
        for turn in itertools.count():
            if self.over.is_set():
                return
            self._write(self.living[turn % WRITERS])
            if turn % 100 == 0:
                self._replace(STAYING + self.draw.randrange(WRITERS - STAYING))
            due += 1 / (RATE * WRITERS)
            time.sleep(max(0.0, due - time.monotonic()))

    def _write(self, run: RunWriter) -> None:
        run.step += 1
        run.t = time.time()
        kind = schema.EVAL if run.step % 20 == 0 else schema.METRICS
        name = "val/loss" if kind == schema.EVAL else "train/loss"
        value = "NaN" if self.draw.random() < 0.001 else self.draw.random()
        event = {"t": run.t, "seq": run.step, "kind": kind, "step": run.step, name: value, "lr": 0.1}
        with open(run.paths.events(), "ab") as stream:
            stream.write(encode(event))

    def _replace(self, number: int) -> None:
        gone = self.living[number]
        if self.draw.random() < 0.5:
            gone.end()
        shutil.rmtree(gone.paths.root)
        self.living[number] = self._new()


@pytest.mark.terminal
@pytest.mark.timeout(SECONDS + 120)
def test_a_hundred_trainings_come_and_go_and_memory_stays_flat(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    trainings = Trainings(runs)
    trainings.start()
    command = [sys.executable, "-m", "guardrun.cli.main", "watch", str(runs)]
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "OMP_NUM_THREADS": "1"}
    with Terminal(command, width=140, height=240, env=env) as terminal:
        terminal.shows(f"{WRITERS} runs")
        rounds = _live(terminal, trainings)
        trainings.over.set()
        trainings.join()
        text = _complete(terminal, trainings)
        assert f"{WRITERS} runs" in text
        assert "cannot" not in text, text
        assert "Traceback" not in terminal.everything

    before, after = rounds[WARM], rounds[-1]
    replaced = after.made - before.made
    assert replaced > SECONDS
    kept = (after.megabytes - before.megabytes) * 1024 / replaced
    assert kept < KEPT_KB, f"{kept:.0f} kB for each of {replaced} runs: {rounds}"


class Round(NamedTuple):
    """All keys once."""

    made: int
    """How many runs there had been."""
    megabytes: float
    """Memory of the dashboard, in the middle of what it was."""


def _live(terminal: Terminal, trainings: Trainings) -> list[Round]:
    """Use the dashboard all the time."""
    rounds: list[Round] = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until or len(rounds) < WARM + 3:
        memory = []
        for key in KEYS:
            terminal.press(key)
            time.sleep(0.25)
            terminal.look()
            memory.append(terminal.megabytes())
        rounds.append(Round(trainings.made, round(statistics.median(memory), 1)))
        # Keys that a busy machine has not come to yet must not pile up.
        _escape_until(terminal, lambda text: f"{WRITERS} runs" in text)
    return rounds


def _complete(terminal: Terminal, trainings: Trainings) -> str:
    """Wait until every run is listed, by its name and none beside them."""
    names = {f"run-{run.paths.root.name[-5:]}" for run in trainings.living}
    _escape_until(terminal, lambda text: all(name in text for name in names))
    return terminal.screen.text


def _escape_until(terminal: Terminal, predicate: Callable[[str], object]) -> None:
    """Esc, and again while nothing comes of it: a busy machine may take it and the next key for one."""
    for _ in range(ESCAPES):
        terminal.press("\x1b")
        try:
            terminal.when(predicate, 5.0)
            return
        except NeverShown:
            continue
    raise AssertionError(f"no way back to the list:\n{terminal.look()}")
