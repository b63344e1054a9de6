"""The charts of a run, driven by every key and the mouse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from textual import events
from textual.widgets import Input

from dashboard_pilot import (
    BEST,
    FakeFleet,
    FakeFollower,
    FakeStore,
    assert_golden,
    curves,
    dashboard,
    example_fleet,
    layout_text,
    screen_text,
    shows,
    until,
)  # fmt: skip
from guardrun.series.store import Series
from guardtui.keys import keys_for
from guardtui.panes.charts import ChartsPane
from guardtui.screens.export import ExportScreen
from guardtui.screens.run import RunScreen
from guardtui.settings import SettingsStore
from guardtui.viewmodel.chart_source import RunSource
from guardtui.viewmodel.chart_view import ChartView
from guardtui.viewmodel.x_window import Window
from guardtui.widgets.chart_board import ChartBoard
from run_factory import run_state

RUN = Path("/runs/a")


def board_of(app):
    return app.screen.query_one(ChartBoard)


def readouts(app):
    return {chart.model.readout for chart in board_of(app).charts}


def many(count, steps=40):
    """Curves of as many metrics."""
    step = np.arange(1.0, steps + 1)
    ones = np.ones(steps, np.int32)
    return {
        f"metric/{n:03}": Series(f"metric/{n:03}", step, step, step // 10, np.sin(step / (n + 1)), ones)
        for n in range(count)
    }


async def opened(pilot):
    """The charts of the example's first run, drawn."""
    await shows(pilot, "digits", "1 charts")
    await until(pilot, lambda: any(chart.frame for chart in board_of(pilot.app).charts))
    return board_of(pilot.app)


async def test_keys_zoom_pan_and_go_back_and_the_status_says_which_part_is_shown():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(120, 30)) as pilot:
        board = await opened(pilot)
        await pilot.press("plus")
        await shows(pilot, "step 250–500 of 500 following")
        assert {chart.model.x_range for chart in board.charts} == {(250.0, 500.0)}
        await pilot.press("left")
        assert board.view.window == (218.75, 468.75, False)
        await pilot.press("shift+left", "home")
        await shows(pilot, "step 1–251 of 500")
        await pilot.press("right", "shift+right", "end")
        assert board.view.window.follows
        await pilot.press("minus")
        assert board.view.window is None
        await pilot.press("plus", "plus", "0")
        assert board.view.window is None
        await pilot.press("plus", "escape")
        assert board.view.window is None
        assert {chart.model.x_range for chart in board.charts} == {None}
        assert isinstance(app.screen, RunScreen)


async def test_the_cursor_reads_every_chart_at_one_place_and_names_what_happened_there():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(120, 30)) as pilot:
        board = await opened(pilot)
        await pilot.press("w")
        await shows(pilot, "step 500 · epoch 5.00 · time 25")
        dot = board.shown_span.width / (board.plot_cells * board.dots)
        await pilot.press("left", "shift+left")
        assert board.view.cursor == pytest.approx(500 - 11 * dot)
        assert readouts(app) == {board.view.cursor}
        for _ in range(60):
            if abs(board.view.cursor - 400) <= dot:
                break
            await pilot.press("left")
        await shows(pilot, "best checkpoint")
        await pilot.press("home")
        assert board.view.cursor == 1.0
        await pilot.press("end", "right")
        assert board.view.cursor == 500.0
        await pilot.press("w")
        assert readouts(app) == {None}


async def test_a_zoom_is_around_the_cursor_and_goes_along_with_it():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(120, 30)) as pilot:
        board = await opened(pilot)
        await pilot.press("w", "home", "plus", "plus")
        assert board.view.window.low == 1.0
        before = board.view.window
        for _ in range(30):
            await pilot.press("shift+right")
        assert board.view.window.low > before.low
        assert board.view.window.span.holds(board.view.cursor)


