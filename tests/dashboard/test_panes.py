"""The panes of the run screen: what each shows at every size, with hostile runs, and by every key."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from textual.events import MouseScrollUp
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
)
from guardtui.app import Dashboard
from guardtui.panes.audit import AuditPane
from guardtui.panes.order import PANES
from guardtui.viewmodel.console import Output, Search, window
from pane_runs import RankedStore, hostile_follower, ranks, rich_follower
from run_factory import RunWriter, run_state

SIZES = [(60, 20), (80, 24), (140, 40)]
DRAWN = [pane.title for pane in PANES if pane.title not in ("charts", "audit")]
DIGITS = {pane.title: str(number + 1) for number, pane in enumerate(PANES)}


async def opened(pilot, title):
    app = pilot.app
    await until(pilot, lambda: app.snapshot.runs)
    await pilot.press(*([] if hasattr(app.screen, "pane") else ["enter"]), DIGITS[title])
    await until(pilot, lambda: getattr(app.screen, "_panes", None) and app.screen.pane.title == title)
    await until(pilot, lambda: "reading" not in screen_text(app))
    await pilot.pause()
    await pilot.pause()
    return app.screen.pane


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_every_pane_looks_like_its_golden(size):
    app = dashboard(FakeFleet(rich_follower()))
    async with app.run_test(size=size) as pilot:
        for title in DRAWN:
            await opened(pilot, title)
            assert_golden(f"pane-{title}-{size[0]}x{size[1]}", layout_text(app))


async def test_every_pane_of_a_hostile_run_looks_like_its_golden():
    app = dashboard(FakeFleet(hostile_follower()))
    async with app.run_test(size=(80, 24)) as pilot:
        for title in DRAWN:
            await opened(pilot, title)
            text = layout_text(app)

            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
            assert_golden(f"pane-{title}-hostile", text)


async def test_panes_of_a_run_that_told_nothing_open_and_say_why_at_any_size():
    app = dashboard(FakeFleet(FakeFollower(run_state(run_id="a", last_event_t=time.time()))))
    words = {
        "charts": "no curves yet", "signals": "nothing is wrong", "system": "No sample of the machine yet",
        "ranks": "one process", "saved": "No checkpoint yet", "output": "No output yet",
        "origin": "can save", "audit": "audit",
    }  # fmt: skip
    async with app.run_test(size=(80, 24)) as pilot:
        for title, why in words.items():
            await opened(pilot, title)
            await shows(pilot, why)
            for size in ((20, 6), (8, 3), (80, 24)):
                await pilot.resize_terminal(*size)
                await pilot.pause()
            await shows(pilot, why)


async def test_the_strip_of_panes_has_words_at_eighty_columns_and_digits_at_sixty():
    app = dashboard(FakeFleet(rich_follower()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "signals")
        await shows(pilot, "1 charts  2 signals  3 system  4 ranks  5 saved  6 output  7 origin  8 audit")
        await pilot.resize_terminal(60, 20)
        await shows(pilot, "1 2 signals 3 4 5 6 7 8")


@pytest.mark.parametrize(("size", "where"), [((80, 24), "6 out"), ((60, 20), "6 7")])
async def test_a_click_on_the_strip_opens_a_pane(size, where):
    app = dashboard(FakeFleet(rich_follower()))
    async with app.run_test(size=size) as pilot:
        await opened(pilot, "signals")
        strip = screen_text(app).splitlines()[-2]
        await pilot.click(offset=(strip.index(where), size[1] - 2))
        await shows(pilot, "6 output", "epoch 299:")
        await pilot.click(offset=(size[0] - 1, size[1] - 2))
        await shows(pilot, "6 output", "epoch 299:")


async def test_signals_are_walked_and_the_chosen_one_is_told_whole():
    app = dashboard(FakeFleet(rich_follower()))
    async with app.run_test(size=(80, 30)) as pilot:
        pane = await opened(pilot, "signals")
        assert [signal.id for signal in pane._signals] == ["nan", "overfit", "straggler", "stagnation"]
        await shows(pilot, "▲ nan  severe", "aborts the run, as the policy says")
        await pilot.press("down")
        await shows(pilot, "△ overfit  warning", "tells, and leaves the decision to a person")
        await pilot.press("j", "j", "j")
        await shows(pilot, "○ stagnation", "at step 420", "nothing: it is over")
        await pilot.press("up", "k")
        await shows(pilot, "△ overfit  warning")
        rows = screen_text(app).splitlines()
        await pilot.click(offset=(20, next(n for n, row in enumerate(rows) if "stagnation" in row)))
        await shows(pilot, "○ stagnation  warning")


async def test_a_signal_that_appears_does_not_move_the_choice():
    follower = rich_follower()
    fleet = FakeFleet(follower)
    app = dashboard(fleet)
    async with app.run_test(size=(80, 30)) as pilot:
        pane = await opened(pilot, "signals")
        await pilot.press("down")
        news = replace(follower.now.signals[-1], id="loss_explosion", raised_at=499)
        follower.now = replace(follower.now, signals=(*follower.now.signals, news))
        fleet.changed.add(next(iter(fleet.followers)))
        await shows(pilot, "loss_explosion")

        assert pane.chosen_signal.id == "overfit"


async def test_a_long_signal_is_scrolled():
    app = dashboard(FakeFleet(rich_follower()))
    async with app.run_test(size=(60, 16)) as pilot:
        await opened(pilot, "signals")
        assert "told by" not in screen_text(app)
        for _ in range(4):
            await pilot.press("pagedown")
        await shows(pilot, "told by")
        for _ in range(4):
            await pilot.press("pageup")
        await shows(pilot, "▲ nan  severe")


async def test_enter_goes_to_the_place_on_the_charts():
    app = dashboard(FakeFleet(rich_follower()))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "signals")
        await pilot.press("enter")
        await shows(pilot, "1 charts", "step 480")


async def test_a_acknowledges_the_chosen_signal_alone(tmp_path):
    writer = RunWriter(tmp_path / "runs", t=time.time() - 60)
    writer.launch()
    writer.start()
    writer.supervise()
    writer.train(60)
    writer.signal("overfit")
    writer.signal("stagnation")
    app = Dashboard([tmp_path / "runs"], focus=writer.paths.root)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "1 charts")
        await pilot.press("2")
        await shows(pilot, "stagnation", "overfit")
        await pilot.press("down")
        chosen = app.screen.pane.chosen_signal.id
        await pilot.press("a")
        await until(pilot, lambda: list(writer.paths.control.glob("*.json")))
        (command,) = writer.paths.control.glob("*.json")

    assert f'"{chosen}"' in command.read_text()
    assert ('"overfit"' in command.read_text()) != ('"stagnation"' in command.read_text())


async def test_z_snoozes_the_chosen_signal_for_an_hour(tmp_path):
    writer = RunWriter(tmp_path / "runs", t=time.time() - 60)
    writer.launch()
    writer.start()
    writer.supervise()
    writer.train(60)
    writer.signal("overfit")
    writer.signal("stagnation")
    writer.end()
    app = Dashboard([tmp_path / "runs"], focus=writer.paths.root)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "1 charts")
        await pilot.press("2")
        await shows(pilot, "△ warning  stagnation", "△ warning  overfit")
        chosen = app.screen.pane.chosen_signal.id
        await pilot.press("z")
        await shows(pilot, f"△ snoozed  {chosen}", "at step 60 for another 59m")


async def test_the_path_of_a_checkpoint_is_copied():
    app = dashboard(FakeFleet(rich_follower()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "saved")
        await shows(pilot, "/runs/a/checkpoints/step-500-a1")
        await pilot.press("down")
        await shows(pilot, "unfinished: it was never complete", "/runs/a/checkpoints/step-450-a1")
        await pilot.press("down", "y")
        await until(pilot, lambda: app.clipboard == "/runs/a/checkpoints/step-400-a1")
        await pilot.press("up", "up")
        await shows(pilot, "/runs/a/checkpoints/step-500-a1")


async def test_many_ranks_are_scrolled():
    follower = rich_follower()
    follower.series = RankedStore(ranks(40, slow=60, count=64))
    app = dashboard(FakeFleet(follower))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "ranks")
        await shows(pilot, "rank 60 is the slowest", "1 to 8 shown")
        await pilot.press("end")
        await shows(pilot, "to 64 shown", "△ slowest")
        await pilot.press("home", "pagedown", "down", "up")
        await shows(pilot, "16 to 23 shown")


async def test_output_is_followed_until_somebody_scrolls_up():
    follower = rich_follower()
    fleet = FakeFleet(follower)
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "output")
        await shows(pilot, "epoch 299:")
        await pilot.press("pageup")
        await until(pilot, lambda: "epoch 299:" not in screen_text(app))
        before = screen_text(app).splitlines()[4]
        follower.console += ["something new", "and more"]
        await shows(pilot, "2 new lines below")
        assert screen_text(app).splitlines()[4] == before
        await pilot.press("f")
        await shows(pilot, "and more")
        follower.console += ["the newest"]
        await shows(pilot, "the newest")
        await pilot.press("f", "up", "home")
        await shows(pilot, "epoch 0:")
        await pilot.press("end")
        await shows(pilot, "the newest")
        await pilot.press("up", "down")
        await shows(pilot, "6 output", "the newest")


async def test_output_is_searched():
    follower = rich_follower()
    follower.console[5] = "  indented [b]NaN[/b] here"
    follower.console[150] = "nan again"
    app = dashboard(FakeFleet(follower))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "output")
        await pilot.press("slash", *"nan", "enter")
        await shows(pilot, "match 2 of 2", "nan again")
        await pilot.press("p")
        await shows(pilot, "match 1 of 2", "▌   indented [b]NaN[/b] here")
        await pilot.press("n")
        await shows(pilot, "match 2 of 2")
        await pilot.press("slash", *"xyz")
        await shows(pilot, "no match for “xyz”")
        await pilot.press("escape")
        await until(pilot, lambda: "match" not in screen_text(app))
        assert app.focused is app.screen.pane
        await pilot.press("escape", "escape")
        await shows(pilot, "1 charts")


async def test_esc_in_the_search_leaves_the_field_first():
    app = dashboard(FakeFleet(rich_follower()))
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot, "output")
        await pilot.press("slash", *"5 q")
        assert pane.query_one(Input).value == "5 q"
        await pilot.press("escape")
        assert app.screen.pane is pane


async def test_long_lines_are_cut_or_wrapped():
    follower = rich_follower()
    follower.console = ["x" * 100 + "END"]
    app = dashboard(FakeFleet(follower))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "output")
        await shows(pilot, "xxx…")
        await pilot.press("w")
        await shows(pilot, "xEND", "wrapped")


async def test_the_wheel_scrolls_output():
    app = dashboard(FakeFleet(rich_follower()))
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot, "output")
        await pilot._post_mouse_events([MouseScrollUp], pane, (5, 5))
        await until(pilot, lambda: "epoch 299:" not in screen_text(app))


async def test_origin_goes_from_section_to_section():
    app = dashboard(FakeFleet(rich_follower()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "origin")
        await shows(pilot, "Run 1 of")
        await pilot.press("n")
        await shows(pilot, "Configuration 2 of", "params.lr", "command line (file: 0.005)")
        await pilot.press("n", "n")
        await shows(pilot, "Data 4 of", "train", "1,437", "finding")
        await pilot.press("p")
        await shows(pilot, "Code 3 of", "uncommitted changes: git.diff, 2.6 kB")
        await pilot.press("end")
        await shows(pilot, "torch 2.13.0")
        await pilot.press("home", "down", "up", "pagedown", "pageup")
        await shows(pilot, "Run 1 of")


async def test_the_audit_is_computed_when_its_pane_is_opened_and_writes_nothing(tmp_path):
    writer = RunWriter(tmp_path / "runs", t=time.time() - 60)
    writer.launch()
    writer.start()
    writer.train(60)
    writer.end()
    before = sorted(tmp_path.rglob("*"))
    app = Dashboard([tmp_path / "runs"], focus=writer.paths.root)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "1 charts")
        await pilot.press("8")
        await shows(pilot, "not to be declared", "sanity checks passed", "of 16 done")
        assert isinstance(app.screen.pane, AuditPane)
        await pilot.press("end")
        await shows(pilot, "16 ", "do: ")
        await pilot.press("home", "down", "up", "pagedown", "pageup")
        first = app.screen.pane._result
        await pilot.press("1", "8")
        await until(pilot, lambda: app.screen.pane._result is not first)

    assert sorted(tmp_path.rglob("*")) == before


async def test_an_audit_of_a_run_that_is_gone_says_so():
    app = dashboard(FakeFleet(rich_follower()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "audit")
        await shows(pilot, "the audit failed")


def test_a_hundred_thousand_lines_cost_only_those_that_are_seen():
    class Lines(tuple[str, ...]):
        taken = 0

        def __getitem__(self, place):
            Lines.taken += 1
            return super().__getitem__(place)

    output = Output(Lines(f"line {n}" for n in range(100_000)))

    assert [row.text for row in window(output, None, 80, 2, wrap=False)] == ["line 99998", "line 99999"]
    assert [row.text for row in window(output, 50_000, 80, 2, wrap=True)] == ["line 50000", "line 50001"]
    assert Lines.taken <= 8


def test_a_search_looks_at_each_line_once_and_keeps_its_place():
    search = Search()
    search.start("a")
    search.look(Output(["a", "b", "a"], 10))
    assert search.matches == [10, 12]
    assert search.step(1, 11) == 12

    search.look(Output(["xa", "y", "a", "b", "a", "c", "a!"], 8))

    assert search.matches == [8, 10, 12, 14]
    assert search.current == 12
    assert [search.step(1, 0), search.step(1, 0), search.step(-1, 0)] == [14, 8, 14]
