"""A run begins and ends with its process, whatever the process does; the process never notices."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import guardrun
from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.events.run_ids import create_run
from guardrun.provenance.host import lease_liveness, read_lease
from waiting import wait_for

LOOP = """
import guardrun, time
with guardrun.start() as run:
    while not run.should_stop:
        run.log(loss=0.5, step=run.step + 1)
        time.sleep(0.002)
print("after", run.stop_reason)
"""


def ends(script: Any, run: int = 0) -> list[tuple[str, str]]:
    return [(end["status"], end["reason"]) for end in script.events("run_end", run=run)]


def test_alone_it_makes_a_run_that_says_what_it_came_from(script: Any) -> None:
    done = script.run(
        "import guardrun\n"
        "with guardrun.start(config={'lr': 0.1, 'seed': 3}, monitor='val_acc', group='g') as run:\n"
        "    run.log(loss=1.0)\n"
        "    print(run.params.lr, run.config.seed, run.config.monitor.mode)\n"
    )

    assert (done.returncode, done.stdout.split()) == (0, ["0.1", "3", "max"]), done.stderr
    (folder,) = (script.folder / "runs").iterdir()
    launch = json.loads((folder / "attempts/1.json").read_text())
    assert launch["config"]["params"] == {"lr": 0.1}
    assert launch["command"][-1].endswith("train.py")
    assert {"commit", "dirty"} <= launch["git"].keys()
    assert launch["environment"]["python"]
    identity = json.loads((folder / "run.json").read_text())
    assert (identity["name"], identity["group"]) == ("train", "g")
    kinds = [event["kind"] for event in script.events()]
    assert kinds[:2] == ["header", "run_start"]
    assert kinds[-1] == "run_end"
    assert ends(script) == [("finished", "completed")]
    assert lease_liveness(read_lease(folder / "leases/trainer.json")) == "dead"


def test_without_with_the_run_ends_with_the_process(script: Any) -> None:
    done = script.run("import guardrun\nrun = guardrun.start()\nrun.log(loss=1.0)\n")

    assert done.returncode == 0
    assert ends(script) == [("finished", "completed")]


@pytest.mark.parametrize("form", ["with guardrun.start() as run:", "run = guardrun.start()\nif True:"])
def test_an_exception_is_recorded_and_shown_as_without_guard(script: Any, form: str) -> None:
    text = f"import sys, guardrun\n{form}\n    run.log(loss=1.0)\n    raise ValueError('my own mistake')\n"

    done = script.run(text)

    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("ValueError: my own mistake")
    assert "Traceback (most recent call last)" in done.stderr
    assert "guardrun" not in done.stderr.replace("guardrun.start()", "")
    (end,) = script.events("run_end")
    assert (end["status"], end["reason"], end["error"]) == (
        "failed", "exception", "ValueError: my own mistake",
    )  # fmt: skip


def test_a_hook_for_exceptions_of_the_script_s_own_still_runs(script: Any) -> None:
    done = script.run(
        "import sys, guardrun\n"
        "sys.excepthook = lambda *error: print('mine', error[0].__name__)\n"
        "run = guardrun.start()\nraise KeyError(1)\n"
    )

    assert (done.returncode, done.stdout.strip()) == (1, "mine KeyError")
    assert ends(script) == [("failed", "exception")]


def test_a_hook_between_two_starts_that_calls_the_one_before_is_called_once(script: Any) -> None:
    done = script.run(
        "import sys, guardrun\nfirst = guardrun.start()\nbefore = sys.excepthook\n"
        "sys.excepthook = lambda *error: (print('mine'), before(*error))\n"
        "run = guardrun.start()\nraise KeyError(1)\n"
    )

    assert (done.returncode, done.stdout.split()) == (1, ["mine"])
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.rstrip().endswith("KeyError: 1")


@pytest.mark.parametrize(
    ("code", "end"),
    [("", ("finished", "completed")), ("0", ("finished", "completed")), ("3", ("failed", "exit code 3")),
     ("'no data'", ("failed", "exit code 1"))],
)  # fmt: skip
def test_sys_exit_within_the_run_keeps_its_code_and_is_the_reason(
    script: Any, code: str, end: tuple[str, str]
) -> None:
    done = script.run(f"import sys, guardrun\nwith guardrun.start() as run:\n    sys.exit({code})\n")

    assert done.returncode == (int(end[1].split()[-1]) if end[0] == "failed" else 0)
    assert ends(script) == [end]
    if end[0] == "failed":
        assert (
            script.events("run_end")[0]["error"]
            == f"sys.exit({code.strip(chr(39))}) in the middle of the run"
        )


def test_sigkill_leaves_whole_lines_and_every_number_that_log_returned_from(script: Any) -> None:
    process = script.start(
        "import guardrun, os\n"
        "run = guardrun.start()\n"
        "for step in range(1, 10**9):\n"
        "    run.log(step=step, **{f'metric_{i}': step / 7 for i in range(20)})\n"
        "    os.write(1, b'%d\\n' % step) if step % 100 == 0 else None\n"
    )
    assert process.stdout is not None
    for _ in range(20):
        returned = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()

    (file,) = script.folder.glob("runs/*/events.jsonl")
    raw = file.read_bytes()
    assert raw.endswith(b"\n")
    steps = [event["step"] for event in map(json.loads, raw.splitlines()) if event["kind"] == "metrics"]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) >= returned
    assert ends(script) == []
    assert lease_liveness(read_lease(file.parent / "leases/trainer.json")) == "dead"


def test_sigterm_stops_at_the_next_boundary(script: Any) -> None:
    process = script.start(LOOP)
    script.wait_for_step(3)

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out.split()) == (0, ["after", "stop:sigterm"]), err
    assert ends(script) == [("stopped", "stop:sigterm")]


def test_a_first_ctrl_c_stops_safely_and_a_second_interrupts(script: Any) -> None:
    process = script.start(LOOP.replace("while not run.should_stop:", "run.should_stop\n    while True:"))
    script.wait_for_step(3)

    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    line = process.stderr.readline() + process.stderr.readline()
    assert "press Ctrl-C again" in line
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)

    assert err.rstrip().endswith("KeyboardInterrupt")
    assert [end["error"] for end in script.events("run_end")] == ["KeyboardInterrupt"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_loop_that_never_asks_is_ended_by_a_signal_as_without_guard(
    script: Any, number: signal.Signals
) -> None:
    process = script.start(LOOP.replace("while not run.should_stop:", "while True:"))
    script.wait_for_step(3)

    process.send_signal(number)
    process.communicate(timeout=20)

    assert process.returncode == -number


def test_handlers_of_the_script_s_own_stay_in_force(script: Any) -> None:
    process = script.start(
        "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: (print('mine'), sys.exit(5)))\n" + LOOP
    )
    script.wait_for_step(3)

    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)

    assert (process.returncode, out.strip()) == (5, "mine")
    assert any("SIGTERM of this script's own" in note["text"] for note in script.events("note"))


def test_after_the_run_signals_are_as_before(begin: Callable[..., guardrun.Run]) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with begin():
        pass

    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_no_handlers_are_set_off_the_main_thread(script: Any) -> None:
    done = script.run(
        "import guardrun, signal, threading\n"
        "def work():\n"
        "    with guardrun.start() as run:\n"
        "        run.log(loss=1.0)\n"
        "        print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)\n"
        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()\n"
    )

    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr
    assert ends(script) == [("finished", "completed")]


def test_a_forked_child_is_inert(script: Any) -> None:
    done = script.run(
        "import guardrun, os, signal, sys, torch\n"
        "with guardrun.start() as run:\n"
        "    run.track(model=torch.nn.Linear(1, 1))\n"
        "    run.log(loss=1.0)\n"
        "    sys.stdout.flush()\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        run.log(loss=2.0); run.log(loss=3.0); run.evaluate({'val/loss': 0.0})\n"
        "        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL\n"
        "        assert guardrun.current_run() is None\n"
        "        assert os.listdir(run.path / 'checkpoints') == []\n"
        "        sys.exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "    run.log(loss=4.0)\n"
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("a forked process logs nothing") == 1
    assert [event["train/loss"] for event in script.events("metrics")] == [1.0, 4.0]
    assert ends(script) == [("finished", "completed")]


def test_a_worker_process_neither_logs_nor_keeps_the_lease(script: Any) -> None:
    """multiprocessing by fork, as DataLoader does it: the parent is killed, the worker lives on."""
    process = script.start(
        "import guardrun, multiprocessing, os, time\n"
        "def work(run):\n"
        "    run.log(loss=9.0)\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(60)\n"
        "run = guardrun.start()\n"
        "run.log(loss=1.0)\n"
        "worker = multiprocessing.get_context('fork').Process(target=work, args=(run,))\n"
        "worker.start()\ntime.sleep(60)\n"
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        (folder,) = (script.folder / "runs").iterdir()
        os.kill(worker, 0)
        from guardrun.provenance.host import Lease

        lease = Lease(RunPaths(folder).lease("trainer"))
        lease.take(2)
        lease.release()
    finally:
        os.kill(worker, signal.SIGKILL)
    assert [event["train/loss"] for event in script.events("metrics")] == [1.0]


def test_a_second_start_alone_closes_the_first_and_makes_another_run(script: Any) -> None:
    done = script.run(
        "import guardrun\n"
        "first = guardrun.start('a')\nfirst.log(loss=1.0)\n"
        "with guardrun.start('b') as second:\n"
        "    second.log(loss=2.0)\n    first.log(loss=3.0)\n"
        "    assert guardrun.current_run() is second\n"
    )

    assert done.returncode == 0, done.stderr
    logged = {
        script.events("header", run=i)[0]["run_id"].split("_")[2]: [
            e["train/loss"] for e in script.events("metrics", run=i)
        ]
        for i in range(2)
    }
    assert logged == {"a": [1.0], "b": [2.0]}
    assert ends(script, 0) == ends(script, 1) == [("finished", "completed")]


@pytest.fixture
def launched(tmp_path: Path) -> RunPaths:
    """A run as `guard run` makes it before it starts the training."""
    paths = create_run(tmp_path / "runs", "launched")
    config = {
        "params": {"lr": 0.5}, "seed": 7, "monitor": {"metric": "val/loss", "mode": "min"},
        "stop": {"patience": None}, "checkpoint": {"keep": 5},
    }  # fmt: skip
    launch = {"attempt": 1, "config": config, "resume_from": None}
    paths.attempt(1).write_text(json.dumps(launch))
    return paths


def environment(paths: RunPaths) -> dict[str, str]:
    return {"GUARDRUN_DIR": str(paths.root), "GUARDRUN_ATTEMPT": "1"}


def test_under_guard_run_it_joins_and_the_launcher_s_configuration_outranks_the_script_s(
    script: Any, launched: RunPaths
) -> None:
    done = script.run(
        "import guardrun\n"
        "config = {'lr': 1.0, 'width': 8, 'seed': 1, 'stop': {'patience': 3}}\n"
        "with guardrun.start('ignored', config=config, monitor='val/acc') as run:\n"
        "    p = run.params\n"
        "    c = run.config\n"
        "    print(p.lr, p.width, run.seed(99), c.stop.patience, c.checkpoint.keep, c.monitor.metric)\n",
        **environment(launched),
    )

    assert done.stdout.split() == ["0.5", "8", "7", "3", "5", "val/acc"], done.stderr
    assert [path.name for path in launched.root.parent.iterdir()] == [launched.root.name]
    assert ends(script) == [("finished", "completed")]


def test_under_guard_run_a_nested_start_makes_a_run_of_its_own(script: Any, launched: RunPaths) -> None:
    done = script.run(
        "import guardrun\n"
        "with guardrun.start() as outer:\n"
        "    outer.log(loss=1.0)\n"
        "    with guardrun.start('inner') as inner:\n"
        "        inner.log(loss=2.0)\n"
        "    outer.log(loss=3.0)\n"
        "    assert guardrun.current_run() is outer\n",
        **environment(launched),
    )

    assert done.returncode == 0, done.stderr
    runs = {path.parent.name: path for path in (script.folder / "runs").glob("*/run.json")}
    inner = next(name for name in runs if "inner" in name)
    assert json.loads(runs[inner].read_text())["parent"] == launched.root.name
    by_run = [[e["train/loss"] for e in script.events("metrics", run=i)] for i in range(2)]
    assert sorted(by_run) == [[1.0, 3.0], [2.0]]


def test_a_subprocess_of_a_launched_training_does_not_write_into_its_log(
    script: Any, launched: RunPaths
) -> None:
    done = script.run(
        "import guardrun, subprocess, sys\n"
        "with guardrun.start() as run:\n"
        "    run.log(loss=1.0)\n"
        "    code = 'import guardrun\\nwith guardrun.start() as r: r.log(loss=2.0)'\n"
        "    subprocess.run([sys.executable, '-c', code], check=True)\n",
        **environment(launched),
    )

    assert done.returncode == 0, done.stderr
    assert "makes a run of its own" in done.stderr
    by_run = [[e["train/loss"] for e in script.events("metrics", run=i)] for i in range(2)]
    assert sorted(by_run) == [[1.0], [2.0]]


def test_where_nothing_can_be_written_training_goes_on_and_is_told(script: Any) -> None:
    (script.folder / "file").write_text("")
    done = script.run(
        "import guardrun\n"
        "with guardrun.start(runs_dir='file/runs') as run:\n"
        "    for x in run.steps([1, 2]):\n        run.log(loss=1.0)\n"
        "    run.evaluate({'val/loss': 1.0})\n"
        "    print(run.id == '', run.path, run.step)\n"
    )

    assert (done.returncode, done.stdout.split()) == (0, ["True", "None", "2"]), done.stderr
    assert "this training is not recorded" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        {"mode": "best"},
        {"monitor": "val/xyz"},
        {"config": {"monitor": {"metric": "nonsense"}}},
        {"config": {"stop": 5}},
        {"config": {"budget": {"time": "soon"}}},
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    begin: Callable[..., guardrun.Run], arguments: dict[str, Any]
) -> None:
    with pytest.raises(UserError):
        begin(**arguments)


@pytest.mark.parametrize("params", [{1: 2, "a": 3}, {("a", 1): object()}, {"a": {1, 2}}])
def test_a_configuration_that_json_has_no_place_for_is_recorded_as_text(
    begin: Callable[..., guardrun.Run], params: dict[Any, Any]
) -> None:
    with begin(config={"params": params, "monitor": "val/acc"}) as run:
        assert run.path is not None
        assert json.loads((run.path / "attempts" / "1.json").read_bytes())["attempt"] == 1
        assert (run.config.monitor.metric, run.config.monitor.mode) == ("val/acc", "max")


def test_a_command_stops_a_plain_loop_and_is_acknowledged_once(script: Any) -> None:
    from guardrun.events.commands import send_command

    process = script.start(LOOP)
    script.wait_for_step(3)
    (folder,) = (script.folder / "runs").iterdir()
    (folder / "control" / "0-x.json").write_text("nonsense")
    sent = send_command(RunPaths(folder), "stop", attempt=1, via="watch")
    process.communicate(timeout=20)

    assert ends(script) == [("stopped", "stop:watch")]
    (ack,) = script.events("ack")
    assert (ack["id"], ack["command"], ack["via"], ack["rank"]) == (sent.id, "stop", "watch", 0)
    assert any("0-x.json ignored" in note["text"] for note in script.events("note"))
    wait_for(lambda: process.returncode == 0, 1)
