"""What dialogs say before anything is asked, and what is out of reach before a key is pressed."""

from __future__ import annotations

import json
import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard_pilot import (
    BEST,
    LAST,
    MONITOR,
    FakeFleet,
    FakeFollower,
    dashboard,
    example_fleet,
    screen_text,
    shows,
    until,
)  # fmt: skip
from guardrun.provenance.host import Lease
from guardrun.state.model import Status
from guardtui.app import Dashboard
from guardtui.glyphs import UNICODE
from guardtui.keys import TABLE
from guardtui.ownership import unwritable
from guardtui.resuming import Plan, plan_resume
from guardtui.screens.dialog import DialogScreen
from guardtui.snapshot import RunView
from guardtui.text import text_of
from guardtui.viewmodel import stopping
from guardtui.viewmodel.reach import checkpoint_fate, idle_keys, resume_fate, stop_fate
from guardtui.viewmodel.several import fate_lines, stage_table
from guardtui.widgets.key_bar import bar_items
from run_factory import RunWriter, run_state

ACTING = {key.shown for key in TABLE if key.acting and "fleet" in key.where}


def view(name="a", owner="", unwritable="", **changes):
    return RunView(Path(f"runs/{name}"), run_state(name=name, **changes), owner=owner, unwritable=unwritable)


@pytest.fixture
def over(tmp_path):
    """A run that has ended with a signal."""
    writer = RunWriter(tmp_path / "runs", "digits", t=time.time() - 900)
    writer.launch(workdir=str(tmp_path))
    writer.start()
    writer.supervise()
    writer.train(60)
    writer.signal("overfit", severity="warn")
    writer.checkpoint()
    writer.end("stopped", "stop:watch")
    return writer


def test_every_acting_key_of_the_list_is_there():
    assert sorted(ACTING) == sorted("sScrm#a")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (stop_fate(view(best=BEST)), "keeps best: step 400 (0.3301)"),
        (stop_fate(view(can_save=False)), "cannot be saved by guard: loses work"),
        (stop_fate(view(phase="eval", last=LAST, step=520), now=True), "loses its evaluation and 20 steps"),
        (stop_fate(view(status=Status.FINISHED)), "is over: finished"),
        (stop_fate(view(status=Status.LOST)), "nobody answers for it"),
        (stop_fate(view(owner="eve")), "belongs to eve"),
        (stop_fate(view(unwritable="is on a read-only file system")), "is on a read-only file system"),
        (checkpoint_fate(view(last=LAST)), "saves at its next step; last: step 500"),
        (checkpoint_fate(view(status=Status.STOPPING)), "is stopping, and saves last by that"),
        (checkpoint_fate(view(can_save=False)), "cannot be saved by guard"),
        (
            resume_fate(view(status=Status.STOPPED, last=LAST, attempt=2)),
            "goes on from step 500, as attempt 3",
        ),
        (resume_fate(view(status=Status.STOPPED)), "has no checkpoint to resume from"),
        (resume_fate(view(last=LAST)), "is running: there is nothing to resume"),
        (resume_fate(view(status=Status.STOPPED, last=LAST, owner="eve")), "belongs to eve"),
    ],
)  # fmt: skip
def test_what_would_happen_to_a_run_is_told_in_a_few_words(asked, words):
    assert asked.words == words


def test_many_runs_are_listed_as_far_as_they_fit_those_that_lose_work_first():
    fates = [stop_fate(view(f"run-{n}", best=BEST)) for n in range(12)]
    fates.append(stop_fate(view("own-saves", can_save=False)))

    lines = [text_of(each) for each in fate_lines(fates, [("all stop", "text")], 72, 9, UNICODE)]

    assert len(lines) == 9
    assert lines[2].startswith("● own-saves")
    assert lines[-1] == "and 7 more"
    table = [text_of(each) for each in stage_table([fate.view for fate in fates], None, 72, 6, UNICODE)]
    assert (table[0], table[-1], len(table)) == ("13 runs to go", "and 10 more", 6)


