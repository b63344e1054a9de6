"""While trainings write: how soon it is seen, what it costs, how many bytes, how quick keys are."""

from __future__ import annotations

import json
import re
import statistics
import time
from pathlib import Path
from typing import Final

from benchmarks.dashboard_cost.place import Place, only
from benchmarks.dashboard_cost.table import Row
from benchmarks.dashboard_cost.terminal import Terminal

WINDOW_S: Final = 12.0
RATE: Final = 10.0
_STEP: Final = re.compile(r"step ([\d,]+) of")


def measure(place: Place) -> list[Row]:
    """About two minutes."""
    return [*idle(place), *one_run(place), *many_runs(place), latency(place), *keys(place)]


def cost(terminal: Terminal, seconds: float = WINDOW_S) -> tuple[float, float]:
    """Percent of a core, and bytes a second."""
    used, sent, begun = terminal.processor_seconds(), terminal.sent, time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begun
    return 100 * (terminal.processor_seconds() - used) / took, (terminal.sent - sent) / took


def idle(place: Place) -> list[Row]:
    """Nothing happens: runs that are over, and live ones that are silent (their ages grow)."""
    rows = []
    for name, runs in (
        ("200 runs, over", place.runs("many", 200, 5_000)),
        ("200 runs, live but silent", place.runs("silent", 200, 500, live=True)),
    ):
        with place.watch(runs) as terminal:
            terminal.when(lambda text: "200 runs" in text and "reading" not in text)
            terminal.settle()
            used, sent = cost(terminal)
            rows.append(Row(f"CPU idle, {name}", used, 1, "%", f"{sent:.0f} B/s sent"))
    runs = place.runs("quiet", 1, 3_000)
    with place.watch(only(runs)) as terminal:
        terminal.shows("loss")
        terminal.settle()
        used, sent = cost(terminal)
        rows.append(Row("CPU idle, one run", used, 1, "%"))
        rows.append(Row("bytes idle, one run", sent, 0, "B/s"))
    return rows


def one_run(place: Place) -> list[Row]:
    """One live run on its own screen: several charts, then one."""
    runs = place.runs("live", 1, 3_000, live=True)
    with place.writing(runs, RATE), place.watch(only(runs)) as terminal:
        terminal.shows("loss")
        time.sleep(3)
        several = cost(terminal)
        terminal.press("\r")
        time.sleep(2)
        one = cost(terminal)
        memory = terminal.megabytes("VmHWM")
    return [
        Row("CPU, one run at 10 events/s, one chart", one[0], 2, "%"),
        Row("CPU, one run at 10 events/s, several charts", several[0], 2, "%"),
        Row("bytes, 120x40, one chart at 10 events/s", one[1] / 1e3, 0.6, "kB/s"),
        Row("bytes, 120x40, four charts at 10 events/s", several[1] / 1e3, 1.5, "kB/s"),
        Row("memory: one run", memory, 80, "MB"),
    ]


def many_runs(place: Place) -> list[Row]:
    """A hundred live runs in the list."""
    runs = place.runs("hundred", 100, 3_000, live=True)
    with place.writing(runs, RATE), place.watch(runs) as terminal:
        terminal.when(lambda text: "100 runs" in text and "reading" not in text)
        time.sleep(3)
        used, sent = cost(terminal)
    return [Row("CPU, 100 runs × 10 events/s", used, 15, "%", f"{sent:.0f} B/s sent")]


def latency(place: Place) -> Row:
    """From an event on disk (by its own time) to the screen that shows its step; pauses of every length."""
    runs = place.runs("late", 1, 3_000, live=True)
    run = only(runs)
    with place.writing(runs, 2.0, regular=False), place.watch(run) as terminal:
        terminal.shows("loss")
        time.sleep(2)
        offset = time.time() - time.monotonic()
        first = _shown(terminal)
        shown: list[tuple[int, float]] = []
        until = time.monotonic() + 30
        while time.monotonic() < until:
            at = _beyond(terminal, shown[-1][0] if shown else first)
            shown.append((_step(terminal.screen.text), at + offset))
    written = _times(run)
    steps = range(first + 1, shown[-1][0] + 1)
    waits = [next(at for seen, at in shown if seen >= step) - written[step] for step in steps]
    waits.sort()
    p95 = waits[int(0.95 * (len(waits) - 1))]
    middle = f"median {1e3 * statistics.median(waits):.0f} ms of {len(waits)} events"
    return Row("event on disk to changed screen, p95", 1e3 * p95, 300, "ms", middle)


def _shown(terminal: Terminal) -> int:
    terminal.when(lambda text: _step(text) > 0)
    return _step(terminal.screen.text)


def _beyond(terminal: Terminal, step: int) -> float:
    return terminal.when(lambda text: _step(text) > step)


def _step(text: str) -> int:
    found = _STEP.search(text)
    return int(found[1].replace(",", "")) if found else 0


def _times(run: Path) -> dict[int, float]:
    lines = (run / "events.jsonl").read_bytes().splitlines()
    events = [json.loads(line) for line in lines]
    return {event["step"]: event["t"] for event in events if event["kind"] == "metrics"}


def keys(place: Place) -> list[Row]:
    """Cursor keys in a list of a hundred growing runs, and while a long history is read."""
    rows = []
    runs = place.runs("hundred", 100, 3_000, live=True)
    with place.writing(runs, RATE), place.watch(runs) as terminal:
        terminal.when(lambda text: "100 runs" in text and "reading" not in text)
        rows.append(_keys(terminal, "while 100 runs grow", 40))
    with place.watch(place.runs("many", 200, 5_000), cache="keys") as terminal:
        terminal.when(lambda text: text.count("speed-0") >= 15)
        rows.append(_keys(terminal, "while history is read", 12))
    return rows


def _keys(terminal: Terminal, when: str, count: int) -> Row:
    """How long until the cursor has moved: the row of its mark is another one."""
    waits = []
    for number in range(count):
        before = _cursor(terminal)
        at = terminal.press("\x1b[B" if number % 2 == 0 else "\x1b[A")
        moved = _moved(terminal, before)
        waits.append(1e3 * (moved - at))
        time.sleep(0.12)
    waits.sort()
    p95 = waits[int(0.95 * (len(waits) - 1))]
    return Row(f"key press answered, {when}, p95", p95, 50, "ms", f"median {statistics.median(waits):.0f} ms")


def _cursor(terminal: Terminal) -> int:
    terminal.when(lambda text: _row_of_cursor(text) >= 0)
    return _row_of_cursor(terminal.look())


def _moved(terminal: Terminal, row: int) -> float:
    return terminal.when(lambda text: _row_of_cursor(text) not in (row, -1))


def _row_of_cursor(text: str) -> int:
    rows = [number for number, row in enumerate(text.split("\n")) if row.startswith(" ▌")]
    return rows[0] if rows else -1