async def test_axes_scale_smoothing_and_clipping_are_keys_and_said():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(140, 30)) as pilot:
        board = await opened(pilot)
        await pilot.press("y", "z", "u")
        await shows(pilot, "log y", "smoothed 0.9", "no outliers")
        await pilot.press("less_than_sign", "less_than_sign")
        await shows(pilot, "smoothed 0.5")
        await pilot.press(*["greater_than_sign"] * 5)
        await shows(pilot, "smoothed 0.99")
        assert board.charts[0].model.smoothing == 0.99
        await pilot.press("x")
        await shows(pilot, "x epoch")
        await pilot.press("x")
        await shows(pilot, "x time")
        await pilot.press("x")
        assert board.view.options.axis == "step"


async def test_outliers_that_are_clipped_are_counted():
    run = curves()
    spiked = run["grad_norm"].value.copy()
    spiked[[100, 200]] = 900.0
    run["grad_norm"] = replace(run["grad_norm"], value=spiked)
    app = dashboard(FakeFleet(FakeFollower(run_state(run_id="a"), run)), focus=RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("u")
        await shows(pilot, "2 outliers outside")


async def test_another_axis_keeps_the_part_that_is_shown_and_the_cursor():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(120, 30)) as pilot:
        board = await opened(pilot)
        await pilot.press("plus", "w", "x")
        await shows(pilot, "epoch 5.00", "epoch 2.50–5.00")
        assert (board.view.window.low, board.view.window.high) == (2.5, 5.0)
        await pilot.press("x", "x")
        assert board.view.window.span == pytest.approx((250.0, 500.0))
        assert board.view.cursor == pytest.approx(500.0)


async def test_columns_are_fewer_or_more_and_rows_follow():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        board = await opened(pilot)
        by_itself = board.page.grid
        await pilot.press("left_square_bracket")
        await shows(pilot, "1 columns" if by_itself.columns == 2 else "columns")
        assert board.page.grid.columns == by_itself.columns - 1
        await pilot.press("right_square_bracket", "right_square_bracket")
        assert board.page.grid.columns == by_itself.columns + 1
        await pilot.press(*["right_square_bracket"] * 2)
        assert board.page.grid == by_itself


async def test_a_filter_narrows_while_it_is_typed_and_escape_takes_it_back():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        board = await opened(pilot)
        everything = len(board.charts)
        await pilot.press("slash", *"acc")
        await shows(pilot, "1 of 6 with “acc”")
        assert [chart.model.title for chart in board.charts] == ["accuracy"]
        await pilot.press("enter", "y")
        assert board.view.options.log_y
        assert board.view.words == "acc"
        await pilot.press("slash", *"xyz")
        await shows(pilot, "no chart matches “xyz”: esc shows all")
        await pilot.press("escape")
        assert len(board.charts) == everything
        await pilot.press("slash", *"re:(los")
        await shows(pilot, "no pattern yet:")
        await pilot.press("right_parenthesis")
        await until(pilot, lambda: len(board.charts) == 1)
        await pilot.press("escape")
        assert isinstance(app.screen, RunScreen)
        assert app.screen.query_one(Input).disabled


async def test_one_chart_on_the_whole_screen_has_a_legend_of_all_values():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(120, 30)) as pilot:
        board = await opened(pilot)
        await pilot.press("tab", "enter")
        text = await shows(pilot, "chart 1 of 6", "points", "at step")
        value = f"{curves()['train/loss'].value.min():.4f}"
        assert any("train" in row and value in row and "500" in row for row in text.splitlines())
        await pilot.press("w")
        await shows(pilot, "at cursor")
        await pilot.press("n")
        await shows(pilot, "chart 2 of 6")
        await pilot.press("f")
        assert len(board.charts) > 1
        assert board.view.chosen.title == "accuracy"


