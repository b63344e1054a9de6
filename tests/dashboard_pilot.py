"""Drive the dashboard in tests: hand-made fleets, waiting without sleeping, the screen as text."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.cells import cell_len
from textual.pilot import Pilot

from guardrun.following.console import ConsoleText
from guardrun.following.saved import Saved
from guardrun.series.store import SYSTEM, Series
from guardrun.signals.model import Signal
from guardrun.state.model import CheckpointRef, Monitor, RunState, Status
from guardtui.app import Dashboard
from guardtui.widgets.chart import Chart
from run_factory import T0, run_state

GOLDENS = Path(__file__).parent / "dashboard" / "goldens"
MONITOR = Monitor("val/loss", "min", 0.3412, 0.3301, 400)
BEST = CheckpointRef("checkpoints/step-400-a1", 400, 0.3301, "0" * 64, True, bytes=12_345_678)
LAST = CheckpointRef("checkpoints/step-500-a1", 500, 0.3412, "0" * 64, None, bytes=12_345_678)
OVERFIT = Signal(
    "overfit", "warn", "warn", 400, 450, "val/loss rises since step 400 while train/loss falls",
    {"val_loss": 0.61, "best": 0.42, "evaluations": 5}, "stop here and use the best checkpoint",
)  # fmt: skip
NAN = Signal(
    "nan", "act", "abort", 480, 480, "train/loss became NaN at step 480", {"value": float("nan")},
    "lower the learning rate; look at the batch of that step",
)  # fmt: skip


class FakeStore:
    """Curves by name, in the shape of a SeriesStore."""

    def __init__(self, curves: dict[str, Series], machine: dict[str, float] | None = None) -> None:
        self.curves = curves
        self.machine = {name: _one_sample(name, value) for name, value in (machine or {}).items()}
        self.version = 1

    def names(self, rank: int = 0) -> list[str]:
        return list(self.curves if rank == 0 else self.machine if rank == SYSTEM else ())

    def ranks(self) -> list[int]:
        return [0] if self.curves else []

    def rows(self, rank: int = 0) -> int:
        return len(self.machine) if rank == SYSTEM else 0

    def get(self, name: str, rank: int = 0) -> Series:
        nothing = np.empty(0)
        empty = Series(name, nothing, nothing, nothing, nothing, np.empty(0, np.int32))
        return {0: self.curves, SYSTEM: self.machine}.get(rank, {}).get(name, empty)


def _one_sample(name: str, value: float) -> Series:
    one = np.ones(1)
    return Series(name, one, one, one, np.array([value]), np.ones(1, np.int32))


class FakeFollower:
    """A run whose state the test sets."""

    def __init__(
        self,
        state: RunState,
        curves: dict[str, Series] | None = None,
        console: Iterable[str] = (),
        machine: dict[str, float] | None = None,
    ) -> None:
        self.now = state
        self.series: Any = FakeStore(curves or {}, machine)
        self.console = list(console)
        self.text = ConsoleText()
        self.saved = Saved()
        self.launch: dict[str, Any] = {}
        self.proofs: dict[tuple[str, str], Any] = {}
        self.all_told: dict[str, list[Any]] = {}
        self.caught_up = True

    @property
    def curves(self) -> Any:
        return self.series

    def state(self, now: float | None = None) -> RunState:
        return self.now

    def open_console(self) -> FakeFollower:
        return self

    def read(self, lines: int) -> ConsoleText:
        """The console's end, as a ``ConsoleWindow`` hands it out."""
        shown = tuple(self.console[-lines:])
        first = len(self.console) - len(shown)
        if (shown, first) != (self.text.lines, self.text.first):
            self.text = ConsoleText(shown, first, first == 0)
        return self.text

    def list_saved(self) -> Saved:
        return self.saved


class FakeFleet:
    """Followers by path; ``changed`` is handed out once; ``fault`` is raised while it is set."""

    def __init__(self, *followers: FakeFollower) -> None:
        self.followers: dict[Path, FakeFollower] = {Path(f"/runs/{f.now.run_id}"): f for f in followers}
        self.changed: set[Path] = set()
        self.fault: Exception | None = None
        self.polls = 0
        self.hastened: list[Path] = []
        self.attended: tuple[Path, ...] = ()
        self.closed = False

    def poll(self, max_seconds: float) -> set[Path]:
        self.polls += 1
        if self.fault is not None:
            raise self.fault
        changed, self.changed = self.changed, set()
        return changed

    def attend(self, paths: Iterable[Path]) -> None:
        self.attended = tuple(paths)

    def hasten(self, path: Path) -> None:
        self.hastened.append(path)

    def close(self) -> None:
        self.closed = True

    def change(self, number: int, **changes: Any) -> None:
        """Give run ``number`` another state."""
        path = list(self.followers)[number]
        self.followers[path].now = run_state(**changes)
        self.changed.add(path)


