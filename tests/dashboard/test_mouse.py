"""What can be clicked and turned: names of panes, strips, entries of lists."""

from __future__ import annotations

import pytest
from textual import events

from dashboard_pilot import MONITOR, NAN, OVERFIT, FakeFleet, FakeFollower, curves, dashboard, shows, until
from guardtui.screens.run import RunScreen
from guardtui.text import line
from guardtui.viewmodel.run_status import pane_at
from run_factory import run_state


def fleet():
    state = run_state(monitor=MONITOR, signals=(NAN, OVERFIT))
    return FakeFleet(FakeFollower(state, curves(), ["epoch 1: loss 0.5"]))


def test_a_cell_of_the_status_line_belongs_to_a_pane_or_to_none():
    shown = line(
        ("1", "key"),
        (" charts", "strong"),
        "  ",
        ("2", "key"),
        (" signals", "dim"),
        "      ",
        ("x step", "dim"),
    )

    assert [pane_at(shown, x) for x in (0, 7, 8, 10, 18, 20, 30)] == [0, 0, None, 1, 1, None, None]


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=str)
async def test_panes_are_shown_by_a_click_on_their_names_and_on_their_strips(size):
    app = dashboard(fleet())
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "digits")
        await pilot.press("enter")
        text = await shows(pilot, "1 charts", "NaN at step 480")
        rows = text.splitlines()
        status = next(n for n, row in enumerate(rows) if "1 charts" in row)
        await pilot.click(offset=(rows[status].index("3"), status))
        await until(pilot, lambda: app.screen.pane.title == "system")
        await pilot.press("1")
        await shows(pilot, "NaN at step 480")
        signal = next(n for n, row in enumerate(rows) if "NaN at step 480" in row)
        await pilot.click(offset=(5, signal))
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane.title == "signals")


async def test_the_wheel_over_a_list_walks_it():
    app = dashboard(fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("enter", "2")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane.title == "signals")
        pane = app.screen.pane
        await until(pilot, lambda: pane.chosen_signal == NAN)
        for kind, chosen in ((events.MouseScrollDown, OVERFIT), (events.MouseScrollUp, NAN)):
            await pilot._post_mouse_events([kind], "#entries", offset=(4, 2), button=0)
            await until(pilot, lambda chosen=chosen: pane.chosen_signal == chosen)
