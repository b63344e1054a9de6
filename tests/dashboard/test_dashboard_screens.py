"""The app driven by keys and mouse, over hand-made runs: what is on the screen at each size."""

from __future__ import annotations

import pytest

from dashboard_pilot import (
    FakeFleet,
    FakeFollower,
    assert_golden,
    curves,
    dashboard,
    example_fleet,
    layout_text,
    screen_text,
    shows,
    until,
)  # fmt: skip
from guardtui.screens.fleet import FleetScreen
from guardtui.screens.run import RunScreen
from guardtui.theme import THEMES, first_theme, next_theme
from guardtui.widgets.chart import Chart
from guardtui.widgets.fleet_table import FleetTable
from run_factory import run_state

SIZES = [(80, 24), (120, 40), (200, 50)]


def shown_charts(app):
    return [chart for chart in app.screen.query(Chart) if chart.display]


def table_lines(text):
    return [each for each in text.splitlines() if each[4:5] in "▲●◌?✓◔"]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_list_of_runs_looks_like_its_golden(size):
    app = dashboard(example_fleet())
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "digits", "△ overfit")
        if size[0] > 80:
            await until(pilot, lambda: any(chart.frame for chart in shown_charts(app)))
            await pilot.pause()

        assert_golden(f"fleet-{size[0]}x{size[1]}", layout_text(app))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_run_looks_like_its_golden(size):
    app = dashboard(example_fleet())
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "enter")
        await shows(pilot, "gradient norm" if size[0] > 80 else "accuracy", "1 charts")
        await until(pilot, lambda: all(chart.frame for chart in shown_charts(app)))
        await pilot.pause()

        assert_golden(f"run-{size[0]}x{size[1]}", layout_text(app))


@pytest.mark.parametrize(("size", "least", "most"), [((80, 24), 2, 4), ((120, 40), 4, 6), ((200, 50), 6, 9)])
async def test_a_screen_shows_as_many_charts_as_fit(size, least, most):
    app = dashboard(example_fleet())
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and len(shown_charts(app)) > 1)

        assert least <= len(shown_charts(app)) <= most


async def test_an_empty_folder_shows_how_to_start_and_runs_appear_by_themselves():
    fleet = FakeFleet()
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "No runs in runs yet.", "guard run config.yaml", "guard demo")

        fleet.followers = example_fleet().followers

        await shows(pilot, "digits", "6 runs in runs")
        assert "guard demo" not in screen_text(app)


async def test_keys_move_the_selection_and_it_stays_on_its_run():
    fleet = example_fleet()
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("j", "down", "k")
        assert app.screen.selected.state.name == "digits"

        await pilot.press("o", "o", "o")
        await shows(pilot, "by name")
        assert app.screen.selected.state.name == "digits"
        await pilot.press("G")
        assert app.screen.selected.state.name == "学習モデル"
        await pilot.press("g")
        assert app.screen.selected.state.name.startswith("[red]")


@pytest.mark.parametrize("size", SIZES[1:], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_preview_follows_the_selection(size):
    app = dashboard(example_fleet())
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "▲ aborted because of nan", "NaN from 471")
        await pilot.press("down")
        await shows(pilot, "● running  digits", "last kept: step 500")
        await until(pilot, lambda: "NaN from 471" not in screen_text(app))
        await pilot.press("down", "down")
        await shows(pilot, "plain-loop  unsupervised")
        await until(pilot, lambda: not shown_charts(app))


async def test_more_runs_than_rows_scroll_with_the_selection():
    fleet = FakeFleet(
        *(FakeFollower(run_state(run_id=f"{n:03}", name=f"run-{n:03}", created=-n)) for n in range(60))
    )
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "run-000")
        await pilot.press("end")
        text = await shows(pilot, "run-059")
        assert "run-000" not in text
        await pilot.press("pageup", "pageup", "pageup")
        await shows(pilot, "▌  ● running  run-029")


async def test_the_filter_lists_matching_runs_and_escape_clears_it():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits", "tiny")
        await pilot.press("slash", *"hung")
        await until(pilot, lambda: "digits" not in screen_text(app))
        assert "1 of 6 runs with “hung”" in screen_text(app)
        await pilot.press("enter")
        await pilot.press("slash", *"xyz")
        await shows(pilot, "No run matches “hungxyz”")
        await pilot.press("escape")
        await shows(pilot, "digits", "tiny")


