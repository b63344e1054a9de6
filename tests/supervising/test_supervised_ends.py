"""How a supervised training ends, and what is written about it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from waiting import wait_for


def test_a_training_that_finishes_is_finished_with_exit_0(run):
    run.trainer("steps=5")
    assert run.supervise().wait(30) == 0
    end = run.end()
    assert (end["status"], end["reason"], end["exit_code"], end["guard_exit"]) == (
        "finished",
        "completed",
        0,
        0,
    )
    assert end["step"] == 5
    header, start = run.events()[:2]
    assert (header["kind"], header["writer"], header["attempt"]) == ("header", "supervisor", 1)
    assert (start["kind"], start["attempt"]) == ("run_start", 1)


def test_a_run_whose_stacks_nobody_needed_has_no_folder_for_them(run):
    run.script(
        """
        import guardrun, os
        with guardrun.start() as run:
            run.log(loss=1.0)
            print("offered", os.listdir(run.path / "stacks"))
        """,
        library=True,
    )
    assert run.supervise().wait(30) == 0
    assert "offered ['raw.rank0.txt']" in run.paths.console.read_text()
    assert run.events("header", run.paths.events())[0]["stack_signal"] > 34
    assert not run.paths.stacks.exists()


def test_output_goes_to_the_console_file_and_standard_input_is_empty(run):
    run.script("import sys; print('said', repr(sys.stdin.read())); print('complained', file=sys.stderr)")
    assert run.supervise().wait(30) == 0
    assert run.paths.console.read_text() == "said ''\ncomplained\n"


def test_the_training_finds_its_run_and_the_configs_environment(run):
    run.script(
        "import os; print(os.environ['GUARDRUN_DIR'], os.environ['GUARDRUN_ATTEMPT'],"
        " os.environ['PYTHONUNBUFFERED'], os.environ['LEVEL'])",
        env={"LEVEL": "7"},
    )
    assert run.supervise().wait(30) == 0
    assert run.paths.console.read_text() == f"{run.paths.root.resolve()} 1 1 7\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["no-such-program-of-mine"], "command not found: no-such-program-of-mine"),
        (["/etc/passwd"], "not executable: /etc/passwd"),
        ([], "names no command"),
    ],
)
def test_a_command_that_cannot_start_fails_with_a_reason(run, command, words):
    run.attempt(command)
    assert run.supervise().wait(30) == 1
    end = run.end()
    assert (end["status"], end["exit_code"], end["guard_exit"]) == ("failed", None, 1)
    assert words in end["error"]


def test_an_exception_is_a_failure_with_the_trainings_own_reason(run):
    run.trainer("crash_at=3")
    assert run.supervise().wait(30) == 1
    end = run.end()
    assert (end["status"], end["reason"], end["exit_code"]) == ("failed", "exception", 1)
    assert "on purpose" in end["error"]


def test_an_exit_code_without_a_word_is_a_failure(run):
    run.script("raise SystemExit(7)")
    assert run.supervise().wait(30) == 1
    assert (run.end()["status"], run.end()["reason"], run.end()["exit_code"]) == ("failed", "exit code 7", 7)


def test_a_trainer_killed_while_it_writes_is_killed_and_its_lines_stand(run):
    """kill -9 in the middle of a stream of events: status killed, exit 1, nothing is lost."""
    run.trainer("every=0.0005")
    supervisor = run.supervise()
    wait_for(lambda: run.steps() > 50)
    os.kill(run.training_pid(), signal.SIGKILL)
    assert supervisor.wait(30) == 1
    end = run.end()
    assert (end["status"], end["reason"], end["exit_code"]) == ("killed", "SIGKILL", -9)
    assert end["step"] >= 50


def test_a_fault_in_the_script_after_the_run_had_finished_is_a_failure(run):
    trainer = str(Path(__file__).with_name("stand_in_trainer.py"))
    run.script(
        f"""
        import runpy, sys
        sys.argv = ["trainer", "steps=2"]
        runpy.run_path({trainer!r}, run_name="__main__")
        sys.exit(4)
        """
    )
    assert run.supervise().wait(30) == 1
    assert (run.end()["status"], run.end()["reason"]) == ("failed", "exit code 4")


def test_system_numbers_are_sampled_with_an_honest_gpu_note(run):
    run.trainer("steps=40", "every=0.01")
    run.supervise().wait(30)
    header = run.events("header", run.paths.system)[0]
    assert header["writer"] == "system"
    assert bool(header["gpus"]) != bool(header["gpu_note"])
    sample = run.events("system", run.paths.system)[-1]
    for key in (
        "cpu/percent",
        "memory/used_bytes",
        "memory/total_bytes",
        "disk/free_bytes",
        "tree/processes",
    ):
        assert sample[key] >= 0


def test_a_second_supervisor_is_refused_and_the_first_goes_on(run):
    run.trainer()
    first = run.supervise()
    wait_for(lambda: run.steps() > 1)
    assert run.supervise().wait(30) not in (0, None)
    assert "already has a supervisor" in run.complaints()
    assert first.poll() is None
    run.stop()
    assert first.wait(30) == 0


def test_an_attempt_without_its_file_is_a_plain_error(run):
    process = run.supervise(number=9)
    assert process.wait(30) != 0
    assert "attempts/9.json" in run.complaints()


def test_the_supervisor_module_can_be_started_by_name(run):
    """`python -m guardrun.supervising` through spawn_supervisor: detached, logging into the run directory."""
    from guardrun.supervising.spawning import spawn_supervisor

    run.trainer("steps=3")
    pid = spawn_supervisor(run.paths, 1)
    assert os.getsid(pid) == pid
    wait_for(lambda: run.events("run_end"))
    assert run.end()["status"] == "finished"
