"""One table of keys makes the bindings, the footer and the help page."""

from __future__ import annotations

import pytest
from textual.containers import VerticalScroll

from dashboard_pilot import dashboard, example_fleet, shows, until
from guardtui.glyphs import UNICODE
from guardtui.keys import TABLE, keys_for
from guardtui.panes.order import PANES
from guardtui.screens.columns import ColumnsScreen
from guardtui.screens.differences import DifferencesScreen
from guardtui.screens.fleet import FleetScreen
from guardtui.screens.run import RunScreen
from guardtui.screens.stop import StopScreen
from guardtui.screens.text import TextScreen
from guardtui.screens.together import TogetherScreen
from guardtui.screens.words import TagScreen
from guardtui.text import text_of, width_of
from guardtui.viewmodel.help import help_lines
from guardtui.widgets.key_bar import bar_items

PLACES = {
    "fleet": FleetScreen, "run": RunScreen, "together": TogetherScreen, "differences": DifferencesScreen,
    "stop": StopScreen, "words": TagScreen, "text": TextScreen, "columns": ColumnsScreen,
    **{pane.where: pane for pane in PANES},
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_no_key_does_two_things_in_one_place(place):
    around = ("run",) if place in {pane.where for pane in PANES} else ()
    keys = [
        name
        for each in (place, *around, "everywhere")
        for key in keys_for(each)
        for name in key.keys.split(",")
    ]

    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("place", PLACES)
def test_every_key_of_the_table_calls_an_action_that_exists(place):
    for key in keys_for(place):
        assert hasattr(PLACES[place], f"action_{key.action.partition('(')[0]}"), key


@pytest.mark.parametrize("readonly", [False, True])
def test_the_help_page_shows_each_key(readonly):
    page = [text_of(each) for each in help_lines(200, UNICODE, readonly=readonly)]

    for key in TABLE:
        wanted = not readonly or not (key.acting or key.where == ("stop",))
        assert (f"  {key.shown:<12} {key.help}" in page) == wanted, key


@pytest.mark.parametrize("width", [54, 74])
def test_the_help_page_fits_sixty_and_eighty_columns(width):
    assert all(width_of(each) <= width for each in help_lines(width, UNICODE, readonly=False))


BARS = [("fleet",), ("together",), ("charts", "run"), ("output", "run"), ("text",)]


@pytest.mark.parametrize("places", BARS)
@pytest.mark.parametrize("width", [30, 78, 118, 198])
def test_the_footer_fits_and_never_drops_help_and_quit(places, width):
    items = bar_items(places, width, readonly=False)

    assert sum(width_of(item) + 2 for item, _ in items) - 2 <= width
    assert {"app.help", "app.leave"} <= {action for _, action in items}


def test_at_eighty_columns_the_footer_of_the_list_offers_the_safe_stop():
    assert "s stop safely" in [text_of(item) for item, _ in bar_items(("fleet",), 78, readonly=False)]
    assert "s stop safely" not in [text_of(item) for item, _ in bar_items(("fleet",), 78, readonly=True)]


@pytest.mark.parametrize("places", BARS[:3])
def test_on_a_phone_the_stop_key_is_offered(places):
    shown = [text_of(item) for item, _ in bar_items(places, 38, readonly=False)]

    assert [each for each in shown if each.startswith("s stop")]


async def test_help_opens_scrolls_and_closes_from_everywhere():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        for opening, first in (((), "List of runs"), (("enter",), "Charts, those of the system, too")):
            for key in opening:
                await pilot.press(key)
            await pilot.press("question_mark")
            await shows(pilot, first)
            await pilot.press("pagedown")
            await until(pilot, lambda: app.screen.query_one(VerticalScroll).scroll_y > 0)
            await pilot.press("question_mark")
            await until(pilot, lambda: not isinstance(app.screen, TextScreen))


async def test_help_over_the_info_page_is_help_and_goes_back_to_it():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("i")
        await shows(pilot, "folder", "can save")
        await pilot.press("question_mark")
        await shows(pilot, "Origin", "the next section")
        await pilot.press("question_mark")
        await shows(pilot, "folder", "can save")


async def test_a_click_on_the_footer_does_what_its_key_does():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shows(pilot, "digits")
        await pilot.click(offset=(text.splitlines()[-1].index("? help") + 3, 23))
        await shows(pilot, "List of runs")


async def test_q_leaves_and_the_feed_ends():
    fleet = example_fleet()
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("q")

    assert app.return_code == 0
    assert fleet.closed
