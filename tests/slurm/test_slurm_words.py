"""What a configuration asks of Slurm, and what Slurm's answers mean, without a Slurm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guardrun.errors import UserError
from guardrun.provenance.config import load_config
from guardrun.provenance.slurm import Job, job_in, sbatch_words
from guardrun.reading.slurm_queue import GONE, SlurmQueue
from guardrun.state.model import Facts, Status
from guardrun.state.status import Evidence, derive_status
from guardrun.supervising.launching import argv_of


def config(tmp_path: Path, text: str) -> dict[str, Any]:
    path = tmp_path / "config.yaml"
    path.write_text(f"entry: train.py\nname: a run/of mine\nlauncher: slurm\n{text}\n")
    return load_config(path).effective


def test_every_key_of_the_section_becomes_an_option_and_extra_comes_last(tmp_path: Path) -> None:
    told = config(
        tmp_path,
        "nnodes: 2\nslurm: {partition: gpu, time: 1d2h30m, gpus: 4, gres: 'gpu:4', cpus_per_task: 8, "
        "mem: 32G, account: lab, qos: high, warning: 5m, requeue: false, extra: [--exclude=node7]}",
    )

    assert sbatch_words(told, "/runs/a", ["slurm.sh"]) == [
        "sbatch", "--parsable", "--job-name=guard-a-run-of-mine", "--chdir=/runs/a", "--output=slurm.out",
        "--open-mode=append", "--export=ALL", "--nodes=2", "--ntasks-per-node=1", "--signal=B:USR1@300",
        "--no-requeue", "--partition=gpu", "--account=lab", "--qos=high", "--gres=gpu:4",
        "--cpus-per-task=8", "--mem=32G", "--gpus-per-node=4", "--time=1-02:30:00", "--exclude=node7",
        "slurm.sh",
    ]  # fmt: skip


def test_what_is_left_out_is_left_to_the_cluster(tmp_path: Path) -> None:
    words = sbatch_words(config(tmp_path, ""), "/runs/a", ["slurm.sh"])

    assert words[-3:] == ["--signal=B:USR1@120", "--requeue", "slurm.sh"]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("90m", "0-01:30:00"),
        ('"1-12:00:00"', "1-12:00:00"),
        ('"02:30:00"', "0-02:30:00"),
        ("61s", "0-00:02:00"),
    ],
)
def test_a_time_limit_is_a_duration_or_slurms_own_words(tmp_path: Path, written: str, asked: str) -> None:
    words = sbatch_words(config(tmp_path, f"slurm: {{time: {written}}}"), "/runs/a", [])

    assert words[-1] == f"--time={asked}"


@pytest.mark.parametrize("written", ["60", '"60"', "2:00:00", "soon"])
def test_a_time_limit_that_may_mean_minutes_or_seconds_is_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(UserError, match=r"slurm\.time.* needs its units"):
        config(tmp_path, f"slurm: {{time: {written}}}")


def test_a_job_is_known_by_its_environment() -> None:
    told = {
        "SLURM_JOB_ID": "12", "SLURM_JOB_PARTITION": "gpu", "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_JOB_NUM_NODES": "2", "SLURM_RESTART_COUNT": "1",
    }  # fmt: skip

    assert job_in(told) == Job("12", "gpu", "node[1-2]", 2, 1)
    assert job_in({"SLURM_JOB_ID": "x; rm"}) is None
    assert job_in({}) is None


def test_hosts_of_a_job_are_started_by_srun(monkeypatch: pytest.MonkeyPatch) -> None:
    launch = {
        "command": ["python", "train.py", "--lr", "1"], "python": "python",
        "config": {"launcher": "slurm", "nnodes": 2, "nproc_per_node": 4, "rendezvous": "a:29500"},
    }  # fmt: skip
    with pytest.raises(UserError, match="2 hosts are wanted outside of a job"):
        argv_of(launch)
    for name, value in (("JOB_ID", "7"), ("JOB_NUM_NODES", "2"), ("CPUS_PER_TASK", "8")):
        monkeypatch.setenv(f"SLURM_{name}", value)

    words = argv_of(launch)

    assert words[:6] == [
        "srun", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--kill-on-bad-exit=1", "--cpus-per-task=8",
    ]  # fmt: skip
    assert words[6:9] == ["python", "-m", "torch.distributed.run"]
    assert words[words.index("--rdzv_endpoint") + 1] == "a:29500"
    assert words[-4:] == ["--", "train.py", "--lr", "1"]


def test_the_queue_is_asked_once_for_many_runs_and_seldom_where_it_does_not_answer() -> None:
    now, asked = [0.0], [0]
    answers: list[str | None] = ["12 PENDING\n13 RUNNING\n", None, "12 RUNNING\n"]

    def ask() -> str | None:
        asked[0] += 1
        return answers[asked[0] - 1]

    queue = SlurmQueue(ask, clock=lambda: now[0])
    assert [queue.state_of(job) for job in ("12", "13", "14")] == ["PENDING", "RUNNING", GONE]
    assert asked == [1]
    now[0] = 20.0
    assert [queue.state_of("12"), queue.state_of("12")] == ["", ""]
    now[0] = 60.0
    assert (queue.state_of("12"), asked) == ("", [2])
    queue.forget()
    assert (queue.state_of("12"), asked) == ("RUNNING", [3])


@pytest.mark.parametrize(
    ("queue", "status"),
    [("", Status.QUEUED), ("PENDING", Status.QUEUED), ("RUNNING", Status.STARTING), (GONE, Status.LOST)],
)
def test_a_run_that_was_submitted_is_queued_until_its_job_starts(queue: str, status: Status) -> None:
    evidence = Evidence(submitted=True, last_event_t=0.0)

    assert derive_status(evidence, Facts(queue=queue), now=1e6).status is status


def test_a_run_whose_job_was_requeued_under_it_is_queued_again() -> None:
    """It was killed without a word, on a host that can't be asked."""
    evidence = Evidence(stepped=True, phase="train", last_event_t=0.0)

    assert derive_status(evidence, Facts("unknown", queue="PENDING"), now=1e6).status is Status.QUEUED
    assert derive_status(evidence, Facts("unknown", queue="RUNNING"), now=1e6).status is Status.LOST
