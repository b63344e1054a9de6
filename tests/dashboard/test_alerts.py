"""Alerts: of what is new and bad, told once, by bell, terminal or command, and never by an injected word."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard_pilot import MONITOR, NAN, OVERFIT, FakeFleet, FakeFollower, curves, dashboard, shows, until
from guardrun.state.model import Status
from guardtui.alarm import desktop_sequence, run_command, words_of
from guardtui.snapshot import RunView, Snapshot
from guardtui.viewmodel.alerting import Alert, Lookout
from pty_terminal import PtyTerminal, watch_command
from run_factory import RunWriter, run_state
from waiting import wait_for

ALERT = Alert(Path("/runs/a"), "digits", "nan", "nan: train/loss became NaN at step 480")


def picture(*views: tuple[str, object], loading: bool = False) -> Snapshot:
    return Snapshot.of(tuple(RunView(Path("/runs") / name, state) for name, state in views), loading=loading)


def told(lookout: Lookout, *views, loading=False) -> list[str]:
    return [each.signal for each in lookout.news(picture(*views, loading=loading))]


def test_what_was_there_at_the_start_is_never_told():
    lookout = Lookout()
    bad = run_state(signals=(NAN,))

    assert told(lookout, ("a", bad), loading=True) == []
    assert told(lookout, ("a", bad), ("b", bad)) == []
    assert told(lookout, ("a", replace(bad, step=501)), ("b", bad)) == []


def test_a_new_act_signal_is_told_once_and_a_warning_is_not():
    lookout = Lookout()
    told(lookout, ("a", run_state()))

    assert told(lookout, ("a", run_state(signals=(OVERFIT,)))) == []
    assert told(lookout, ("a", run_state(signals=(OVERFIT, NAN)))) == ["nan"]
    assert told(lookout, ("a", run_state(step=700, signals=(OVERFIT, NAN)))) == []
    again = replace(NAN, raised_at=900)
    assert told(lookout, ("a", run_state(signals=(again,)))) == ["nan"]


def test_a_signal_that_somebody_knows_of_is_not_told():
    lookout = Lookout()
    told(lookout, ("a", run_state()))

    assert told(lookout, ("a", run_state(signals=(replace(NAN, acknowledged_at=490),)))) == []


def test_a_bad_end_is_told_and_a_good_one_is_not():
    lookout = Lookout()
    told(lookout, *((name, run_state()) for name in "abcd"))

    ends = (Status.FAILED, Status.FINISHED, Status.KILLED, Status.STOPPED)
    after = [(name, run_state(status=status)) for name, status in zip("abcd", ends, strict=True)]

    assert told(lookout, *after) == ["failed", "killed"]
    assert told(lookout, *((name, replace(state, step=9)) for name, state in after)) == []


def test_a_run_that_appears_later_is_watched_but_not_one_that_is_over_already():
    lookout = Lookout()
    told(lookout)

    over = run_state(status=Status.ABORTED, signals=(NAN,))
    assert told(lookout, ("old", over)) == []
    assert told(lookout, ("old", over), ("new", run_state(signals=(NAN,)))) == ["nan"]


def test_text_of_a_run_reaches_the_terminal_as_text_alone():
    lookout = Lookout()
    hostile = replace(NAN, message="\x1b]0;pwned\x07 x\x1b\\" + "y" * 900)
    lookout.news(picture(("a", run_state())))
    (alert,) = lookout.news(picture(("a", run_state(name="\x07\x1b[2Jn", signals=(hostile,)))))

    bare = desktop_sequence(words_of([alert, alert]), {})
    assert bare.startswith("\x1b]9;guard: ")
    assert bare.endswith("(and 1 more)\x07")
    assert [bare.count(char) for char in "\x1b\x07"] == [1, 1]
    assert len(bare) < 500


def test_a_notification_passes_through_tmux_and_screen():
    assert desktop_sequence("hi", {"TMUX": "x"}) == "\x1bPtmux;\x1b\x1b]9;hi\x07\x1b\\"
    assert desktop_sequence("hi", {"STY": "x"}) == "\x1bP\x1b]9;hi\x07\x1b\\"


def test_a_command_gets_what_happened_in_its_environment_and_not_in_its_words(tmp_path):
    mark = tmp_path / "mark"
    evil = ALERT._replace(message=f"$(touch {mark})`touch {mark}`'; touch {mark} #\0")
    out = tmp_path / "out"

    said = run_command(
        f'printf "%s|" "$GUARD_RUN" "$GUARD_SIGNAL" "$GUARD_MESSAGE" "$GUARD_MORE" > {out}', [evil] * 3
    )

    assert said == ""
    assert out.read_text() == f"/runs/a|nan|{evil.message[:-1]}|2|"
    assert not mark.exists()


def test_a_command_that_fails_or_hangs_is_told_and_hurts_nothing(tmp_path):
    assert "exit code 3: no such thing" in run_command("echo no such thing >&2; exit 3", [ALERT])
    pid = tmp_path / "pid"
    assert "was ended" in run_command(f"echo $$ > {pid}; sleep 60 & wait", [ALERT], patience_s=0.3)
    wait_for(lambda: not alive(int(pid.read_text())), what="its end")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_the_dashboard_runs_the_command_once_for_a_burst_and_only_when_it_was_asked_to(tmp_path):
    out = tmp_path / "out"
    fleet = FakeFleet(*(FakeFollower(run_state(run_id=name, monitor=MONITOR), curves()) for name in "ab"))
    app = dashboard(fleet)
    app.on_act = f'echo "$GUARD_NAME $GUARD_SIGNAL $GUARD_MORE" >> {out}'
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "digits")
        for number, name in enumerate("ab"):
            fleet.change(number, run_id=name, monitor=MONITOR, signals=(NAN,), last_event_t=time.time())
        await until(pilot, lambda: out.exists() and out.read_text().endswith("\n"))
        fleet.change(0, run_id="a", status=Status.ABORTED, reason="abort:nan", signals=(NAN,))
        await shows(pilot, "aborted")
        assert out.read_text() == "digits nan 1\n"


@pytest.mark.terminal
def test_a_real_signal_rings_notifies_through_tmux_and_runs_the_command(tmp_path):
    settings = tmp_path / "config" / "guardrun" / "dashboard.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"bell": true, "desktop": true}')
    run = RunWriter(tmp_path / "runs", "digits", suffix="0001", t=time.time() - 20)
    run.start()
    run.supervise()
    run.train(100)
    out = tmp_path / "out"
    command = watch_command("--on-act", f'echo "$GUARD_NAME $GUARD_SIGNAL" >> {out}', str(tmp_path / "runs"))
    screen = PtyTerminal(command, XDG_CONFIG_HOME=str(tmp_path / "config"), TMUX="/tmp/x,1,0")
    try:
        screen.shows("digits")
        before = screen.settled()
        run.t = time.time()
        run.signal("nan", severity="act", action="abort", message="train/loss became NaN")
        sent = screen.shows(
            "\x1bPtmux;\x1b\x1b]9;guard: digits: nan: train/loss became NaN\x07\x1b\\", after=before
        )
        assert sent.count(b"\x07") == 2, "the bell, and the end of the notification"
        wait_for(lambda: out.exists() and out.read_text() == "digits nan\n", what="the command")
    finally:
        screen.close()
