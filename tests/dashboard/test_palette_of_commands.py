"""The command palette: everything by name, settings, and runs."""

from __future__ import annotations

import pytest

from dashboard_pilot import assert_golden, dashboard, example_fleet, screen_text, shows, until
from guardtui.chart.ink import BLOCK
from guardtui.glyphs import UNICODE
from guardtui.keys import TABLE, keys_for
from guardtui.screens.fleet import FleetScreen
from guardtui.screens.palette import PaletteScreen
from guardtui.screens.run import RunScreen
from guardtui.screens.stop import StopScreen
from guardtui.viewmodel.palette import Entry, entries, matching


async def typed(pilot, text):
    await pilot.press(*("space" if char == " " else char for char in text))


def test_every_labelled_key_of_a_place_is_offered_with_its_key():
    found = {(each.name, each.shown) for each in entries(("charts", "run"), (), (), UNICODE, readonly=False)}

    for place in ("charts", "run", "everywhere"):
        for key in keys_for(place):
            if key.label and key.action not in ("palette", "back"):
                assert (key.help, key.shown) in found


def test_nothing_that_acts_is_offered_to_who_only_looks():
    acting = {key.help for key in TABLE if key.acting}

    offered = {each.name for each in entries(("fleet",), (), (), UNICODE, readonly=True)}

    assert not acting & offered
    assert acting & {each.name for each in entries(("fleet",), (), (), UNICODE, readonly=False)}


def test_what_begins_with_the_word_comes_first_and_every_word_must_be_there():
    some = [Entry("restore a thing"), Entry("do not stop"), Entry("stop it"), Entry("halt", words="stop")]

    assert [each.name for each in matching(some, "stop")] == ["stop it", "halt", "do not stop"]
    assert [each.name for each in matching(some, "STOP not")] == ["do not stop"]
    assert matching(some, "nothing") == []
    assert matching(some, " ") == some


@pytest.mark.parametrize("size", [(60, 20), (80, 24)], ids=str)
async def test_the_palette_looks_like_this(size):
    app = dashboard(example_fleet())
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "digits")
        await pilot.press("colon")
        await typed(pilot, "colours")
        await shows(pilot, "1 of 5", "esc close")
        assert_golden(f"palette-{size[0]}x{size[1]}", screen_text(app))


async def test_a_run_is_found_by_its_name_and_opened_from_wherever_one_is():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await pilot.press("ctrl+p")
        await typed(pilot, "run tiny")
        await shows(pilot, "1 of 1")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.path.name == "f")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


async def test_an_action_of_a_pane_is_done_there():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        screen = app.screen
        await pilot.press("colon")
        await typed(pilot, "logarithmic")
        await pilot.press("enter")
        await until(pilot, lambda: screen.pane.charts.view.options.log_y)


async def test_the_stop_is_asked_for_by_its_name():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "colon")
        await typed(pilot, "stop safely")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, StopScreen))
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert isinstance(app.screen, StopScreen)


async def test_colours_and_ink_are_chosen_and_kept():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "enter")
        await until(pilot, lambda: "⣀" in screen_text(app) or "⠉" in screen_text(app))
        for words in ("theme light", "chart blocks"):
            await pilot.press("colon")
            await typed(pilot, words)
            await pilot.press("enter")
            await until(pilot, lambda: not isinstance(app.screen, PaletteScreen))
        await until(pilot, lambda: "▄" in screen_text(app))
        assert not [char for char in screen_text(app) if "⠀" < char <= "⣿"]
        assert (app.theme, app.ink) == ("guard-light", BLOCK)
        assert (app.settings.current.theme, app.settings.current.chart_ink) == ("guard-light", "block")


async def test_a_click_does_the_entry_and_one_beside_the_box_closes_it():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("colon")
        await typed(pilot, "colours contrast")
        text = await shows(pilot, "colours: contrast")
        row = next(n for n, each in enumerate(text.splitlines()) if "colours: contrast" in each)
        await pilot.click(offset=(6, row))
        await until(pilot, lambda: app.theme == "guard-contrast")
        await pilot.press("colon")
        await shows(pilot, "esc close")
        await pilot.click(offset=(40, 22))
        await until(pilot, lambda: isinstance(app.screen, FleetScreen))


async def test_help_begins_with_the_keys_of_where_one_was():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("enter", "2")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.pane.title == "signals")
        await pilot.press("question_mark")
        text = await shows(pilot, "where it began, on the charts")
        assert text.index("Signals") < text.index("One run")
