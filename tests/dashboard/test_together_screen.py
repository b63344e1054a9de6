"""Several runs on one screen, driven by every key and the mouse; real run directories; hostile names."""

from __future__ import annotations

import numpy as np
import pytest
from textual.containers import VerticalScroll
from textual.widgets import Input

from dashboard_pilot import (
    FakeFleet,
    FakeFollower,
    assert_golden,
    dashboard,
    layout_text,
    screen_text,
    shows,
    until,
)  # fmt: skip
from guardrun.state.model import Status
from guardtui.app import Dashboard
from guardtui.keys import keys_for
from guardtui.screens.checkpoint import CheckpointScreen
from guardtui.screens.differences import DifferencesScreen
from guardtui.screens.export import ExportScreen
from guardtui.screens.fleet import FleetScreen
from guardtui.screens.run import RunScreen
from guardtui.screens.stop import StopScreen
from guardtui.screens.together import TogetherScreen
from guardtui.screens.words import NoteScreen, TagScreen
from guardtui.widgets.chart_board import ChartBoard
from guardtui.widgets.run_legend import RunLegend
from together_runs import hostile_fleet, losses, seeded, seeds_fleet, series, written_seeds

SIZES = [(60, 20), (80, 24), (140, 40), (200, 50)]


def board_of(app):
    return app.screen.query_one(ChartBoard)


def drawn(app):
    """Labels and styles of the curves of the first chart."""
    return [(curve.label, curve.style) for curve in board_of(app).charts[0].model.curves]


async def together(pilot, text="runs together"):
    """All runs of the list, on the screen of several."""
    app = pilot.app
    await until(pilot, lambda: app.snapshot.runs and not app.snapshot.loading)
    await pilot.press("ctrl+a", "v")
    await shows(pilot, text)
    await until(pilot, lambda: any(chart.frame for chart in board_of(app).charts))
    return app.screen


async def test_a_selection_opens_together_and_esc_goes_back_to_it():
    app = dashboard(seeds_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits-lr")
        await pilot.press("space", "space", "v")
        await shows(pilot, "2 runs together")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))
        await shows(pilot, "2 selected")


async def test_the_feed_reads_the_curves_of_the_runs_on_the_screen_alone():
    fleet = seeds_fleet()
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits-lr")
        await pilot.press("space", "space", "v")
        await shows(pilot, "2 runs together")
        await until(pilot, lambda: len(app.snapshot.curves) == 2)
        assert len(fleet.attended) == 2
        await pilot.press("escape")
        await until(pilot, lambda: fleet.attended == ())


async def test_seeds_are_drawn_as_means_with_bands_and_b_goes_round():
    app = dashboard(seeds_fleet())
    async with app.run_test(size=(120, 36)) as pilot:
        await together(pilot)
        await until(pilot, lambda: drawn(app) == [("A n=3", "line"), ("B n=3", "line")])
        await pilot.press("b")
        assert [style for _, style in drawn(app)] == ["faint"] * 6 + ["line"] * 2
        await pilot.press("b")
        assert drawn(app) == [(letter, "line") for letter in "ABCDEF"]
        await pilot.press("b")
        await shows(pilot, "mean ± std of repeats", "2 groups of repeats")


async def test_runs_that_are_no_repeats_say_so_when_a_band_is_asked_for():
    app = dashboard(FakeFleet(*(FakeFollower(seeded(lr, 1), losses(lr, 1)) for lr in (0.1, 0.2))))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await together(pilot)
        await pilot.press("b")
        await shows(pilot, "no two of these runs are repeats")


