"""`launcher: slurm` in a real Slurm: from the queue to the end, through stops, warnings and preemption."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from guard_process import GUARD, ROOT, events, guard, only_run, show, wait_for_step
from slurm_cluster import Cluster, seldom
from waiting import wait_for

PAGE = ROOT / "docs/integrations/slurm.md"


DEAF = """
import pathlib, signal, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
print("begins", flush=True)
first = pathlib.Path("first")
if not first.exists():
    first.touch()
    time.sleep(600)
"""
RANKS = """
import os, time
import torch
import guardrun
torch.distributed.init_process_group("gloo")
print("rank on", os.environ["SLURMD_NODENAME"], flush=True)
with guardrun.start() as run:
    run.track(model=torch.nn.Linear(2, 1))
    for _ in run.epochs(1):
        for _ in run.steps(range(100000)):
            torch.distributed.all_reduce(torch.ones(1))
            time.sleep(0.01)
            run.log(loss=1.0)
"""


def submit(project: Path, *words: str) -> tuple[Path, str]:
    """`guard run config.yaml` as typed on a login node: the run's directory and its job."""
    done = guard("run", "config.yaml", *words, cwd=project)
    assert done.returncode == 0, done.stderr
    run = project / done.stdout.strip()
    job = str(json.loads((run / "slurm.json").read_text())["job_id"])
    assert f"job {job} is in Slurm's queue" in done.stderr
    return run, job


def wait_for_end(run: Path, attempt: int = 1) -> dict[str, Any]:
    """The supervisor's last word on that attempt."""

    def ends() -> list[dict[str, Any]]:
        return [end for end in events(run, "supervisor.jsonl", "run_end") if end["attempt"] >= attempt]

    return wait_for(lambda: seldom() or ends(), 60, what=f"the end of attempt {attempt}; {output(run)}")[-1]


def output(run: Path) -> str:
    return (run / "slurm.out").read_text() if (run / "slurm.out").exists() else "no output"


def spoken(run: Path) -> list[list[str]]:
    """What the trainings said: ["begins", "at", "0"], …"""
    return [line.split() for line in (run / "console.log").read_text().splitlines()]


def whole_sum(steps: int) -> str:
    total = 0.0
    for step in range(1, steps + 1):
        total = total * 0.99 + step
    return total.hex()


def assert_went_on_exactly(run: Path, steps: int) -> None:
    """The second attempt began where the first had saved, and ended as one without a break would have."""
    (_, _, first), (_, _, cut, _), (_, _, again), (_, _, last, total) = spoken(run)
    assert first == "0"
    assert 0 < int(cut) < steps
    assert (again, last) == (cut, str(steps))
    assert total == whole_sum(steps)


def test_a_submitted_run_trains_on_its_node_and_tells_its_job(cluster: Cluster, project: Path) -> None:
    run, job = submit(project, "params.steps=20")

    assert wait_for_end(run)["status"] == "finished"
    assert spoken(run)[-1] == ["ends", "at", "20", whole_sum(20)]
    shown = show(run)
    assert shown["status"] == "finished"
    assert shown["job"] == {
        **shown["job"], "job_id": job, "partition": "low", "nodes": "node1", "restarts": 0,
    }  # fmt: skip
    page = guard("show", str(run), cwd=project).stdout
    assert f"Slurm {job} · partition low · on node1" in page


def test_a_run_waits_as_queued_and_a_stop_takes_it_out(cluster: Cluster, project: Path) -> None:
    other = cluster.occupy("high")
    cluster.wait(other, "RUNNING")
    run, job = submit(project)

    assert show(run)["status"] == "queued"
    assert "queued" in guard("ls", "runs", cwd=project).stdout
    assert "queued" in guard("watch", "--once", "runs", cwd=project).stdout
    twice = guard("run", "--resume", str(run), cwd=project)
    assert twice.returncode == 2
    assert f"in Slurm's queue already: job {job} is pending" in twice.stderr
    stopped = guard("stop", str(run), cwd=project)

    assert stopped.returncode == 0, stopped.stderr
    assert f"taking job {job} out of Slurm's queue" in stopped.stdout
    assert (show(run)["status"], show(run)["reason"]) == ("stopped", "stop:cli")
    assert cluster.state(job) == ""


def test_a_stop_from_the_login_node_is_safe_and_final(cluster: Cluster, project: Path) -> None:
    run, job = submit(project, "params.steps=100000")
    wait_for_step(run, 5)

    stopped = guard("stop", str(run), cwd=project)

    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert "verified" in stopped.stdout
    cluster.wait(job, "")
    assert [path.name for path in (run / "attempts").iterdir()] == ["1.json"]


def test_the_warning_saves_requeues_and_goes_on_exactly(cluster: Cluster, project: Path) -> None:
    run, job = submit(project, "params.steps=300")
    wait_for_step(run, 5)

    cluster.warn(job)

    assert (wait_for_end(run)["status"], wait_for_end(run)["reason"]) == ("stopped", "stop:scheduler")
    cluster.wait(job, "PENDING", output(run))
    assert show(run)["status"] == "queued"
    assert wait_for_end(run, 2)["status"] == "finished"
    assert_went_on_exactly(run, 300)
    assert show(run)["job"]["restarts"] == 1