async def test_no_key_of_the_charts_is_dead():
    app = dashboard(FakeFleet(FakeFollower(run_state(run_id="a"), {**curves(), **many(30)})), focus=RUN)
    async with app.run_test(size=(100, 30)) as pilot:
        board = await opened(pilot)
        pane = app.screen.query_one(ChartsPane)
        middle = board.page.matching[len(board.page.matching) // 2]
        start = ChartView(
            window=Window(100.0, 300.0), cursor=200.0, chosen=middle, anchor=middle, columns=2
        )  # fmt: skip
        for key in [name for each in keys_for("charts") for name in each.keys.split(",")]:
            pane.focus()
            board.change(start)
            await pilot.pause()
            before = (board.view, pane._output, app.screen, board.typing)
            await pilot.press(key)
            assert (board.view, pane._output, app.screen, board.typing) != before, key
            if isinstance(app.screen, ExportScreen):
                await pilot.press("escape")
            if board.typing:
                board.back()


async def wheel(pilot, kind, chart, at, **options):
    """A notch of the wheel over a cell of the curves."""
    x, y = chart.content_region.x + chart.frame.area.left + at, chart.content_region.y + 3
    event = kind(None, x, y, 0, 0, 0, options.get("shift", False), False, False, x, y)
    pilot.app.post_message(event)
    await pilot.pause()


async def test_the_wheel_zooms_where_it_points():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(120, 30)) as pilot:
        board = await opened(pilot)
        chart = board.charts[0]
        under = chart.frame.area.x_at(chart.frame.area.left + 10)
        for _ in range(3):
            await wheel(pilot, events.MouseScrollUp, chart, 10)
        assert chart.frame.area.x_at(chart.frame.area.left + 10) == pytest.approx(under, abs=4)
        assert board.view.window.span.width == pytest.approx(500 / 1.25**3)
        before = board.view.window
        await wheel(pilot, events.MouseScrollUp, chart, 10, shift=True)
        assert board.view.window.low <= before.low
        for _ in range(4):
            await wheel(pilot, events.MouseScrollDown, chart, 10)
        assert board.view.window is None


async def test_dragging_moves_what_is_zoomed_and_chooses_nothing():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(120, 30)) as pilot:
        board = await opened(pilot)
        await pilot.press("plus", "plus")
        chart, before = board.charts[0], board.view.window
        await pilot.mouse_down(chart, offset=(30, 4))
        app.post_message(drag_to(chart, 40))
        await pilot.pause()
        await pilot.mouse_up(chart, offset=(40, 4))
        await pilot.pause()

        assert board.view.window.low < before.low
        assert not board.view.window.follows
        assert board.view.chosen is None


def drag_to(chart, x):
    place = (chart.region.x + x, chart.region.y + 4)
    return events.MouseMove(None, *place, 1, 0, 1, False, False, False, *place)


async def test_the_mouse_reads_all_charts_at_once_and_clicks_choose():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(120, 30)) as pilot:
        board = await opened(pilot)
        first, second = board.charts[:2]
        await pilot.hover(first, offset=(30, 4))
        await until(pilot, lambda: second.model.readout is not None)
        assert second.model.readout == pytest.approx(first.frame.area.x_at(30 - 1), abs=6)
        assert "epoch" in screen_text(app).splitlines()[-2]
        await pilot.hover("#head")
        await until(pilot, lambda: readouts(app) == {None})
        await pilot.click(second, offset=(10, 4))
        await pilot.pause()
        assert board.view.chosen.title == second.model.title
        await pilot.double_click(second, offset=(10, 4))
        await until(pilot, lambda: board.view.full)


async def test_a_live_run_is_followed_at_the_end_and_left_alone_elsewhere():
    fleet = FakeFleet(FakeFollower(run_state(run_id="a"), curves(500)))
    app = dashboard(fleet, focus=RUN)
    async with app.run_test(size=(100, 30)) as pilot:
        board = await opened(pilot)
        await pilot.press("plus", "plus")
        grow(fleet, 560, 2)
        await until(pilot, lambda: board.view.window.high > 560)
        assert board.view.window.span.width == pytest.approx(125)
        await pilot.press("home")
        before = board.view.window
        grow(fleet, 600, 3)
        await until(pilot, lambda: board.whole.high == 600)
        assert board.view.window == before


def grow(fleet, steps, version):
    follower = fleet.followers[RUN]
    store = FakeStore(curves(steps))
    store.version = version
    follower.series = store
    fleet.change(0, run_id="a", step=steps)


