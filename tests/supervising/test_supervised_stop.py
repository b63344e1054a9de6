"""Stops of real processes: safe ones, forced ones, by people, policy and budget."""

from __future__ import annotations

import os
import signal

import pytest

from waiting import wait_for


def started(run, **tempo):
    supervisor = run.supervise(**tempo)
    wait_for(lambda: run.steps() > 2, what=run.complaints())
    return supervisor


def test_a_safe_stop_saves_and_is_told_stage_by_stage(run, is_gone):
    run.trainer("save=0.1")
    supervisor = started(run)
    pid = run.training_pid()
    run.stop(via="watch")
    assert supervisor.wait(30) == 0
    end = run.end()
    assert (end["status"], end["reason"], end["exit_code"]) == ("stopped", "stop:watch", 0)
    stages = run.stages()
    assert stages[:6] == ["requested", "acknowledged", "saving", "saved", "ended", "gone"]
    assert stages[6] == "verifying"
    assert is_gone(pid)
    requested = run.events("phase")[0]
    assert (requested["phase"], requested["via"]) == ("stop", "watch")
    assert requested["id"]


def test_a_slow_save_is_never_disturbed_while_the_checkpoint_grows(run):
    """The grace of 0.3 s is over many times, but the folder grows: no rung is climbed, even by a policy."""
    run.trainer("save=1.5", stop={"grace": 0.3})
    supervisor = started(run)
    run.stop(via="policy", reason="stop:overfit")
    assert supervisor.wait(30) == 0
    assert not {"SIGINT", "SIGTERM", "SIGKILL", "offer"} & set(run.stages())


def test_a_person_is_offered_the_next_rung_and_climbs_it_by_asking_again(run, is_gone):
    run.trainer("ignore", stop={"grace": 0.2})
    supervisor = started(run)
    pid = run.training_pid()
    run.stop(via="watch")
    wait_for(lambda: "offer" in run.stages())
    assert not is_gone(pid)
    for rung in ("SIGINT", "SIGTERM", "SIGKILL"):
        assert rung not in run.stages()
        run.stop(via="watch", hurry=True)
        wait_for(lambda rung=rung: rung in run.stages())
    assert supervisor.wait(30) == 5
    end = run.end()
    assert (end["status"], end["reason"], end["exit_code"]) == ("killed", "stop:watch", -9)
    assert is_gone(pid)


def test_a_stop_with_a_grace_of_its_own_climbs_to_the_end_unasked(run):
    run.trainer("ignore")
    supervisor = started(run)
    run.stop(grace=0.2)
    assert supervisor.wait(30) == 5
    assert [stage for stage in run.stages() if stage.startswith("SIG")] == ["SIGINT", "SIGTERM", "SIGKILL"]


def test_a_training_that_hangs_after_its_end_is_ended_and_still_counts_as_stopped(run):
    run.trainer("hang_at_exit")
    supervisor = started(run)
    run.stop(grace=0.3)
    assert supervisor.wait(30) == 0
    assert run.end()["status"] == "stopped"
    assert "SIGKILL" in run.stages()


def test_a_nan_aborts_by_policy_with_exit_3(run):
    run.trainer("nan_at=8", policy={"nan": "abort"}, monitor={"metric": "val/loss", "mode": "min"})
    assert run.supervise().wait(30) == 3
    end = run.end()
    assert (end["status"], end["reason"]) == ("aborted", "abort:nan")
    raised = [one for one in run.events("signal") if one["id"] == "nan"][-1]
    assert (raised["state"], raised["severity"], raised["action"]) == ("raised", "act", "abort")
    assert raised["first_step"] == 8
    assert run.events("phase")[0]["via"] == "policy"


def test_a_policy_that_only_warns_records_and_does_nothing(run):
    run.trainer("nan_at=8", "steps=60", policy={"nan": "warn"})
    assert run.supervise().wait(30) == 0
    assert run.end()["status"] == "finished"
    assert {(one["id"], one["action"]) for one in run.events("signal")} == {("nan", "warn")}
    assert run.stages() == []


def test_a_deaf_training_that_explodes_is_ended_by_rungs_and_still_exits_3(run):
    run.trainer("nan_at=8", "ignore", policy={"nan": "abort"}, stop={"grace": 0.2})
    assert run.supervise().wait(30) == 3
    assert (run.end()["status"], run.end()["reason"]) == ("aborted", "abort:nan")