async def test_the_mouse_selects_opens_and_scrolls():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shows(pilot, "digits")
        row = next(number for number, each in enumerate(text.splitlines()) if "tiny" in each)
        await pilot.click(offset=(20, row))
        assert app.screen.selected.state.name == "tiny"
        app.screen.query_one(FleetTable).post_message(FleetTable.Opened())
        await shows(pilot, "◌ hung  tiny")
        await pilot.press("escape")
        await pilot.double_click(offset=(20, row))
        await shows(pilot, "◌ hung  tiny")


async def test_keys_change_axes_page_and_zoom():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "enter")
        await shows(pilot, "page 1 of", "1 charts")
        await pilot.press("y", "x", "z")
        await shows(pilot, "x epoch", "log y", "smoothed")
        await pilot.press("n")
        await shows(pilot, "page 2 of", "gradient norm")
        await pilot.press("p", "tab", "tab", "f")
        await shows(pilot, "chart 2 of", "accuracy")
        assert len(shown_charts(app)) == 1
        await pilot.press("escape")
        await shows(pilot, "page 1 of")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


async def test_the_console_can_be_some_lines_many_or_none():
    app = dashboard(example_fleet())
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "enter")
        text = await shows(pilot, "epoch 8: loss 0.1111", "[bold]done[/]")
        assert "epoch 2:" not in text
        await pilot.press("l")
        await shows(pilot, "epoch 2:")
        await pilot.press("l")
        await until(pilot, lambda: "epoch 8:" not in screen_text(app))


async def test_a_resize_rearranges_everything():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "enter")
        await shows(pilot, "page 1 of")
        for size in ((200, 50), (40, 12), (20, 5), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await shows(pilot, "page 1 of 2" if "page 1 of 2" in screen_text(app) else "charts", "gradient norm")


@pytest.mark.parametrize("size", [(10, 3), (30, 8), (60, 15)], ids=str)
async def test_tiny_terminals_are_survived(size):
    app = dashboard(example_fleet())
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        for key in ("down", "enter", "n", "f", "i", "escape", "escape", "s", "escape", "question_mark"):
            await pilot.press(key)

        assert app.return_code is None


async def test_a_fault_of_the_feed_is_seen_on_every_screen_and_goes_away():
    fleet = example_fleet()
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        fleet.fault = OSError("Stale file handle")
        await shows(pilot, "cannot read the runs (OSError: Stale file handle); trying again", "digits")
        await pilot.press("down", "enter")
        await shows(pilot, "Stale file handle")
        fleet.fault = None
        await until(pilot, lambda: "Stale" not in screen_text(app))


async def test_the_dashboard_opens_on_the_run_it_was_asked_for():
    fleet = example_fleet()
    app = dashboard(fleet, focus=next(iter(fleet.followers)))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "● running  digits", "loss")
        await pilot.press("escape")
        await shows(pilot, "6 runs in runs")


async def test_a_new_snapshot_changes_only_what_is_new():
    fleet = FakeFleet(FakeFollower(run_state(run_id="a"), curves()))
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "50%")
        fleet.change(0, run_id="a", step=600)
        await shows(pilot, "60%")


async def test_i_shows_where_the_selected_run_comes_from():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 40)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "i")
        await shows(pilot, "7 origin", "folder", "supervised", "can save")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


async def test_every_look_can_be_had_by_a_key():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shows(pilot, "digits")
        looks = {app.theme}
        for _ in THEMES:
            await pilot.press("t")
            await pilot.pause()
            looks.add(app.theme)
            assert screen_text(app) == text

    assert looks == {theme.name for theme in THEMES}


def test_the_first_look_follows_the_terminal():
    assert first_theme({}) == "guard-dark"
    assert first_theme({"COLORFGBG": "0;15"}) == "guard-light"
    assert first_theme({"COLORFGBG": "15;0"}) == "guard-dark"
    assert first_theme({"NO_COLOR": "1"}) == "guard-terminal"
    assert first_theme({"GUARD_THEME": "light", "NO_COLOR": "1"}) == "guard-light"
    assert next_theme("guard-terminal") == "guard-dark"
