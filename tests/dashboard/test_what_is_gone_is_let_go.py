"""Runs that vanished and screens that were left take no memory: a dashboard stays open for weeks."""

from __future__ import annotations

import gc
import shutil
import tracemalloc
from pathlib import Path

import pytest
from textual._styles_cache import StylesCache
from textual.pilot import Pilot

from dashboard_pilot import dashboard, example_fleet, shows
from guardrun.events import schema
from guardrun.following import fleet as following
from guardrun.following.fleet import Fleet
from guardtui.reader import Reader
from guardtui.screens.fleet import FleetScreen
from guardtui.snapshot import Wants
from guardtui.viewmodel.filtering import parse
from guardtui.viewmodel.listing import Lister, Wish
from guardtui.viewmodel.ordering import BY_KEY
from run_factory import RunWriter
from waiting import wait_for

AT_ONCE = 25
KEPT_KB = 6.0
"""What may stay of a run that vanished, in the mean."""


class Listing:
    """The list of runs over real files, from their tails to the rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fleet = Fleet([folder])
        self.reader = Reader((str(folder),))
        self.lister = Lister()
        self.made = 0

    def come_and_go(self) -> None:
        """Some runs appear, are read and listed in every order, and vanish."""
        runs = [self._run() for _ in range(AT_ONCE)]
        wait_for(lambda: self._look() == AT_ONCE and all(view.state.step == 29 for view in self.reader.views))
        for order in BY_KEY:
            wish = Wish(order=order.id, by="group", sought=parse("digits step>1 lr<1"))
            assert len(self.lister.listed(self.reader.views, wish).runs) == AT_ONCE
        for run in runs:
            shutil.rmtree(run.paths.root)
        wait_for(lambda: self._look() == 0)

    def _run(self) -> RunWriter:
        self.made += 1
        run = RunWriter(self.folder, suffix=f"{self.made:04}")
        run.launch(config={"lr": 0.1, "model": {f"layer{n}": n for n in range(20)}})
        run.start()
        for step in range(1, 30):
            run.event(schema.METRICS, step=step, **{"train/loss": 1 / step, "lr": 0.1})
        return run

    def _look(self) -> int:
        self.reader.read(self.fleet, Wants(metrics=("*loss",)))
        return len(self.reader.views)


def test_runs_that_vanished_leave_next_to_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "DISCOVER_S", 0.0)
    listing = Listing(tmp_path)
    tracemalloc.start()
    try:
        for _ in range(3):
            listing.come_and_go()
        gc.collect()
        before, made = tracemalloc.get_traced_memory()[0], listing.made
        for _ in range(3):
            listing.come_and_go()
        gc.collect()
        kept = (tracemalloc.get_traced_memory()[0] - before) / 1e3 / (listing.made - made)
        largest = "\n".join(map(str, tracemalloc.take_snapshot().statistics("lineno")[:10]))
    finally:
        tracemalloc.stop()
    listing.fleet.close()
    assert kept < KEPT_KB, f"{kept:.1f} kB of each run:\n{largest}"


async def _open_and_leave(pilot: Pilot[None]) -> None:
    await pilot.press("enter")
    await shows(pilot, "train/loss")
    await pilot.press("2", "3", "escape", "escape")
    await pilot.pause()
    assert isinstance(pilot.app.screen, FleetScreen)


async def test_what_was_drawn_of_a_run_goes_with_its_screen() -> None:
    """The toolkit kept every row that any widget had drawn: two megabytes a run in a tall terminal."""
    app = dashboard(example_fleet())
    async with app.run_test(size=(100, 40)) as pilot:
        await shows(pilot, "resnet18")
        await _open_and_leave(pilot)
        gc.collect()
        before = _drawn()
        for _ in range(3):
            await _open_and_leave(pilot)
        gc.collect()
        assert _drawn() <= before + 2


def _drawn() -> int:
    return sum(type(each) is StylesCache for each in gc.get_objects())
