"""The list of runs driven by keys and mouse, and how it looks with hostile data."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from textual.events import MouseScrollUp

from dashboard_pilot import (
    MONITOR,
    NAN,
    OVERFIT,
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
)
from guardrun.state.model import Monitor, Status
from guardtui.settings import SettingsStore
from guardtui.widgets.chart import Chart
from guardtui.widgets.fleet_table import FleetTable
from run_factory import run_state

SIZES = [(60, 20), (80, 24), (140, 40), (200, 50)]
GPU = {
    "gpu0/utilization": 90.0, "gpu0/memory_bytes": 61e9, "gpu0/memory_total_bytes": 80e9,
    "gpu1/utilization": 70.0, "gpu1/memory_bytes": 10e9, "gpu1/memory_total_bytes": 80e9,
}  # fmt: skip


def hostile_fleet():
    """Names, groups, metrics and hosts that nobody would choose; ages in the middle of their steps."""
    now = time.time()

    def one(number, curve=None, machine=None, **changes):
        values = {"run_id": f"{number:02}", "last_event_t": now, "created": 100.0 - number, **changes}
        return FakeFollower(run_state(**values), curve or {}, machine=machine)

    over = {"last_event_t": now - 9000, "silent_s": None, "eta_s": None}
    wide = Monitor("精度/🚀" * 9, "max", math.inf, 1e300, 3)
    return FakeFleet(
        one(1, curves(), GPU, name="x" * 200, group="g" * 200, monitor=MONITOR, signals=(OVERFIT, NAN),
            host="h" * 200),
        one(2, name="学習モデル" * 30, group="実験" * 40, monitor=wide, status=Status.FAILED, **over),
        one(3, name="שלום עולם مرحبا", group="قياس", monitor=MONITOR, status=Status.HUNG, host="node\x1b[2J"),
        one(4, name="👩‍👩‍👧‍👦 family 🇩🇪 e\u0301\u0323", status=Status.KILLED, monitor=MONITOR, **over),
        one(5, name="[red]x[/]\x1b]0;pwned\x07\x1b[31m\r\n\tnew\u202eline", status=Status.LOST, **over),
        one(6, name="", group="", status=Status.STARTING, step=0, total_steps=None, total_epochs=None),
        one(7, name="tiny-numbers", monitor=Monitor("m", "min", 5e-324, -1.7e308, 1), step_rate=1e-9,
            eta_s=1e18),
        one(8, name="huge-steps", step=10**18, total_steps=None, total_epochs=None, step_rate=1e12,
            monitor=Monitor("val/\x1b[5mloss", "min", math.nan, None, None)),
    )  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_hostile_runs_look_like_their_golden(size):
    app = dashboard(hostile_fleet())
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "huge-steps")
        if size[0] > 80:
            await until(pilot, lambda: any(c.frame for c in app.screen.query(Chart) if c.display))
            await pilot.pause()
        text = layout_text(app)

        assert "\x1b" not in text
        assert "\u202e" not in text
        assert_golden(f"fleet-hostile-{size[0]}x{size[1]}", text)


@pytest.mark.parametrize("size", SIZES[:3], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_hostile_groups_with_selection_and_filter_look_like_their_golden(size):
    app = dashboard(hostile_fleet())
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "huge-steps")
        await pilot.press("u", "j", "space", "p", "j", "space", "slash", *"-name:tiny age>")
        await shows(pilot, "selected", "a value is wanted")
        if size[0] > 80:
            await until(pilot, lambda: app.screen.query(Chart))
            await pilot.pause()

        assert_golden(f"fleet-groups-{size[0]}x{size[1]}", layout_text(app))


async def test_the_gpus_of_a_live_run_are_summed_up():
    app = dashboard(hostile_fleet())
    async with app.run_test(size=(140, 24)) as pilot:
        await shows(pilot, " 80%", "71.0 GB")
        await pilot.press("slash", *"gpu>=80% memory>70GB")
        await shows(pilot, "1 of 8 runs")


async def test_the_filter_tells_matches_and_mistakes_while_it_is_typed():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("slash")
        await shows(pilot, "words, or name:x status:live")
        await pilot.press(*"status:live")
        await shows(pilot, "3 runs")
        await pilot.press("space", *"foo:")
        text = await shows(pilot, "character 13: no field “foo”", "still listed: “status:l")
        assert "学習モデル" not in text
        await pilot.press("enter")
        await shows(pilot, "character 13")
        await pilot.press(*["backspace"] * 5, "enter")
        await until(pilot, lambda: "character" not in screen_text(app))
        await pilot.press("down", "slash")
        await shows(pilot, "3 runs", "status:live")
        await pilot.press(*" step>")
        await shows(pilot, "3 of 6 runs with “status:live”", "a value is wanted after “>”")
        await pilot.press("escape")
        await shows(pilot, "学習モデル", "6 runs in runs")


async def test_a_filter_by_a_metric_that_is_not_monitored_asks_the_feed_for_it():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("slash", *"best:val/accuracy>0.8")
        await shows(pilot, "5 of 6 runs")
        await pilot.press("escape", "slash", *"-has:grad_norm")
        await shows(pilot, "plain-loop", "1 of 6 runs")
        await pilot.press("escape", "slash", *"train/loss=nan")
        await shows(pilot, "resnet18", "1 of 6 runs")


async def test_groups_close_and_open_by_keys_and_mouse_and_the_selection_stays():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("u", "j", "j")
        text = await shows(pilot, "▾ lr-sweep  1 run", "▾ no group  5 runs")
        await pilot.press("left")
        assert app.screen.table.row.name == ""
        await pilot.press("left")
        await until(pilot, lambda: "digits" not in screen_text(app))
        await shows(pilot, "▸ no group  5 runs · 3 live")
        await pilot.press("right", "right")
        assert app.screen.selected.state.name == "digits"
        await pilot.press("left", "enter")
        await shows(pilot, "▸ no group")
        row = next(number for number, each in enumerate(text.splitlines()) if "no group" in each)
        await pilot.click(offset=(20, row))
        await shows(pilot, "▾ no group", "digits")


async def test_a_run_in_a_group_that_closes_leaves_the_cursor_on_the_head():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("u", "G")
        assert app.screen.selected.state.name == "学習モデル"
        app.screen._fold(app.screen._listed.rows[2], close=True)
        assert app.screen.table.row.name == ""


async def test_a_click_on_a_column_orders_by_it_and_again_reverses():
    app = dashboard(example_fleet())
    async with app.run_test(size=(140, 24)) as pilot:
        text = await shows(pilot, "digits", "SIGNAL ↓")
        column = text.splitlines()[2].index("RUN")
        await pilot.click(offset=(column + 1, 2))
        await shows(pilot, "RUN ↑", "by name")
        listed = [view.state.name for view in app.screen._listed.runs]
        await pilot.click(offset=(column + 1, 2))
        await shows(pilot, "RUN ↓", "by name, reversed")
        assert [view.state.name for view in app.screen._listed.runs] == listed[::-1]
        await pilot.press("ctrl+o")
        await shows(pilot, "RUN ↑")


async def test_selected_runs_are_counted_taken_together_and_let_go():
    app = dashboard(example_fleet())
    together = []
    app.open_together = together.append
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "digits")
        await pilot.press("v")
        await shows(pilot, "select two or more runs")
        await pilot.press("space", "space")
        await shows(pilot, "◆ 2 selected", " ◆ ▲ aborted", " ◆ ● running")
        await pilot.press("v")
        assert [path.name for path in together[0]] == ["b", "a"]
        assert [view.path.name for view in app.screen.targets] == ["a", "b"]
        await pilot.press("ctrl+a")
        await shows(pilot, "◆ 6 selected")
        await pilot.press("escape")
        await until(pilot, lambda: "selected" not in screen_text(app).splitlines()[0])
        assert [view.path.name for view in app.screen.targets] == ["f"]


async def test_a_group_is_selected_by_its_head():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("u", "j", "j", "left", "space")
        await shows(pilot, "◆ 5 selected")
        await pilot.press("k", "space")
        await until(pilot, lambda: "selected" not in screen_text(app).splitlines()[0])


async def test_pins_hidden_runs_order_and_colours_are_there_the_next_time(tmp_path):
    file = tmp_path / "dashboard.json"

    def opened():
        store = SettingsStore(file)
        store.start(wait_s=10)
        return dashboard(example_fleet(), settings=store)

    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("G", "p", "g", "j", "d", "o", "t")
        await shows(pilot, "1 hidden", "newest first", "★ ✓ finished")
    app = opened()
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shows(pilot, "1 hidden", "newest first", "★ ✓ finished")
        assert text.splitlines()[3].startswith(" ▌★ ✓ finished 学習モデル")
        assert "resnet18" not in text
        assert app.theme == "guard-light"
        await pilot.press("full_stop")
        await shows(pilot, "resnet18")
        await pilot.press("slash", *"resnet", "enter", "d", "full_stop", "escape")
        text = await shows(pilot, "resnet18")
        assert "hidden" not in text


async def test_settings_that_cannot_be_kept_are_one_note(tmp_path):
    (tmp_path / "file").write_text("")
    store = SettingsStore(tmp_path / "file" / "dashboard.json")
    store.start(wait_s=10)
    app = dashboard(example_fleet(), settings=store)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        seen: dict[str, str] = {}

        def told() -> int:
            """However long each of them stays on the screen."""
            seen.update((each.identity, each.message) for each in app._notifications)
            return len(seen)

        await until(pilot, lambda: told() == 1)
        await shows(pilot, "digits")
        await pilot.press("o", "o")
        await until(pilot, lambda: told() == 2)
        notes = list(seen.values())
        assert ["begin anew" in notes[0], "settings are not kept" in notes[1]] == [True, True]
        await shows(pilot, "best metric first")


async def test_all_runs_hidden_says_how_to_see_them():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("ctrl+a", "d")
        await shows(pilot, "6 hidden: press . to show them")
        await pilot.press("full_stop")
        await shows(pilot, "digits")


async def test_new_runs_appear_above_and_the_selection_stays_on_its_run():
    fleet = example_fleet()
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "tiny")
        await pilot.press("j", "j")
        await pilot.press("space")
        await pilot.press("k")
        assert app.screen.selected.state.name == "tiny"
        fresh = FakeFollower(run_state(run_id="n", name="fresh", signals=(NAN,)), curves())
        fleet.followers = {**fleet.followers, Path("/runs/n"): fresh}
        await shows(pilot, "fresh")
        assert app.screen.selected.state.name == "tiny"
        fleet.followers = {path: each for path, each in fleet.followers.items() if path.name != "f"}
        await until(pilot, lambda: "tiny" not in screen_text(app))
        assert "selected" not in screen_text(app).splitlines()[0]


async def test_the_wheel_and_the_keys_move_while_the_filter_is_open():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        table = app.screen.query_one(FleetTable)
        await pilot.press("slash", "down", "down")
        assert app.screen.selected.state.name == "tiny"
        await pilot._post_mouse_events([MouseScrollUp], table)
        assert app.screen.selected.state.name == "digits"


async def test_a_message_is_text_and_never_markup():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, "digits")
        app.notify("stopping [/] [red]x[/red] [nonsense=")
        app.screen.notify("and [/b] on a screen")
        await shows(pilot, "[/] [red]x[/red]", "[nonsense=", "and [/b] on a screen")
