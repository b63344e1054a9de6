"""From the command to what is seen: help, first frame, list of many runs, curves of a long one."""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.dashboard_cost.place import Place, only
from benchmarks.dashboard_cost.table import Row
from benchmarks.dashboard_cost.terminal import Terminal

REPEATS: Final = 5
RUNS, STEPS, LONG = 200, 5_000, 1_000_000
_DOTS: Final = re.compile("[\u2801-\u28ff]")


def measure(place: Place) -> list[Row]:
    """About two minutes, most of it for writing the data."""
    return [*start(place), *first_screen(place), *long_run(place)]


def start(place: Place) -> list[Row]:
    """Help and first frame."""
    helped = [_help(place) for _ in range(REPEATS)]
    runs = place.runs("one", 1, STEPS)
    frames = [_until(lambda: place.watch(runs), lambda seen: "guard" in seen) for _ in range(REPEATS)]
    return [
        _row("start: guard watch --help", helped, 0.1),
        _row("start: to the first frame", frames, 0.5),
    ]


def _help(place: Place) -> tuple[float, float]:
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "guardrun.cli.main", "watch", "--help"]
    subprocess.run(command, env={**os.environ, **place.env}, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, time.monotonic() - begun


def _until(open_: Callable[[], Terminal], predicate: Callable[[str], object]) -> tuple[float, float]:
    """Processor seconds and seconds until the screen satisfies the predicate."""
    with open_() as terminal:
        seen = terminal.when(predicate)
        return terminal.processor_seconds(), seen - terminal.started


def _row(what: str, taken: list[tuple[float, float]], aim: float) -> Row:
    used, waited = (statistics.median(values) for values in zip(*taken, strict=True))
    return Row(what, used, aim, "s", f"processor time; {waited:.2f} s by the clock")


def first_screen(place: Place) -> list[Row]:
    """A cold list of many runs: usable, complete, and what it takes."""
    runs = place.runs("many", RUNS, STEPS)
    usable, complete, memory = [], [], []
    for number in range(3):
        with place.watch(runs, cache=f"cold{number}") as terminal:
            seen = terminal.when(lambda text: text.count("speed-0") >= 15 and text.count("val/loss") >= 15)
            usable.append((terminal.processor_seconds(), seen - terminal.started))
            seen = terminal.when(lambda text: f"{RUNS} runs" in text and "reading" not in text)
            complete.append((terminal.processor_seconds(), seen - terminal.started))
            terminal.settle(1.0, patience=5)
            memory.append(terminal.megabytes("VmHWM"))
    size = f"{RUNS} runs × {STEPS:,} steps × 8"
    return [
        _row(f"{size}, cold: a usable list", usable, 1.0),
        _row(f"{size}, cold: all summaries", complete, 5.0),
        Row(f"memory: {size}, at most", statistics.median(memory), 200, "MB"),
    ]


def long_run(place: Place) -> list[Row]:
    """One very long run: first curves, all of them, from the cache; less what a first frame of a list takes,
    for the run's own first frame comes with its curves."""
    (place.folder / "none").mkdir(exist_ok=True)
    frames = [
        _until(lambda: place.watch(place.folder / "none"), lambda text: "guard" in text)
        for _ in range(REPEATS)
    ]
    frame = (statistics.median(used for used, _ in frames), statistics.median(took for _, took in frames))
    run = only(place.runs("long", 1, LONG))
    cold = [_opening(place, run, f"long{number}", frame) for number in range(3)]
    cached = [_opening(place, run, "long0", frame) for _ in range(3)]
    size = f"one run of {LONG:,} steps × 8"
    return [
        _row(f"{size}: first curves", [each[0] for each in cold], 0.6),
        _row(f"{size}: all of them", [each[1] for each in cold], 2.0),
        _row(f"{size}: all, from the cache", [each[1] for each in cached], 0.3),
        Row(f"{size}: memory, at most", statistics.median(each[2] for each in cold), 300, "MB"),
    ]


def _opening(
    place: Place, run: Path, cache: str, frame: tuple[float, float]
) -> tuple[tuple[float, float], tuple[float, float], float]:
    with place.watch(run, cache=cache) as terminal:
        curves = terminal.when(lambda text: len(_DOTS.findall(text)) > 100) - terminal.started
        first = (terminal.processor_seconds() - frame[0], curves - frame[1])
        complete = terminal.when(lambda text: "reading" not in text and "step 1,000,000" in text)
        whole = (terminal.processor_seconds() - frame[0], complete - terminal.started - frame[1])
        time.sleep(1.0)
        return first, whole, terminal.megabytes("VmHWM")
