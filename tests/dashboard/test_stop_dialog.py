"""The safe stop from the dashboard: what is said, what is sent, what is shown afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dashboard_pilot import BEST, LAST, MONITOR, FakeFleet, FakeFollower, dashboard, screen_text, shows, until
from guardrun.events.commands import read_command
from guardrun.state.model import Status, StopStage
from guardtui.commanding import send_stop
from guardtui.glyphs import UNICODE
from guardtui.screens.stop import StopScreen
from guardtui.snapshot import RunView
from guardtui.text import text_of
from guardtui.viewmodel import stopping
from run_factory import T0, run_state


def texts(lines):
    return "\n".join(text_of(each) for each in lines)


def asked(owner="", elsewhere=False, **changes):
    view = RunView(Path("runs/a"), run_state(**changes), (), 0.0, owner, elsewhere)
    question = stopping.question(view, 72, UNICODE)
    return texts(question.lines), question


class RealFolder(FakeFleet):
    """One hand-made run in a real folder, so that commands are really written."""

    def __init__(self, folder: Path, **changes):
        self.state = {"run_id": folder.name, "monitor": MONITOR, "best": BEST, "attempt": 3, **changes}
        super().__init__(FakeFollower(run_state(**self.state)))
        self.folder = folder
        self.followers = {folder: next(iter(self.followers.values()))}

    def becomes(self, **changes):
        self.state |= changes
        self.change(0, **self.state)

    def sent(self):
        control = self.folder / "control"
        return (
            [read_command(control / name) for name in sorted(os.listdir(control))] if control.exists() else []
        )


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "run-a"
    made.mkdir()
    return made


def test_the_question_says_what_will_happen_and_what_is_kept():
    said, question = asked(best=BEST)

    assert "writes a last checkpoint" in said
    assert "The best checkpoint stays: step 400 (0.3301)." in said
    assert question.allowed
    assert not question.loses_work


def test_a_run_that_cannot_be_saved_needs_a_surer_yes():
    said, question = asked(can_save=False)

    assert "guard cannot save this run" in said
    assert question.loses_work


def test_a_command_without_the_library_is_promised_no_checkpoint_and_no_answer():
    said, question = asked(can_save=False, phase="")

    assert "no checkpoint is promised" in said.replace("\n", " ")
    assert "writes a last checkpoint" not in said
    assert question.loses_work

    stop = (StopStage("requested", T0), StopStage("SIGINT", T0, text="it does not read guard's commands"))
    state = run_state(status=Status.STOPPING, can_save=False, phase="", stop=stop)
    shown = texts(stopping.stage_lines(state, T0, 72, UNICODE))
    assert "SIGINT sent" in shown
    assert "training ended" in shown
    assert "seen by the training" not in shown


def test_nothing_is_being_proved_for_ever_in_a_run_that_ended_without_a_checkpoint():
    stop = (StopStage("requested", T0), StopStage("gone", T0 + 1), StopStage("verifying", T0 + 1))

    shown = texts(stopping.stage_lines(run_state(status=Status.STOPPED, stop=stop), T0, 72, UNICODE))

    assert "all processes gone" in shown
    assert "proving" not in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": Status.FINISHED}, "This run is over: finished."),
        ({"status": Status.ABORTED, "reason": "abort:nan"}, "over: aborted (because of nan)"),
        ({"status": Status.LOST}, "Nothing answers for this run"),
        ({"owner": "eve"}, "belongs to eve"),
    ],
)
def test_a_run_that_cannot_be_stopped_says_so_before(changes, words):
    said, question = asked(**changes)

    assert words in said
    assert not question.allowed


def test_a_run_of_another_host_is_stopped_with_a_word_about_the_delay():
    said, question = asked(elsewhere=True, host="node7")

    assert "It runs on node7" in said
    assert question.allowed


def test_stages_carry_their_times_and_the_missing_ones_are_listed():
    stages = (
        StopStage("requested", T0),
        StopStage("acknowledged", T0 + 0.4),
        StopStage("saved", T0 + 1.25, 1),
    )
    said = texts(stopping.stage_lines(run_state(stop=stages, status=Status.STOPPING), None, 72, UNICODE))

    assert said.splitlines() == [
        "✓ requested  0.0s",
        "✓ seen by the training  0.4s",
        "✓ last checkpoint written (rank 1)  1.2s",
        "… training ended",
        "… all processes gone",
        "… checkpoint proved intact",
    ]


def test_a_stage_that_goes_on_gives_way_to_its_end():
    begun = (StopStage("requested", T0), StopStage("saving", T0 + 0.5))
    done = (*begun, StopStage("saved", T0 + 2, 0, "checkpoints/step-500-a1"))

    said = [
        texts(stopping.stage_lines(run_state(stop=stop, status=Status.STOPPING), None, 72, UNICODE))
        for stop in (begun, done)
    ]

    assert "… writing the last checkpoint  0.5s" in said[0]
    assert "last checkpoint written" not in said[0]
    assert "✓ last checkpoint written  2.0s  checkpoints/step-500-a1" in said[1]
    assert "writing" not in said[1]


def test_nothing_is_promised_that_no_supervisor_will_do():
    state = run_state(status=Status.STOPPING, supervised=False, can_save=False)

    said = texts(stopping.stage_lines(state, T0, 72, UNICODE))

    assert "request sent, waiting for an answer" in said
    assert "proved" not in said
    assert "checkpoint written" not in said


async def test_s_and_enter_write_exactly_one_command_whatever_is_pressed_after(folder):
    fleet = RealFolder(folder)
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("s")
        await shows(pilot, "Safe stop", "best checkpoint stays", "enter  stop safely")
        assert fleet.sent() == []
        await pilot.press("enter", "enter", "y", "y", "s")
        await shows(pilot, "request sent, waiting for an answer")
        await until(pilot, fleet.sent)
        await pilot.press("enter", "y")

    (command,) = fleet.sent()
    assert (command.command, command.attempt, command.via, command.hurry, command.now) == (
        "stop",
        3,
        "watch",
        False,
        False,
    )


async def test_escape_sends_nothing(folder):
    fleet = RealFolder(folder)
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("enter")
        await shows(pilot, "1 charts")
        await pilot.press("s")
        await shows(pilot, "Safe stop")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, StopScreen))

    assert fleet.sent() == []


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_the_dashboard_can_be_left_from_the_dialog_and_nothing_is_sent_by_that(folder, key):
    fleet = RealFolder(folder)
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("s")
        await shows(pilot, "Safe stop")
        await pilot.press("question_mark")
        await shows(pilot, "List of runs")
        await pilot.press("question_mark")
        await shows(pilot, "Safe stop")
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running)

    assert app.return_code == 0
    assert fleet.sent() == []


async def test_enter_alone_never_loses_work(folder):
    fleet = RealFolder(folder, can_save=False)
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("s")
        await shows(pilot, "y  stop it anyway")
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert fleet.sent() == []
        await pilot.press("y")
        await until(pilot, lambda: len(fleet.sent()) == 1)


async def test_a_run_that_is_over_offers_no_stop(folder):
    fleet = RealFolder(folder, status=Status.FINISHED, reason="completed")
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("s")
        text = await shows(pilot, "This run is over: finished.", "esc close")
        assert "stop safely" not in text.replace("s stop safely", "")
        await pilot.press("y", "enter")
        await pilot.pause()

    assert fleet.sent() == []


async def test_stages_appear_as_they_happen_up_to_what_was_kept(folder):
    fleet = RealFolder(folder)
    app = dashboard(fleet)
    async with app.run_test(size=(80, 30)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("s", "y")
        await shows(pilot, "waiting for an answer")
        stages = [StopStage("requested", T0), StopStage("acknowledged", T0 + 0.3)]
        fleet.becomes(status=Status.STOPPING, stop=tuple(stages))
        await shows(pilot, "✓ seen by the training  0.3s", "… last checkpoint written")
        stages += [
            StopStage("saved", T0 + 0.5),
            StopStage("verified", T0 + 0.9),
            StopStage("ended", T0 + 1.0),
        ]
        fleet.becomes(status=Status.STOPPED, reason="stop:watch", stop=tuple(stages), last=LAST)
        await shows(
            pilot,
            "✓ checkpoint proved intact  0.9s",
            "■ stopped at step 500",
            "best: checkpoints/step-400-a1 ✓ verified",
            "go on with: guard run --resume",
        )
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, StopScreen))


async def test_on_a_small_terminal_the_newest_stages_and_the_keys_stay_in_sight(folder):
    """What is cut is the oldest: the offered rung and its key must never fall off the screen."""
    stages = [StopStage(name, T0 + n) for n, name in enumerate(("requested", "SIGINT", "SIGTERM", "ended"))]
    fleet = RealFolder(folder, status=Status.STOPPING, stop=tuple(stages), stop_offer="SIGKILL")
    app = dashboard(fleet)
    async with app.run_test(size=(40, 12)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("s")
        await shows(
            pilot, "Safe stop", "digits", "No progress. Next rung: SIGKILL", "S  SIGKILL", "esc close"
        )


async def test_the_next_rung_is_climbed_by_capital_s_once_for_each_offer(folder):
    stop = (StopStage("requested", T0), StopStage("acknowledged", T0 + 1))
    fleet = RealFolder(folder, status=Status.STOPPING, stop=stop)
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "◐ stopping")
        await pilot.press("s")
        await shows(pilot, "seen by the training")
        await pilot.press("S", "y", "enter")
        await pilot.pause()
        assert fleet.sent() == []

        fleet.becomes(stop_offer="SIGTERM")
        await shows(pilot, "No progress. Next rung: SIGTERM.", "S  SIGTERM")
        await pilot.press("S", "S")
        await shows(pilot, "asked for SIGTERM")
        await until(pilot, lambda: len(fleet.sent()) == 1)
        fleet.becomes(stop_offer="SIGKILL")
        await shows(pilot, "Next rung: SIGKILL. Steps since the last checkpoint")
        await pilot.press("S")
        await until(pilot, lambda: len(fleet.sent()) == 2)

    assert [command.hurry for command in fleet.sent()] == [True, True]


async def test_the_run_screen_tells_the_stage_and_offers_the_next_rung(folder):
    stop = (StopStage("requested", T0), StopStage("acknowledged", T0 + 1), StopStage("saving", T0 + 2))
    fleet = RealFolder(folder, status=Status.STOPPING, stop=stop)
    app = dashboard(fleet, focus=folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "◐ stopping writing the last checkpoint")
        fleet.becomes(stop_offer="SIGTERM")
        await shows(pilot, "no progress: S goes on to SIGTERM")
        await pilot.press("S")
        await shows(pilot, "Safe stop", "Next rung: SIGTERM")
        assert fleet.sent() == []
        await pilot.press("S")
        await until(pilot, lambda: [command.hurry for command in fleet.sent()] == [True])


async def test_a_folder_that_cannot_be_written_is_said_and_can_be_tried_again(folder):
    fleet = RealFolder(folder)
    (folder / "control").write_text("a file is in the way")
    app = dashboard(fleet)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        await pilot.press("s", "y")
        await shows(pilot, "the request cannot be written", "enter  stop safely")
        (folder / "control").unlink()
        await pilot.press("y")
        await until(pilot, lambda: len(fleet.sent()) == 1)


async def test_read_only_neither_shows_nor_takes_the_stop_key(folder):
    fleet = RealFolder(folder)
    app = dashboard(fleet, readonly=True)
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shows(pilot, "digits")
        assert "stop safely" not in text
        await pilot.press("s", "y", "enter", "s", "S")
        await pilot.pause()
        assert not isinstance(app.screen, StopScreen)
        assert "stop safely" not in screen_text(app)

    assert fleet.sent() == []


def test_a_request_names_its_attempt(folder):
    assert send_stop(folder, 2, hurry=True) == ""

    (command,) = [read_command(each) for each in (folder / "control").iterdir()]
    assert (command.attempt, command.hurry) == (2, True)