def test_a_stop_at_once_says_what_is_lost_and_that_it_climbs():
    asked = stopping.question(
        view(phase="eval", last=LAST, step=520, config={"stop": {"grace": 90}}), 200, UNICODE, now=True
    )
    said = "\n".join(text_of(each) for each in asked.lines)

    assert "evaluation and 20 steps behind the last checkpoint (step 500) are discarded" in said
    assert "Where nothing moves for 1m 30s it climbs by itself: SIGINT, SIGTERM, SIGKILL" in said
    assert asked.loses_work


EVE = dict.fromkeys(["stop", "stop_now", "checkpoint", "resume", "note", "tags", "acknowledge"], "hers")


def test_keys_that_cannot_act_are_dim_and_do_nothing():
    items = bar_items(("fleet",), 200, readonly=False, idle=EVE)

    dead = {text_of(shown).split()[0] for shown, action in items if not action}
    assert dead == ACTING
    assert {bit.tone for shown, action in items if not action for bit in shown} == {"rest"}


def test_in_a_list_keys_keep_their_place_and_of_one_run_those_that_can_do_nothing_give_way():
    def shown(*places, idle):
        return [text_of(item) for item, _ in bar_items(places, 78, readonly=False, idle=idle)]

    assert shown("fleet", idle=EVE) == shown("fleet", idle={})
    assert "s stop safely" in shown("charts", "run", idle={})
    assert "s stop safely" not in shown("charts", "run", idle=EVE)


IDLE = [
    ({}, {"resume": "is running: there is nothing to resume"}),
    ({"status": Status.STOPPING},
     {"checkpoint": "is stopping, and saves last by that",
      "resume": "is stopping: there is nothing to resume"}),
    ({"status": Status.FINISHED, "last": LAST},
     dict.fromkeys(["stop", "stop_now", "checkpoint"], "is over: finished")),
    ({"status": Status.FAILED}, dict.fromkeys(["stop", "stop_now", "checkpoint"], "is over: failed")
     | {"resume": "has no checkpoint to resume from"}),
]  # fmt: skip


@pytest.mark.parametrize(("state", "why"), IDLE, ids=lambda value: str(value)[:40])
def test_which_keys_can_do_nothing_follows_from_what_the_run_does(state, why):
    assert idle_keys([view(**state)]) == why
    assert idle_keys([]) == {}


def test_a_log_of_another_tool_is_only_looked_at_and_one_live_run_of_several_is_enough():
    foreign = view(source="tensorboard")
    assert set(idle_keys([foreign])) == {*EVE, "snooze"}
    assert "stop" not in idle_keys([foreign, view()])
    assert "note" not in idle_keys([foreign, view()])


async def test_help_over_a_run_that_is_over_says_why_a_key_can_do_nothing_and_the_palette_offers_it_not():
    over = run_state(run_id="a", status=Status.FINISHED, last=LAST, last_event_t=time.time())
    app = dashboard(FakeFleet(FakeFollower(over)))
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("question_mark")
        await shows(pilot, "(not now: is over: finished)")
        await pilot.press("question_mark", "s")
        await shows(pilot, "Safe stop", "over")
        await pilot.press("escape", "colon", *"stop")
        await shows(pilot, "1 of 1", "leave; no training is ever stopped by that")


DIALOGS = [("s", "Dialogs: stop, checkpoint, resume"), ("c", "Dialogs: stop, checkpoint, resume")]


@pytest.mark.parametrize(("key", "title"), DIALOGS)
async def test_help_over_a_dialog_begins_with_its_keys_and_goes_back_to_it(key, title):
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, DialogScreen))
        dialog = app.screen
        await pilot.press("question_mark")
        seen = await shows(pilot, "Keys", title)
        assert seen.splitlines()[2].strip() == title
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is dialog)


async def test_help_over_the_export_of_a_chart_begins_with_its_keys():
    app = dashboard(example_fleet())
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("down", "enter")
        await shows(pilot, "accuracy")
        await pilot.press("e")
        await shows(pilot, "CSV")
        await pilot.press("question_mark")
        seen = await shows(pilot, "Keys", "Export of a chart")

    assert seen.splitlines()[2].strip() == "Export of a chart"