@pytest.mark.parametrize(
    ("budget", "cost", "which"),
    [({"time": 0.5}, {}, "time"), ({"steps": 5}, {}, "steps"), ({"cost": 0.5}, {"per_hour": 3600.0}, "cost")],
)
def test_a_budget_ends_a_run_as_finished(run, budget, cost, which):
    run.trainer(budget=budget, cost=cost)
    assert run.supervise().wait(30) == 0
    end = run.end()
    assert end["reason"] == f"budget:{which}"
    assert end["guard_exit"] == 0


def test_time_that_earlier_attempts_used_counts(run):
    """An hour of it is made: the first attempt is said to have begun an hour earlier than it did."""
    run.trainer("steps=2")
    run.supervise().wait(30)
    log = run.paths.root / "supervisor.jsonl"
    begun = run.events("run_start")[0]["t"]
    log.write_text(log.read_text().replace(f'"t":{begun}', f'"t":{begun - 3600}'))
    assert run.events("run_start")[0]["t"] == begun - 3600
    run.trainer(number=2, budget={"time": 3600})
    assert run.supervise(number=2).wait(30) == 0
    assert run.events("run_end")[1]["reason"] == "budget:time"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_supervisor_is_a_safe_stop(run, number):
    run.trainer()
    supervisor = started(run)
    supervisor.send_signal(number)
    assert supervisor.wait(30) == 0
    assert (run.end()["status"], run.end()["reason"]) == ("stopped", "stop:sigterm")


def test_hangup_does_not_reach_anybody(run):
    run.trainer("steps=50")
    supervisor = started(run)
    supervisor.send_signal(signal.SIGHUP)
    assert supervisor.wait(30) == 0
    assert run.end()["status"] == "finished"


def test_a_control_file_of_nonsense_is_noted_and_not_obeyed(run):
    run.trainer("steps=60")
    supervisor = started(run)
    (run.paths.control / "1.json").write_text("rm -rf")
    (run.paths.control / "2.json").symlink_to("/etc/passwd")
    assert supervisor.wait(30) == 0
    assert "1.json ignored: it is not JSON" in run.notes()
    assert "2.json ignored" in run.notes()


def test_a_command_for_another_attempt_is_not_obeyed(run):
    run.trainer("steps=40")
    supervisor = started(run)
    run.stop(attempt=2)
    assert supervisor.wait(30) == 0
    assert run.end()["status"] == "finished"


def test_a_foreign_command_is_stopped_by_sigint(run):
    """Without our library: SIGINT at once, KeyboardInterrupt ends it, and that is a stop, not a failure."""
    run.script("import time; print('up', flush=True); time.sleep(60)")
    supervisor = run.supervise()
    wait_for(lambda: run.paths.console.exists() and b"up" in run.paths.console.read_bytes())
    run.stop()
    assert supervisor.wait(30) == 0
    assert (run.end()["status"], run.end()["reason"]) == ("stopped", "stop:cli")
    assert run.stages()[:2] == ["requested", "SIGINT"]
    assert "KeyboardInterrupt" in run.paths.console.read_text()


def test_a_foreign_command_in_a_shell_script_gets_the_sigint_and_the_script_ends(run):
    run.attempt(
        [
            "bash",
            "-c",
            "python3 -c \"import time; print('up', flush=True); time.sleep(60)\"; echo went on; true",
        ]
    )
    supervisor = run.supervise()
    wait_for(lambda: run.paths.console.exists() and b"up" in run.paths.console.read_bytes())
    run.stop()
    assert supervisor.wait(30) == 0
    assert "went on" not in run.paths.console.read_text()
    assert "KeyboardInterrupt" in run.paths.console.read_text()


def test_ranks_are_told_by_their_pids_and_the_launcher_is_left_alone(run):
    """A launcher with two ranks: SIGTERM and SIGINT reach the ranks, never the launcher above them."""
    trainer = os.path.join(os.path.dirname(__file__), "stand_in_trainer.py")
    run.script(
        f"""
        import os, signal, subprocess, sys
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: print("launcher was hit", flush=True))
        ranks = [
            subprocess.Popen([sys.executable, {trainer!r}, "deaf"], env={{**os.environ, "RANK": str(rank)}})
            for rank in range(2)
        ]
        sys.exit(max(abs(rank.wait()) for rank in ranks))
        """,
        library=True,
    )
    supervisor = started(run)
    wait_for(lambda: run.events("metrics", run.paths.events(1)))
    run.stop(grace=3.0, hurry=True)
    assert supervisor.wait(30) == 5
    assert "launcher was hit" not in run.paths.console.read_text()
    assert "SIGINT" in run.stages()
    assert "SIGKILL" not in run.stages()
