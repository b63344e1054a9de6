"""A signal's whole life on the screen: observed, superseded, cleared, acknowledged, and back again."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard_pilot import (
    MONITOR,
    NAN,
    OVERFIT,
    FakeFleet,
    FakeFollower,
    assert_golden,
    curves,
    dashboard,
    layout_text,
    screen_text,
    shows,
    until,
)  # fmt: skip
from guardtui.app import Dashboard
from guardtui.glyphs import UNICODE
from guardtui.snapshot import RunView
from guardtui.text import text_of
from guardtui.viewmodel.faces import signal_words, worst_severity
from guardtui.viewmodel.ordering import Sorter
from guardtui.viewmodel.signal_lines import pane_lines, wanted_height
from guardtui.viewmodel.signal_page import detail_lines
from run_factory import RunWriter, run_state

OBSERVED = replace(
    OVERFIT, severity="act", action="observe", would_do="stop", would_change="a new best below 0.42"
)
SUPERSEDED = replace(NAN, id="loss_explosion", cleared_at=480, superseded_by="nan")
KNOWN = replace(NAN, acknowledged_at=490)


def words(signals, *, width=100):
    return text_of(signal_words(run_state(signals=signals), UNICODE, message=False))


def test_an_acknowledged_signal_is_no_longer_the_worst_and_stands_dimmed_below_the_others():
    signals = (KNOWN, OVERFIT)
    state = run_state(signals=signals)
    lines = pane_lines(state, 100, wanted_height(state, 100, UNICODE), UNICODE)

    assert worst_severity(state) == 2
    assert words(signals) == "△ overfit +1"
    assert text_of(lines[0]).startswith("△ overfit")
    assert text_of(lines[-1]).startswith("▲ nan  step 480, aborts the run, acknowledged")
    assert {bit.tone for bit in lines[-1]} == {"dim"}


def test_a_run_whose_signals_are_all_known_comes_after_one_with_an_unknown_warning(tmp_path):
    known = RunView(tmp_path / "a", run_state(run_id="a", signals=(KNOWN,)))
    warned = RunView(tmp_path / "b", run_state(run_id="b", signals=(OVERFIT,)))

    assert [view.state.run_id for view in Sorter().arranged((known, warned), "signal")] == ["b", "a"]


def page_of(signal):
    view = RunView(Path("a"), run_state(signals=(signal,)))
    return " ".join(
        " ".join(text_of(each).split()) for each in detail_lines(view, signal, None, 100, UNICODE)
    )


def test_an_observed_signal_says_what_would_have_been_done_and_what_would_change_its_mind():
    page = page_of(OBSERVED)

    assert "by default it would have stopped the run safely" in page
    assert "unless a new best below 0.42" in page


def test_a_superseded_signal_names_what_took_its_place():
    page = page_of(SUPERSEDED)

    assert "superseded by nan at step 480" in page
    assert "unless" not in page


async def test_a_run_with_signals_in_every_state_fits_a_small_screen():
    state = run_state(
        run_id="a", monitor=MONITOR, signals=(SUPERSEDED, KNOWN, OBSERVED), last_event_t=time.time()
    )
    app = dashboard(FakeFleet(FakeFollower(state, curves())))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("enter")
        await shows(pilot, "1 charts", "observed: would have stopped")
        await pilot.pause()

        assert_golden("run-signals-80x24", layout_text(app))


@pytest.fixture
def over(tmp_path):
    """A run that has ended with a signal."""
    writer = RunWriter(tmp_path / "runs", "digits", t=time.time() - 9000)
    writer.launch()
    writer.start()
    writer.supervise()
    writer.train(60)
    writer.signal("overfit", severity="warn")
    writer.end()
    return writer


async def test_a_key_acknowledges_the_selected_run_and_the_list_shows_it(over):
    app = Dashboard([over.paths.root.parent])
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await shows(pilot, "△ overfit")

        await pilot.press("a")

        path = over.paths.root
        await until(pilot, lambda: worst_severity(app.snapshot.by_path[path].state) == 0)
        await pilot.press("enter")
        await shows(pilot, "acknowledged")
    (file,) = over.paths.control.iterdir()
    body = json.loads(file.read_text())
    assert (body["command"], body["via"], body["signals"]) == ("acknowledge", "watch", {"overfit": 60})


async def test_nothing_is_sent_where_nothing_stands_in_read_only_mode_or_for_somebody_elses_run(over):
    path = over.paths.root
    app = Dashboard([path.parent], readonly=True)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await shows(pilot, "△ overfit")
        await pilot.press("a")
        await pilot.pause()
        assert "acknowledge" not in screen_text(app)

        app.readonly = False
        view = app.snapshot.by_path[path]
        app.snapshot.by_path[path] = replace(view, owner="mallory")
        app.acknowledge(path)
        app.snapshot.by_path[path] = replace(view, state=run_state(signals=()))
        app.acknowledge(path)
        await shows(pilot, "belongs to mallory", "no signal to acknowledge")
    assert list(over.paths.control.iterdir()) == []


async def test_a_folder_that_cannot_be_written_is_told(over):
    over.paths.control.rmdir()
    over.paths.control.write_text("in the way")
    app = Dashboard([over.paths.root.parent])
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await shows(pilot, "△ overfit")
        await pilot.press("a")

        await shows(pilot, "the acknowledgement cannot be")