async def test_somebody_elses_run_says_so_in_its_head_before_a_key_is_pressed():
    fleet = FakeFleet(FakeFollower(run_state(run_id="a", monitor=MONITOR, last_event_t=time.time())))
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        app.feed.stop()
        (only,) = app.snapshot.runs
        app.show_snapshot(type(app.snapshot).of((replace(only, owner="eve"),)))
        app.open_run(only.path)
        await shows(pilot, "eve's run: only to look at")
        await pilot.press("c")
        await shows(pilot, "This run belongs to eve: no checkpoint can be asked for")
        await pilot.press("escape", "m")
        await shows(pilot, "This run belongs to eve: nothing can be written to it from here")


async def test_read_only_takes_none_of_the_acting_keys():
    app = dashboard(example_fleet(), readonly=True)
    async with app.run_test(size=(140, 40)) as pilot:
        await shows(pilot, "digits")
        for key in ("s", "S", "c", "r", "m", "number_sign", "a"):
            await pilot.press(key)
            assert not app.screen.is_modal
        app.ask_note(next(iter(app.snapshot.by_path)))
        assert not app.screen.is_modal
        footer = screen_text(app).splitlines()[-1]
        assert not [word for word in ("stop", "checkpoint", "resume", "note", "tag") if word in footer]


def test_a_folder_that_cannot_be_written_is_known_as_such(tmp_path, monkeypatch):
    (tmp_path / "control").mkdir()
    assert unwritable(tmp_path) == ""

    monkeypatch.setattr(os, "access", lambda path, mode: False)

    assert unwritable(tmp_path) == "cannot be written by this user"


def test_a_resume_is_refused_with_the_commands_own_words_while_a_holder_lives(over):
    lease = Lease(over.paths.lease("trainer"))
    lease.take(1, rank=0)
    try:
        plan = plan_resume(over.paths.root, 1)
    finally:
        lease.release()

    assert "is still being trained by pid" in plan.problem
    assert not (over.paths.root / "attempts/2.json").exists()


async def test_a_run_that_has_just_ended_is_asked_again_until_its_supervisor_is_done(over):
    for weights in over.paths.checkpoints.glob("*/rank0.pt"):
        weights.unlink()
    lease = Lease(over.paths.lease("supervisor"))
    lease.take(1)
    app = Dashboard([over.paths.root.parent])
    async with app.run_test(size=(100, 30)) as pilot:
        await shows(pilot, "stopped")
        await pilot.press("r")
        await shows(pilot, "its supervisor still proves the checkpoints")
        await pilot.press("enter")
        lease.release()
        text = await shows(pilot, "no checkpoint of", "can be used")
        assert "enter  resume" not in text


async def test_an_answer_that_comes_after_the_dialog_was_left_does_no_harm(over, monkeypatch):
    app = Dashboard([over.paths.root.parent])
    answers = []
    monkeypatch.setattr(app, "plan_resume", lambda view, answered: answers.append(answered))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "stopped")
        await pilot.press("r")
        await until(pilot, lambda: answers)
        await pilot.press("escape")
        await until(pilot, lambda: not app.screen.is_modal)
        app.post_message(app.Sent(Plan(problem="r is still being supervised"), answers[0]))
        app.post_message(app.Sent(Plan(), answers[0]))
        await pilot.pause(0.1)
        await pilot.press("m")
        await shows(pilot, "no notes yet")


def test_a_module_of_the_users_project_does_not_stand_in_for_one_of_guards(over, tmp_path):
    (tmp_path / "click.py").write_text("raise SystemExit('the wrong one')")

    assert "the wrong one" not in plan_resume(over.paths.root, 1).problem


async def test_a_snooze_is_written_with_its_end_and_shown_as_one(over):
    app = Dashboard([over.paths.root.parent])
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await shows(pilot, "△ overfit")
        before = time.time()
        app.snooze(over.paths.root, "overfit", hours=2)
        await shows(pilot, "snoozed for 2 h")
        await until(pilot, lambda: app.snapshot.runs[0].state.signals[0].snoozed_until is not None)
        app.snooze(over.paths.root, "nan")
        await shows(pilot, "no signal to snooze")
    (file,) = over.paths.control.iterdir()
    assert stat.S_ISREG(file.stat().st_mode)
    assert 7200 <= json.loads(file.read_text())["until"] - before < 7300
