"""Which columns the list of runs has, and in which order, is for its reader to say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard_pilot import dashboard, example_fleet, shows, until
from guardtui.glyphs import UNICODE
from guardtui.screens.columns import ColumnsScreen
from guardtui.settings import SettingsStore
from guardtui.snapshot import RunView
from guardtui.text import text_of, width_of
from guardtui.viewmodel import fleet
from guardtui.viewmodel.column_choice import FREE, Choice, choice_lines
from guardtui.viewmodel.columns import COLUMNS


def titles(app):
    return [placed.column.title for placed in app.screen.table._columns]


def test_a_column_moves_with_the_cursor_and_stays_within_the_list():
    choice = Choice.of((), ()).moved(2).carried(-1)
    assert choice.order[:3] == (FREE[0], FREE[2], FREE[1])
    assert choice.place == 1
    assert choice.carried(-9).order[0] == FREE[2]
    assert Choice.of((), ()).carried(-1).order == FREE
    assert Choice.of((), ()).moved(99).place == len(FREE) - 1


def test_what_is_kept_is_nothing_where_nothing_was_chosen():
    assert Choice.of((), ()).kept == ((), ())
    assert Choice.of((), ()).switched().kept == ((), (FREE[0],))
    assert Choice.of((), ()).switched().switched().kept == ((), ())
    order, off = Choice.of(["AGE", "nonsense"], ["BEST", "STATUS"]).kept
    assert order[0] == "AGE"
    assert sorted(order) == sorted(FREE)
    assert off == ("BEST",)


@pytest.mark.parametrize("width", [20, 40, 64])
def test_each_column_says_what_it_is_for(width):
    lines = choice_lines(Choice.of((), ["TREND"]), width, UNICODE)

    assert len(lines) == len(COLUMNS) - 2
    assert all(width_of(each) <= width for each in lines)
    assert not next(text_of(each) for each in lines if "TREND" in text_of(each)).startswith(UNICODE.done)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_at_every_width_what_stands_further_left_stays_longer(width):
    order = ("AGE", "TREND", "METRIC", *(title for title in FREE if title not in ("AGE", "TREND", "METRIC")))
    runs = [follower.now for follower in example_fleet().followers.values()]
    views = [fleet_view(state) for state in runs]
    shown = [placed.column.title for placed in fleet.Placer().placed(width, views, order)]

    assert shown[:2] == ["STATUS", "RUN"]
    assert shown[2:] == [title for title in order if title in shown][: len(shown) - 2]
    assert "AGE" in shown


def fleet_view(state):
    return RunView(Path(f"runs/{state.run_id}"), state)


async def test_a_log_of_another_tool_is_named_at_eighty_columns_when_that_is_wished():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        first = app.snapshot.runs[0]
        app.feed.stop()
        log = replace(first, state=replace(first.state, source="tensorboard"))
        app.show_snapshot(type(app.snapshot).of((log, *app.snapshot.runs[1:])))
        assert "TOOL" not in titles(app)
        await pilot.press("C")
        await until(pilot, lambda: isinstance(app.screen, ColumnsScreen))
        await shows(pilot, "whose log it is")
        await pilot.press("j", "J", "enter")
        await until(pilot, lambda: not app.screen.is_modal and "TOOL" in titles(app))

        assert titles(app)[:3] == ["STATUS", "RUN", "TOOL"]


async def test_a_choice_is_kept_for_the_next_time_and_esc_leaves_everything(tmp_path):
    file = tmp_path / "dashboard.json"
    to_trend = ["C", *["j"] * FREE.index("TREND"), "space"]
    app = stored(file)
    async with app.run_test(size=(200, 40)) as pilot:
        await shows(pilot, "digits")
        await pilot.press(*to_trend, "escape")
        await until(pilot, lambda: not app.screen.is_modal)
        assert "TREND" in titles(app)
        await pilot.press(*to_trend, "k", *"KKKKKKK", "enter")
        await until(pilot, lambda: not app.screen.is_modal and "TREND" not in titles(app))
    tomorrow = stored(file)
    async with tomorrow.run_test(size=(200, 40)) as pilot:
        await shows(pilot, "digits")
        await until(pilot, lambda: "TREND" not in titles(tomorrow) and titles(tomorrow)[2] == "BEST")
    kept = json.loads(file.read_text())

    assert kept["columns_off"] == ["TREND"]
    assert kept["columns"][0] == "BEST"


def stored(file):
    store = SettingsStore(file)
    store.start()
    return dashboard(example_fleet(), settings=store)


async def test_help_over_the_columns_begins_with_their_keys():
    app = dashboard(example_fleet())
    async with app.run_test(size=(60, 20)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("C", "question_mark")
        seen = await shows(pilot, "Columns of the list", "leave it out, or show it")

    assert seen.splitlines()[2].strip() == "Columns of the list"