def curves(steps: int = 500, *, broken_from: int | None = None) -> dict[str, Series]:
    """The series of a small training, the same ones every time."""
    step = np.arange(1.0, steps + 1)
    wave = 0.05 * np.sin(step * 1.7)
    loss = 0.2 + 2 * np.exp(-step / 120) + wave
    if broken_from is not None:
        loss[broken_from:] = np.nan
    values = {
        "train/loss": (loss, 1), "val/loss": (0.33 + 1.9 * np.exp(-step / 100), 50),
        "val/accuracy": (0.9 - 0.8 * np.exp(-step / 100), 50), "lr": (0.1 * (1 - step / 1000), 1),
        "grad_norm": (0.3 + np.exp(-step / 200) + np.abs(wave), 1), "samples_per_s": (1280 + 300 * wave, 1),
        "step_time": (0.05 + 0.02 * np.abs(wave), 1), "data_time": (0.005 + 0 * step, 1),
    }  # fmt: skip
    made = {}
    for name, (value, every) in values.items():
        at = slice(every - 1, None, every)
        ones = np.ones(len(step[at]), np.int32)
        made[name] = Series(name, step[at], T0 + step[at] * 0.05, step[at] // 100, value[at], ones)
    return made


def example_fleet() -> FakeFleet:
    """One run of nearly every kind; ages lie in the middle of the steps in which they are shown."""
    now = time.time()
    running = run_state(
        monitor=MONITOR, signals=(OVERFIT,), best=BEST, last=LAST, cost=0.12, run_id="a", last_event_t=now
    )
    aborted = run_state(
        name="resnet18-cifar10-augmented-lr0.1", run_id="b", group="lr-sweep", status=Status.ABORTED,
        reason="abort:nan", monitor=Monitor("val/accuracy", "max", float("nan"), 0.91, 300),
        signals=(OVERFIT, NAN), best=BEST, eta_s=None, last_event_t=now - 9000, silent_s=None,
    )  # fmt: skip
    finished = run_state(
        name="学習モデル", run_id="c", status=Status.FINISHED, reason="completed", step=1000, monitor=MONITOR,
        best=BEST, last=BEST, last_event_t=now - 1.5 * 86400, silent_s=None, eta_s=None,
    )  # fmt: skip
    unknown = run_state(
        name="plain-loop", run_id="d", total_steps=None, total_epochs=None, step=12345, can_save=False,
        supervised=False, eta_s=None, last_event_t=now,
    )  # fmt: skip
    hostile = run_state(
        name="[red]x[/]\x1b]0;pwned\x07\x1b[31m", run_id="e", status=Status.LOST, monitor=MONITOR,
        last_event_t=now - 5400, silent_s=None, eta_s=None,
    )  # fmt: skip
    hung = run_state(
        name="tiny", run_id="f", status=Status.HUNG, monitor=MONITOR, silent_s=330.0, last_event_t=now - 330
    )
    console = [f"epoch {n}: loss {1 / (n + 1):.4f}" for n in range(9)] + [
        "[bold]done[/] \x1b[2J\x1b]0;pwned\x07"
    ]
    return FakeFleet(
        FakeFollower(running, curves(), console), FakeFollower(aborted, curves(broken_from=470)),
        FakeFollower(finished, curves(1000)), FakeFollower(unknown, {}), FakeFollower(hostile, curves()),
        FakeFollower(hung, curves()),
    )  # fmt: skip


def dashboard(fleet: FakeFleet, **options: Any) -> Dashboard:
    """The app over a hand-made fleet."""
    return Dashboard([Path("runs")], make_fleet=lambda: fleet, **options)


def screen_text(app: Dashboard) -> str:
    """The characters of the screen, as the terminal would show them."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def layout_text(app: Dashboard) -> str:
    """The screen with each chart as a field of dots under its title: how charts look is tested elsewhere."""
    rows = [list(row.ljust(app.size.width)) for row in screen_text(app).splitlines()]
    if any(cell_len(char) != 1 for row in rows for char in row):
        rows = [_by_cells(row) for row in rows]
    for chart in app.screen.query(Chart):
        if chart.display and chart.region:
            x, y, width, height = chart.content_region
            for row in range(y, y + height):
                rows[row][x : x + width] = "·" * width
            rows[y][x : x + len(chart.model.title)] = chart.model.title
    return "\n".join("".join(row).rstrip() for row in rows)


def _by_cells(row: list[str]) -> list[str]:
    """One entry a terminal cell: a wide character is followed by an empty one."""
    return [part for char in row for part in ([char, ""] if cell_len(char) == 2 else [char])]


async def until(pilot: Pilot[None], predicate: Callable[[], object], seconds: float = 15.0) -> None:
    """Let the app work until the predicate holds."""
    deadline = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < deadline, f"never came to pass; the screen:\n{screen_text(pilot.app)}"  # type: ignore[arg-type]
        await pilot.pause(0.02)


async def shows(pilot: Pilot[None], *texts: str) -> str:
    """Wait until all texts are on the screen; the screen."""
    app: Any = pilot.app
    await until(pilot, lambda: all(text in screen_text(app) for text in texts))
    return screen_text(app)


def assert_golden(name: str, text: str) -> None:
    """Compare with goldens/<name>.txt; GUARD_UPDATE_GOLDENS=1 writes it anew."""
    file = GOLDENS / f"{name}.txt"
    if os.environ.get("GUARD_UPDATE_GOLDENS"):
        GOLDENS.mkdir(exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text + "\n"
