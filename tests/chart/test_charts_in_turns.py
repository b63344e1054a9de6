"""A page that takes long to draw: what is looked at comes first, a later wish replaces what is not drawn."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from guardtui import sweeping
from guardtui.chart.draw import draw
from guardtui.chart.model import ChartModel, Curve
from guardtui.viewmodel.grid import Grid
from guardtui.widgets import chart, chart_grid
from guardtui.widgets.chart_grid import ChartGrid

PAGE = Grid(3, 2)


def models(**changes: object) -> list[ChartModel]:
    x = np.arange(40.0)
    made = [ChartModel(f"m{number}", (Curve("", x, 1 + x * number),)) for number in range(6)]
    return [replace(each, **changes) for each in made]  # type: ignore[arg-type]


class OneGrid(App[None]):
    """An app of nothing but a page of charts."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = ChartGrid()
        self.caught_up = 0

    def compose(self) -> ComposeResult:
        yield self.grid

    def on_chart_grid_drawn(self) -> None:
        self.caught_up += 1


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Title and axis of every chart that is drawn, in this order; a turn has no time for a second one."""
    found: list[tuple[str, bool]] = []

    def noted(model: ChartModel, *args: object, **options: object) -> object:
        found.append((model.title, model.log_y))
        return draw(model, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(chart_grid, "_TURN_S", 0.0)
    monkeypatch.setattr(chart, "draw", noted)
    return found


async def all_drawn(pilot: Pilot[None]) -> None:
    """Until the last of the page's charts has had its turn."""
    assert isinstance(pilot.app, OneGrid)
    while not pilot.app.caught_up:
        await pilot.pause(0.02)
    pilot.app.caught_up = 0


async def test_the_first_and_the_chosen_chart_are_drawn_at_once_and_the_others_one_after_the_other(
    drawn: list[tuple[str, bool]],
) -> None:
    app = OneGrid()
    async with app.run_test(size=(120, 40)) as pilot:
        app.grid.show(models(), PAGE, 3)
        await all_drawn(pilot)
        drawn.clear()
        app.grid.show(models(log_y=True), PAGE, 3)
        assert drawn == [("m0", True), ("m3", True)]
        await all_drawn(pilot)
        assert sorted(drawn) == [(f"m{number}", True) for number in range(6)]
        assert all("1┤" in each.frame.text() for each in app.grid.shown if each.frame is not None)


async def test_what_was_not_drawn_when_the_next_key_came_never_is(drawn: list[tuple[str, bool]]) -> None:
    app = OneGrid()
    async with app.run_test(size=(120, 40)) as pilot:
        app.grid.show(models(), PAGE, None)
        await all_drawn(pilot)
        drawn.clear()
        app.grid.show(models(log_y=True), PAGE, None)
        app.grid.show(models(log_y=False), PAGE, None)
        await all_drawn(pilot)
        assert [each for each in drawn if each[1]] == [("m0", True)]
        assert {title for title, log in drawn if not log} == {f"m{number}" for number in range(6)}


async def test_charts_that_wait_longest_are_drawn_first_however_often_there_is_news(
    drawn: list[tuple[str, bool]],
) -> None:
    app = OneGrid()
    async with app.run_test(size=(120, 40)) as pilot:
        app.grid.show(models(), PAGE, None)
        await all_drawn(pilot)
        drawn.clear()
        for _ in range(1000):
            app.grid.show(models(), PAGE, None)
            await pilot.pause(0.01)
            if len({title for title, _ in drawn}) == 6:
                break
        assert {title for title, _ in drawn} == {f"m{number}" for number in range(6)}


async def test_a_chart_that_is_not_on_the_page_any_more_is_not_drawn(drawn: list[tuple[str, bool]]) -> None:
    app = OneGrid()
    async with app.run_test(size=(120, 40)) as pilot:
        app.grid.show(models(), PAGE, None)
        await all_drawn(pilot)
        drawn.clear()
        app.grid.show(models(log_y=True), PAGE, None)
        app.grid.show(models(log_y=True)[:2], PAGE, None)
        await all_drawn(pilot)
        assert {title for title, log in drawn if log} == {"m0", "m1"}


def test_what_is_there_at_the_start_is_put_aside_once_and_never_swept_again() -> None:
    sweeping.settle()
    before = gc.get_freeze_count()
    sweeping.settle()
    assert gc.get_freeze_count() == before > 0