@pytest.mark.campaign
def test_a_preempted_run_yields_and_goes_on_exactly(cluster: Cluster, project: Path) -> None:
    """Beside it stands the test of the warning, which is the signal that a preempted job gets."""
    run, _ = submit(project, "params.steps=300")
    wait_for_step(run, 5)

    other = cluster.occupy("high")

    cluster.wait(other, "RUNNING", output(run))
    assert wait_for_end(run)["reason"] == "stop:scheduler"
    cluster.run("scancel", other)
    assert wait_for_end(run, 2)["status"] == "finished"
    assert_went_on_exactly(run, 300)


@pytest.mark.campaign
def test_a_job_that_is_requeued_without_a_warning_goes_on_all_the_same(
    cluster: Cluster, project: Path
) -> None:
    run, job = submit(project, "params.steps=300")
    wait_for_step(run, 5)

    cluster.run("scontrol", "requeue", job)

    assert wait_for_end(run, 2)["status"] == "finished"
    assert spoken(run)[-1] == ["ends", "at", "300", whole_sum(300)]


@pytest.mark.campaign
def test_a_training_that_obeys_nothing_is_cut_off_in_time_and_begins_again(
    cluster: Cluster, project: Path
) -> None:
    (project / "train.py").write_text(DEAF)
    run, job = submit(project, "slurm.warning=4")
    wait_for(lambda: (run / "console.log").exists() and spoken(run), 30, what="the training")

    cluster.warn(job)

    assert wait_for_end(run, 2)["status"] == "finished"
    assert spoken(run) == [["begins"], ["begins"]]
    assert "it has no checkpoint yet: it begins anew" in output(run)


def test_guard_run_in_a_script_of_ones_own_heeds_the_warning_and_goes_on(
    cluster: Cluster, project: Path
) -> None:
    (written,) = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert "exec guard run config.yaml" in written
    script = project / "job.sh"
    script.write_text(
        f"{written.strip()} params.steps=300\n".replace("exec guard", f"exec {' '.join(GUARD)}")
    )
    here = (f"--chdir={project}", "--output=out", "--time=10", "--gpus-per-node=0")
    job = cluster.run("sbatch", "--parsable", *here, str(script)).strip()
    wait_for((project / "runs").exists, 30, what="the runs folder")
    run = only_run(project / "runs")
    wait_for_step(run, 5)

    cluster.warn(job)

    assert wait_for_end(run)["reason"] == "stop:scheduler"
    assert wait_for_end(run, 2)["status"] == "finished"
    assert_went_on_exactly(run, 300)
    assert (show(run)["job"]["job_id"], show(run)["job"]["restarts"]) == (job, 1)
    assert f"in job {job} already: the training is started here" in (project / "out").read_text()


def test_what_slurm_refuses_is_told_in_its_words_and_leaves_no_run(cluster: Cluster, project: Path) -> None:
    refused = guard("run", "config.yaml", "slurm.partition=nowhere", cwd=project)

    assert refused.returncode == 1
    assert "`sbatch` refused: " in refused.stderr
    assert "invalid partition" in refused.stderr
    assert list((project / "runs").iterdir()) == []


def test_without_sbatch_it_says_what_to_do(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))

    refused = guard("run", "config.yaml", cwd=project)

    assert refused.returncode == 2
    assert "`sbatch` is not on this host" in refused.stderr
    assert "launcher=none" in refused.stderr


@pytest.mark.parametrize("words", [("sweep", "config.yaml", "params.steps=1,2"), ("check", "config.yaml")])
def test_commands_that_train_where_they_are_started_do_not_do_so_on_a_login_node(
    project: Path, words: tuple[str, ...]
) -> None:
    refused = guard(*words, cwd=project)

    assert refused.returncode == 2
    assert "asks for no job (launcher: slurm)" in refused.stderr
    assert list(project.glob("runs/*")) == []


def test_a_dry_run_shows_what_slurm_would_be_asked(project: Path) -> None:
    planned = guard("run", "config.yaml", "slurm.gpus=2", "--dry-run", cwd=project)

    assert "# by: sbatch " in planned.stdout
    assert " --gpus-per-node=2 --time=0-00:10:00 RUN/slurm.sh" in planned.stdout


@pytest.mark.campaign
@pytest.mark.torch
def test_two_hosts_train_as_one_and_stop_at_the_same_step(cluster: Cluster, project: Path) -> None:
    """Beside it stands the test of srun's words: the hosts are two daemons of this machine."""
    (project / "ranks.py").write_text(RANKS)
    (project / "config.yaml").write_text(
        "name: two\nentry: ranks.py\nlauncher: slurm\nnnodes: 2\nrendezvous: 127.0.0.1:29517\n"
        "slurm: {time: 10m, partition: both}\n"
    )
    run, _ = submit(project)
    wait_for_step(run, 5, 120)
    assert show(run)["job"]["nodes"] == "node[1-2]"

    stopped = guard("stop", str(run), cwd=project)

    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert len({events(run, name)[-1]["step"] for name in ("events.jsonl", "events.rank1.jsonl")}) == 1
    assert {words[-1] for words in spoken(run) if words[:2] == ["rank", "on"]} == {"node1", "node2"}