async def test_the_legend_is_walked_and_its_runs_switched_off_and_shown_alone():
    app = dashboard(seeds_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await together(pilot)
        await pilot.press("b", "b", "down", "space")
        assert [label for label, _ in drawn(app)] == list("ACDEF")
        await shows(pilot, "5 on")
        await pilot.press("o")
        assert drawn(app) == [("B", "line")]
        await pilot.press("up", "up", "o")
        assert drawn(app) == [("A", "line")]
        await pilot.press("o")
        assert len(drawn(app)) == 6
        for _ in range(9):
            await pilot.press("down")
        assert screen.row is screen._rows[-1]
        await pilot.press("space", "escape")
        assert len(drawn(app)) == 6
        assert isinstance(app.screen, TogetherScreen)


async def test_a_group_is_switched_as_a_whole_and_enter_goes_on_to_its_runs():
    app = dashboard(seeds_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await together(pilot)
        await pilot.press("up", "space")
        assert [label for label, _ in drawn(app)] == ["B n=3"]
        assert len(screen.meant) == 3
        await pilot.press("space", "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        opened = app.screen.path
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.meant == (opened,)


async def test_k_gives_the_room_of_the_legend_to_the_charts_and_back():
    app = dashboard(seeds_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await together(pilot)
        before = board_of(app).size.height
        await pilot.press("k")
        await until(pilot, lambda: board_of(app).size.height > before)
        await pilot.press("k")
        await until(pilot, lambda: board_of(app).size.height == before)


async def test_the_cursor_reads_all_runs_at_one_place_into_the_legend():
    app = dashboard(seeds_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await together(pilot)
        await pilot.press("b", "b", "w", "home")
        text = await shows(pilot, "here", "step 1 ")
        value = losses(0.3, 1)["val/loss"].value[0]
        row = next(row for row in text.splitlines() if "lr0.3-seed1" in row)
        assert f"{value:.3f}" in row
        await pilot.press("right", "shift+right", "left", "shift+left", "w")
        await until(pilot, lambda: " here " not in screen_text(app))


async def test_the_board_of_several_runs_has_the_keys_of_any_board():
    app = dashboard(seeds_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await together(pilot)
        board = board_of(app)
        for key, holds in {
            "n": lambda: board.page.number == 1, "p": lambda: board.page.number == 0,
            "tab": lambda: board.page.chosen == 0, "shift+tab": lambda: board.page.chosen is not None,
            "f": lambda: board.view.full, "left_square_bracket": lambda: board.view.columns is None,
            "plus": lambda: board.view.window is not None, "minus": lambda: board.view.window is None,
            "y": lambda: board.view.options.log_y, "z": lambda: board.view.options.smooth,
            "less_than_sign": lambda: board.view.options.weight == 0.8,
            "greater_than_sign": lambda: board.view.options.weight == 0.9,
            "u": lambda: board.view.options.clip, "x": lambda: board.view.options.axis == "epoch",
        }.items():  # fmt: skip
            await pilot.press(key)
            assert holds(), key
        await pilot.press("f", "right_square_bracket", "plus", "end", "0")
        assert board.view.columns is not None
        assert board.view.window is None
        await pilot.press("slash", *"acc", "enter")
        await until(pilot, lambda: [choice.title for choice in board.page.choices] == ["val/accuracy"])
        await pilot.press("escape")
        assert not board.view.words
        assert board.query_one(Input).disabled


async def test_an_export_names_the_runs_and_comes_back(tmp_path):
    app = dashboard(seeds_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await together(pilot)
        app.settings.change(export_folder=str(tmp_path))
        await pilot.press("b", "b", "e")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))
        await pilot.press("3")
        await until(pilot, lambda: list(tmp_path.glob("*.csv")))
        await shows(pilot, "saved")
        assert "digits-lr0.3-seed1" in next(tmp_path.glob("*.csv")).read_text()


DIALOGS = {
    "s": StopScreen, "S": StopScreen, "c": CheckpointScreen, "m": NoteScreen, "number_sign": TagScreen,
}  # fmt: skip


async def test_acting_keys_mean_the_run_that_is_chosen_in_the_legend():
    app = dashboard(FakeFleet(*(
        FakeFollower(seeded(lr, 1, status=Status.RUNNING, silent_s=0.0), losses(lr, 1)) for lr in (0.1, 0.2)
    )))  # fmt: skip
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await together(pilot)
        await pilot.press("down")
        for key, dialog in DIALOGS.items():
            await pilot.press(key)
            await until(pilot, lambda dialog=dialog: isinstance(app.screen, dialog))
            await shows(pilot, app.snapshot.by_path[screen.meant[0]].state.name)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is screen)


async def test_other_keys_of_runs_mean_the_chosen_one_too():
    app = dashboard(seeds_fleet())
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await together(pilot)
        await pilot.press("a")
        await shows(pilot, "no signal to acknowledge")
        await pilot.press("down", "i")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane.title == "origin")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("r")
        await shows(pilot, "no checkpoint to resume from")


async def test_nothing_acts_in_read_only_mode():
    app = dashboard(seeds_fleet(), readonly=True)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await together(pilot)
        for key in keys_for("together"):
            if key.acting:
                await pilot.press(key.keys.split(",")[0])
        assert app.screen is screen
        assert "stop" not in screen_text(app).splitlines()[-1]


async def test_differences_are_scrolled_and_their_columns_paged():
    config = {"seed": 1, "params": {f"p{n:02}": 0 for n in range(40)}}
    states = [
        seeded(0.1, n, run_id=f"r{n}", config={**config, "params": {f"p{m:02}": n for m in range(40)}})
        for n in range(20)
    ]
    app = dashboard(FakeFleet(*(FakeFollower(state, losses(0.1, 1)) for state in states)))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await together(pilot)
        await pilot.press("g")
        await shows(pilot, "What 20 runs do not have alike", "runs 1 to", "digits-lr0.1-seed0")
        await pilot.press("right")
        await until(pilot, lambda: "digits-lr0.1-seed0 " not in screen_text(app))
        await pilot.press("end")
        await shows(pilot, "to 20 of 20")
        await pilot.press("left", "home")
        await shows(pilot, "runs 1 to", "digits-lr0.1-seed0")
        await pilot.press("pagedown", "down", "j", "space")
        await until(pilot, lambda: app.screen.query_one(VerticalScroll).scroll_y > 20)
        assert "digits-lr0.1-seed0" in screen_text(app)
        await pilot.press("pageup", "b", "up", "k")
        await until(pilot, lambda: app.screen.query_one(VerticalScroll).scroll_y == 0)
        await pilot.press("g")
        await until(pilot, lambda: app.screen is screen)


async def test_a_click_chooses_a_run_on_its_sample_switches_it_and_twice_opens_it():
    app = dashboard(seeds_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await together(pilot)
        await pilot.press("b", "b")
        await pilot.click(RunLegend, offset=(20, 3))
        assert screen._place == 2
        await pilot.click(RunLegend, offset=(6, 4))
        await until(pilot, lambda: "5 on" in screen_text(app))
        assert screen._place == 3
        await pilot.click(RunLegend, offset=(20, 2), times=2)
        await until(pilot, lambda: isinstance(app.screen, RunScreen))


async def test_runs_that_vanish_are_counted_and_when_none_is_left_it_says_so():
    fleet = seeds_fleet()
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await together(pilot, "6 runs together")
        for path in list(fleet.followers)[:2]:
            del fleet.followers[path]
        await shows(pilot, "4 runs together", "2 gone")
        fleet.followers.clear()
        await shows(pilot, "none of these runs is there any more")
        await pilot.press("down", "space", "o", "enter", "b", "g")
        await until(pilot, lambda: isinstance(app.screen, DifferencesScreen))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


async def test_a_live_run_goes_on_in_its_colour():
    fleet = FakeFleet(*(
        FakeFollower(seeded(lr, 1, status=Status.RUNNING, silent_s=0.0), losses(lr, 1)) for lr in (0.1, 0.2)
    ))  # fmt: skip
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await together(pilot, "2 live")
        models = [chart.model for chart in board_of(app).charts]
        path, follower = next(iter(fleet.followers.items()))
        follower.series.curves = losses(0.1, 1, 800)
        follower.series.version += 1
        fleet.changed.add(path)
        await until(pilot, lambda: max(c.x[-1] for c in board_of(app).charts[0].model.curves) == 800)
        now = [chart.model for chart in board_of(app).charts]
        for before, after in zip(models, now, strict=True):
            assert [c.color for c in before.curves] == [c.color for c in after.curves]


async def test_nothing_is_drawn_anew_while_nothing_changed():
    app = dashboard(seeds_fleet())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await together(pilot)
        frames = [chart.frame for chart in board_of(app).charts]
        models = [chart.model for chart in board_of(app).charts]
        screen.apply(app.snapshot)
        await pilot.pause()
        assert all(a is b for a, b in zip(frames, (c.frame for c in board_of(app).charts), strict=True))
        assert all(a is b for a, b in zip(models, (c.model for c in board_of(app).charts), strict=True))


async def test_fifty_runs_are_walked_ten_have_colours():
    states = [seeded(0.01 * (n + 1), 1, run_id=f"r{n}") for n in range(50)]
    app = dashboard(FakeFleet(*(FakeFollower(state, losses(0.5, 1)) for state in states)))
    async with app.run_test(size=(80, 24)) as pilot:
        await together(pilot, "40 dim: ten have colours")
        assert sum(style == "faint" for _, style in drawn(app)) == 40
        await until(pilot, lambda: "1 to" in screen_text(app) and "of 50" in screen_text(app))
        for _ in range(30):
            await pilot.press("down")
        await pilot.press("o")
        assert [style for _, style in drawn(app)] == ["line"]


async def test_three_seeds_of_two_configurations_from_their_files(tmp_path):
    written_seeds(tmp_path)
    app = Dashboard([tmp_path])
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: len(app.snapshot.runs) == 6 and not app.snapshot.loading)
        await pilot.press("ctrl+a", "v")
        await shows(pilot, "6 runs together", "2 groups of repeats", "lr=0.001", "lr=0.003")
        await until(pilot, lambda: board_of(app).charts and len(board_of(app).charts[0].model.curves) == 2)
        model = board_of(app).charts[0].model
        assert model.title == "val/loss"
        assert set(model.curves[0].spread.count) == {3}
        ends = np.sort([curve.y[-1] for curve in model.curves])
        assert ends == pytest.approx([2 / (1 + 60 * lr * 100) + 0.02 + 0.1 for lr in (0.003, 0.001)])
        await pilot.press("g")
        text = await shows(pilot, "What 6 runs do not have alike", "lr", "seed")
        assert "unfair" in text


async def resized(pilot, size):
    """The screen in another size, at rest."""
    await pilot.resize_terminal(*size)
    await until(pilot, lambda: len(screen_text(pilot.app).splitlines()) == size[1])
    for _ in range(4):
        await pilot.pause()
    return layout_text(pilot.app)


async def test_seeds_together_look_as_agreed_in_every_size():
    app = dashboard(seeds_fleet(broken=True))
    async with app.run_test(size=(100, 30)) as pilot:
        await together(pilot)
        await pilot.press("w", "home")
        for size in SIZES:
            assert_golden(f"together-{size[0]}x{size[1]}", await resized(pilot, size))


async def test_hostile_runs_and_their_differences_look_as_agreed_in_every_size():
    app = dashboard(hostile_fleet())
    async with app.run_test(size=(100, 30)) as pilot:
        await together(pilot)
        for name in ("together", "differences"):
            for size in SIZES:
                text = await resized(pilot, size)
                assert_golden(f"{name}-hostile-{size[0]}x{size[1]}", text)
                assert not {char for char in text if (ord(char) < 32 and char != "\n") or char == "\u202e"}
            if name == "together":
                await pilot.press("g")
                await shows(pilot, "do not have alike")


async def test_one_point_and_no_points_are_told_and_drawn():
    app = dashboard(FakeFleet(
        FakeFollower(seeded(0.1, 1), {"val/loss": series("val/loss", [0.5])}),
        FakeFollower(seeded(0.2, 1), {}),
        FakeFollower(seeded(0.3, 1), {"val/loss": series("val/loss", [np.nan] * 3)}),
    ))  # fmt: skip
    async with app.run_test(size=(80, 24)) as pilot:
        await together(pilot)
        text = await shows(pilot, "0.5000", "NaN")
        row = next(row for row in text.splitlines() if "lr0.2-seed1" in row)
        assert row.rstrip().endswith("–")
