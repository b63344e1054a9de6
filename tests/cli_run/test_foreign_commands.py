"""`guard run` with real processes that know nothing of guardrun: launch, output, stops, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from guard_process import GUARD, events, guard, only_run, processes_of, start_guard
from guardrun.provenance.host import lease_liveness, read_lease
from waiting import wait_for

SLEEPER = "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"
SAVER = """
import time
print("begun", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("saved", flush=True)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGINT, lambda *_: print("no", flush=True))
signal.signal(signal.SIGTERM, lambda *_: print("never", flush=True))
print("begun", flush=True)
while True:
    time.sleep(1)
"""


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path):
    """A failed test leaves no supervisor and no training behind."""
    yield
    for holder in tmp_path.glob("runs/*/leases/supervisor.json"):
        facts = read_lease(holder)
        if facts is not None and lease_liveness(facts) == "alive":
            os.kill(facts["pid"], signal.SIGKILL)
        for line in processes_of(holder.parents[1]):
            os.kill(int(line.split()[0]), signal.SIGKILL)


@pytest.fixture
def script(tmp_path: Path):
    def script(text: str, name: str = "fit.py") -> str:
        (tmp_path / name).write_text(textwrap.dedent(text))
        return name

    return script


def begun(run: Path, word: str = "begun") -> None:
    log = run / "console.log"
    wait_for(lambda: log.exists() and word in log.read_text(), 30, what=f"{word!r} in the console")


def launch_of(run: Path, attempt: int = 1) -> dict:
    return json.loads((run / f"attempts/{attempt}.json").read_text())


def test_a_command_runs_and_everything_it_came_from_is_kept(tmp_path: Path, script) -> None:
    script("import sys\nprint('hello', sys.argv[1:])\n")
    done = guard("run", "--name", "my run", "--group", "g1", "--", "python", "fit.py", "a b", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "hello ['a b']" in done.stdout
    assert "finished" in done.stdout
    run = only_run(tmp_path / "runs")
    assert f"runs/{run.name}" in done.stdout
    identity = json.loads((run / "run.json").read_text())
    assert (identity["name"], identity["group"]) == ("my run", "g1")
    launch = launch_of(run)
    assert launch["command"] == [sys.executable, "fit.py", "a b"]
    assert launch["workdir"] == str(tmp_path)
    assert launch["python"] == sys.executable
    assert launch["config"]["command"] == ["python", "fit.py", "a b"]
    assert launch["library"] is None
    assert launch["resume_from"] is None
    assert "run" in launch["cli"]
    assert (run / "config.yaml").read_text()
    assert processes_of(run) == []


def test_a_configuration_decides_folder_environment_and_arguments(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "src/fit.py").write_text(
        "import os, sys\nprint(os.getcwd(), os.environ['MODE'], sys.argv[1:])\nimport guardrun\n"
    )
    (project / "exp.yaml").write_text(
        "entry: fit.py\nworkdir: src\nenv: {MODE: 5}\nargs: [--lr, '${params.lr}']\nparams: {lr: 1e-3}\n"
    )

    done = guard("run", "project/exp.yaml", "params.lr=0.25", "--runs-dir", "out", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert f"{project / 'src'} 5 ['--lr', '0.25']" in done.stdout
    launch = launch_of(only_run(tmp_path / "out"))
    assert launch["config_source"] == str(project / "exp.yaml")
    assert launch["overrides"] == ["params.lr=0.25"]
    assert launch["config"]["params"] == {"lr": 0.25}
    assert launch["config_origins"]["params.lr"] == "override"
    assert launch["library"] is True


def test_a_failure_is_code_1_and_its_output_is_shown(tmp_path: Path, script) -> None:
    script("raise ValueError('bad shape')")
    done = guard("run", "--", "python", "fit.py", cwd=tmp_path)

    assert done.returncode == 1
    assert "ValueError: bad shape" in done.stdout
    assert "failed" in done.stdout


@pytest.mark.parametrize(("sent", "via"), [(signal.SIGINT, "sigint"), (signal.SIGTERM, "sigterm")])
def test_a_signal_stops_the_training_and_guard_ends_by_it(
    tmp_path: Path, script, sent: signal.Signals, via: str
) -> None:
    script(SAVER)
    front = start_guard("run", "--", "python", "fit.py", cwd=tmp_path)
    run = only_run(tmp_path / "runs")
    begun(run)

    front.send_signal(sent)
    told, _ = front.communicate(timeout=30)

    assert front.returncode == -sent, told
    assert "saved" in told
    assert "stopping safely" in told
    (end,) = events(run, "supervisor.jsonl", "run_end")
    assert (end["status"], end["reason"]) == ("stopped", f"stop:{via}")
    assert processes_of(run) == []


def test_ctrl_c_again_goes_further_until_the_process_is_gone(tmp_path: Path, script) -> None:
    script(STUBBORN)
    front = start_guard("run", "--", "python", "fit.py", cwd=tmp_path)
    run = only_run(tmp_path / "runs")
    begun(run)
    for answer in ("no", "never"):
        front.send_signal(signal.SIGINT)
        begun(run, answer)
    front.send_signal(signal.SIGINT)
    told, _ = front.communicate(timeout=30)

    assert front.returncode == -signal.SIGINT, told
    assert "SIGKILL" in told
    assert events(run, "supervisor.jsonl", "run_end")[-1]["status"] == "killed"
    assert processes_of(run) == []


def test_a_front_that_dies_leaves_the_training_alone(tmp_path: Path, script) -> None:
    script(SAVER)
    front = start_guard("run", "--", "python", "fit.py", cwd=tmp_path, start_new_session=True)
    run = only_run(tmp_path / "runs")
    begun(run)

    os.killpg(front.pid, signal.SIGHUP)
    assert front.wait(20) == -signal.SIGHUP

    assert processes_of(run)
    assert guard("stop", str(run), cwd=tmp_path).returncode == 0
    assert processes_of(run) == []


def test_a_reader_that_goes_away_leaves_the_training_alone(tmp_path: Path, script) -> None:
    """`guard run … | head` must not stop a training."""
    script("import time\nfor i in range(100000):\n    print('line', i, flush=True)\n    time.sleep(0.01)\n")
    command = [*GUARD, "run", "--", "python", "fit.py"]
    front = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert front.stdout is not None
    assert front.stderr is not None
    front.stdout.readline()
    front.stdout.close()

    assert front.wait(30) == 141
    told = front.stderr.read()
    front.stderr.close()
    run = only_run(tmp_path / "runs")
    assert "goes on" in told
    assert "Traceback" not in told
    assert processes_of(run)
    assert guard("stop", str(run), cwd=tmp_path).returncode == 0


def test_detach_returns_at_once_with_the_directory(tmp_path: Path, script) -> None:
    script(SLEEPER)
    done = guard("run", "--detach", "--", "python", "fit.py", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path / "runs")
    assert (tmp_path / done.stdout.strip()).resolve() == run.resolve()
    assert run.name in done.stderr
    assert "guard stop" in done.stderr
    assert processes_of(run)
    assert guard("stop", run.name, "--runs-dir", "runs", cwd=tmp_path).returncode == 0
    assert processes_of(run) == []


def test_a_dry_run_shows_the_plan_and_leaves_nothing(tmp_path: Path, script) -> None:
    script(SLEEPER)
    (tmp_path / "c.yaml").write_text("entry: fit.py\nargs: ['${params.size}']\nparams: {size: 3}")
    done = guard("run", "c.yaml", "params.size=4", "--dry-run", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert f"{sys.executable} fit.py 4" in done.stdout
    assert "size: 4  # override" in done.stdout
    assert not (tmp_path / "runs").exists()


def test_the_code_that_ran_can_be_rebuilt(tmp_path: Path, script) -> None:
    script("lr = 1\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)
    (tmp_path / "fit.py").write_text("lr = 2\n")
    (tmp_path / "model.py").write_text("width = 3\n")

    assert guard("run", "--", "python", "fit.py", cwd=tmp_path).returncode == 0

    run = only_run(tmp_path / "runs")
    git = launch_of(run)["git"]
    assert (git["dirty"], git["untracked"]) == (True, ["model.py"])
    assert len(git["commit"]) == 40
    assert "+lr = 2" in (run / "git.diff").read_text()
    assert (run / "untracked/model.py").read_text() == "width = 3\n"


def test_secrets_of_the_environment_are_on_no_file_of_the_run(tmp_path: Path, script) -> None:
    script("print('ok')")
    guard("run", "--", "python", "fit.py", cwd=tmp_path, AWS_SECRET_ACCESS_KEY="hidden-1", X_TOKEN="hidden-2")
    run = only_run(tmp_path / "runs")
    held = [path for path in run.rglob("*") if path.is_file() and b"hidden-" in path.read_bytes()]
    assert held == []


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, script) -> None:
    script("")
    (tmp_path / "runs").write_text("a file")
    done = guard("run", "--", "python", "fit.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "--runs-dir" in done.stderr
    assert "Traceback" not in done.stderr


def test_foreground_gives_the_training_the_terminal(tmp_path: Path, script) -> None:
    script("print('answer', input())")
    done = subprocess.run(
        [*GUARD, "run", "--foreground", "--", "python", "fit.py"],
        input="42\n", capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "answer 42" in done.stdout
    assert "finished" in done.stdout


def test_a_supervisor_that_was_killed_can_be_replaced(tmp_path: Path, script) -> None:
    script(SAVER)
    front = start_guard("run", "--", "python", "fit.py", cwd=tmp_path)
    run = only_run(tmp_path / "runs")
    begun(run)
    assert "is still being" in guard("run", "--attach", str(run), cwd=tmp_path).stderr
    holder = json.loads((run / "leases/supervisor.json").read_text())
    os.kill(holder["pid"], signal.SIGKILL)
    told, _ = front.communicate(timeout=30)
    assert front.returncode == 1
    assert "guard run --attach" in told

    attached = start_guard("run", "--attach", str(run), cwd=tmp_path)
    wait_for(lambda: "taken up again" in (run / "supervisor.jsonl").read_text(), 30)
    attached.send_signal(signal.SIGINT)
    told, _ = attached.communicate(timeout=30)

    assert attached.returncode == -signal.SIGINT, told
    assert processes_of(run) == []
    over = guard("run", "--attach", str(run), cwd=tmp_path)
    assert over.returncode == 2
    assert "is over" in over.stderr
