"""A screen is painted once, when all that belongs to it has its place."""

from __future__ import annotations

import pytest
from textual._compositor import LayoutUpdate

from dashboard_pilot import FakeFleet, FakeFollower, dashboard, example_fleet, screen_text, shows, until
from guardtui.screens.run import RunScreen
from guardtui.screens.together import TogetherScreen
from run_factory import run_state


@pytest.fixture
def painted(monkeypatch):
    """Every picture of a whole screen or of parts that is sent to the terminal."""
    monkeypatch.setattr("guardtui.screens.whole._PATIENCE_S", 3.0)
    monkeypatch.setattr("guardtui.screens.whole._SETTLED_S", 0.1)
    found = []

    def begin(app):
        def display(screen, renderable):
            if renderable is not None and not app._batch_count:
                found.append((type(screen).__name__, isinstance(renderable, LayoutUpdate), screen_text(app)))

        monkeypatch.setattr(app, "_display", display)
        return found

    return begin


@pytest.mark.parametrize(("keys", "kind"), [(("enter",), RunScreen), (("ctrl+a", "v"), TogetherScreen)])
async def test_a_screen_with_charts_is_first_seen_whole(painted, keys, kind):
    fleet = example_fleet()
    for follower in fleet.followers.values():
        follower.now = run_state(run_id=follower.now.run_id, status=follower.now.status)
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        *before, last = keys
        await pilot.press(*before)
        found = painted(app)
        await pilot.press(last)
        await until(pilot, lambda: any(name == kind.__name__ for name, _, _ in found))

    first = next(text for name, _, text in found if name == kind.__name__)
    assert "step" in first
    assert "loss" in first
    assert "q quit" in first


async def test_back_in_the_list_it_is_painted_once(painted):
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "enter")
        await shows(pilot, "accuracy")
        await until(pilot, lambda: app.screen._painting)
        found = painted(app)
        await pilot.press("escape")
        await until(pilot, lambda: found)
        await pilot.pause(0.1)

    assert [name for name, _, _ in found] == ["FleetScreen"]


async def test_whoever_waits_for_curves_sees_the_rest_meanwhile(monkeypatch):
    monkeypatch.setattr("guardtui.screens.whole._PATIENCE_S", 0.05)
    slow = FakeFollower(run_state(run_id="a"))
    slow.caught_up = False
    app = dashboard(FakeFleet(slow))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        monkeypatch.setattr("guardtui.screens.whole.WholeScreen.complete", lambda self: None)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen._painting)
        await shows(pilot, "1 charts")