async def test_a_jump_shows_the_step_on_the_chart_of_its_curve():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        board = await opened(pilot)
        app.screen.query_one(ChartsPane).show_at(120, "grad_norm")
        await shows(pilot, "gradient norm", "step 120")
        assert board.view.window.span.holds(120)
        assert board.view.window.span.width == pytest.approx(499 / 5)
        assert board.view.chosen.title == "gradient norm"


async def test_a_jump_from_another_pane_waits_until_the_charts_have_a_place():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        app.open_run(RUN, "origin")
        await shows(pilot, "origin", "50%")
        await pilot.pause()
        (await app.screen.show_pane("charts")).show_at(300, "val/loss")
        await shows(pilot, "step 300 ", "loss")
        assert board_of(app).view.window.span.holds(300)


class CountingSource(RunSource):
    """Counts the models that are made."""

    made = 0

    def model(self, choice, options):
        CountingSource.made += 1
        return super().model(choice, options)


async def test_of_five_hundred_metrics_only_the_page_is_made_and_only_when_it_changed():
    app = dashboard(FakeFleet(FakeFollower(run_state(run_id="a"), many(500))), focus=RUN)
    async with app.run_test(size=(200, 50)) as pilot:
        board = await opened(pilot)
        curves_now = app.snapshot.curves[RUN]
        state = app.snapshot.by_path[RUN].state
        source = CountingSource(state, curves_now)
        CountingSource.made = 0
        board.show(source)
        board.show(source)
        again = [chart.model for chart in board.charts]
        await pilot.press("w", "left", "plus")

        board.show(CountingSource(replace(state, eta_s=1.0, step=state.step + 1), curves_now))
        assert CountingSource.made <= len(board.charts) == 9
        assert [chart.model for chart in board.charts] != again
        made = CountingSource.made
        board.show(CountingSource(replace(state, best=BEST), curves_now))
        assert CountingSource.made == made + 9


async def test_charts_survive_any_size_at_any_moment():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        board = await opened(pilot)
        for keys in (("plus", "w"), ("f",), ("f", "right_square_bracket"), ("slash", "l")):
            await pilot.press(*keys)
            for size in ((20, 6), (300, 80), (3, 2), (61, 19)):
                await pilot.resize_terminal(*size)
                await pilot.pause()
        await pilot.press("escape", "escape", "escape", "0")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: len(board.charts) > 1 and all(chart.frame for chart in board.charts))

        assert app.return_code is None


SIZES = [(60, 20), (80, 24), (140, 40), (200, 50), (300, 80)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_zoomed_charts_with_a_cursor_look_like_their_golden(size):
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("tab", "plus", "w", "left")
        await until(pilot, lambda: all(chart.frame for chart in board_of(app).charts))
        await pilot.pause()

        assert_golden(f"charts-{size[0]}x{size[1]}", layout_text(app))


async def test_one_chart_with_its_legend_looks_like_its_golden():
    app = dashboard(example_fleet(), focus=RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("f", "w")
        await shows(pilot, "at cursor")
        await pilot.pause()

        assert_golden("charts-one-80x24", layout_text(app))


async def test_axis_smoothing_columns_and_output_are_as_they_were_left():
    store = SettingsStore(None)
    app = dashboard(example_fleet(), settings=store)
    async with app.run_test(size=(140, 40)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "enter")
        await shows(pilot, "train")
        await pilot.press("z", "greater_than_sign", "x", "right_square_bracket", "l")
        await until(pilot, lambda: store.current.output_strip == 1)

    kept = store.current
    assert (kept.smooth, kept.weight, kept.axis) == (True, 0.95, "epoch")
    assert kept.chart_columns
    again = dashboard(example_fleet(), settings=store)
    async with again.run_test(size=(140, 40)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "enter")
        await until(pilot, lambda: pane_of(again) and pane_of(again).charts.view.options.smooth)
        view = pane_of(again).charts.view
        assert (view.options.weight, view.options.axis, view.columns) == (0.95, "epoch", kept.chart_columns)
    assert store.current == kept


def pane_of(app):
    return app.screen.pane if isinstance(app.screen, RunScreen) else None
