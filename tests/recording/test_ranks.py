"""Several ranks are one run, and leave together."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardrun.events.commands import send_command
from guardrun.events.paths import RunPaths
from guardrun.recording import rendezvous
from guardrun.recording.ranks import Agreement, RankIdentity, Round, identify
from guardrun.recording.stopping import StopWish, status_of
from waiting import wait_for

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
TWO_RANKS = (str(Path(__file__).parents[1] / "two_ranks.py"), "torch.distributed")

DDP = """
import os, sys, time
import guardrun, torch
import torch.distributed as dist

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank = dist.get_rank()
with guardrun.start("ddp", config={"checkpoint": {"every_steps": 5}}) as run:
    run.seed(1)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    run.track(model=model, optimizer=optimizer)
    for epoch in run.epochs(1000):
        for batch in run.steps([torch.randn(2, 4) for _ in range(EPOCH_LENGTH)]):
            loss = model(batch).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            run.log(loss=loss)
            time.sleep(0.001)
        if rank == 0:
            run.evaluate({"val/loss": loss.item()})
print(f"left {rank} {run.step} {run.stop_reason}\\n", end="", flush=True)
dist.destroy_process_group()
"""


def test_under_torchrun_two_ranks_are_one_run_and_leave_at_the_same_step(script: Any) -> None:
    process = script.start(DDP.replace("EPOCH_LENGTH", "7"), *TORCHRUN, OMP_NUM_THREADS="1")
    script.wait_for_step(12)
    (folder,) = (p for p in (script.folder / "runs").iterdir() if not p.name.startswith("."))

    send_command(RunPaths(folder), "stop", attempt=1, via="cli")
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    left = sorted(line.split()[1:] for line in out.splitlines() if line.startswith("left"))
    assert [rank for rank, _, _ in left] == ["0", "1"]
    assert left[0][1:] == left[1][1:]
    step = int(left[0][1])
    assert left[0][2] == "stop:cli"
    meta = json.loads((folder / "checkpoints/last/meta.json").read_text())
    assert (meta["step"], len(meta["files"]), meta["world_size"]) == (step, 2, 2)
    for file in ("events.jsonl", "events.rank1.jsonl"):
        (end,) = script.events("run_end", file)
        assert (end["status"], end["reason"], end["step"]) == ("stopped", "stop:cli", step)
        (ack,) = script.events("ack", file)
        assert step - ack["step"] <= 2
    assert script.events("header", "events.rank1.jsonl")[0]["rank"] == 1
    best = [event for event in script.events("checkpoint") if "best" in event["roles"]]
    assert best
    assert not list((script.folder / "runs/.rendezvous").glob("*.json"))


def test_ranks_without_a_process_group_leave_each_by_itself_and_rank_0_waits_for_nobody(script: Any) -> None:
    apart = DDP.replace("EPOCH_LENGTH", "7").replace('dist.init_process_group("gloo")', "")
    apart = apart.replace(
        "torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))", "torch.nn.Linear(4, 1)"
    )
    apart = apart.replace("rank = dist.get_rank()", "rank = int(os.environ['RANK'])")
    apart = apart.replace("dist.destroy_process_group()", "")
    process = script.start(apart, *TWO_RANKS)
    script.wait_for_step(12)
    wait_for(lambda: script.events("metrics", "events.rank1.jsonl"), 30, what="rank 1")
    (folder,) = (p for p in (script.folder / "runs").iterdir() if not p.name.startswith("."))

    send_command(RunPaths(folder), "stop", attempt=1, via="cli")
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert sorted(line.split()[1] for line in out.splitlines() if line.startswith("left")) == ["0", "1"]
    meta = json.loads((folder / "checkpoints/last/meta.json").read_text())
    assert len(meta["files"]) == 1
    assert any("no process group" in note["text"] for note in script.events("note"))
    (end,) = script.events("run_end")
    assert (end["status"], end["step"]) == ("stopped", meta["step"])


def test_a_stop_seen_by_one_rank_alone_and_uneven_batches_still_end_all(script: Any) -> None:
    """No collective of the training here, so that the ranks may have different numbers of batches."""
    text = """
import guardrun, torch, time
import torch.distributed as dist
dist.init_process_group("gloo")
rank = dist.get_rank()
with guardrun.start("uneven") as run:
    for epoch in run.epochs(3):
        for batch in run.steps(range(5 + 3 * rank)):
            run.log(loss=1.0)
            if rank == 1 and epoch == 1 and batch == 6:
                run._wish.ask("stop:sigterm")
print(f"left {rank} {run.epoch} {run.stop_reason}\\n", end="", flush=True)
dist.destroy_process_group()
"""
    done = script.run(text, *TWO_RANKS)

    assert done.returncode == 0, done.stderr
    left = sorted(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("left"))
    assert left == [["0", "1", "stop:sigterm"], ["1", "1", "stop:sigterm"]]


def test_a_stop_after_a_checkpoint_at_an_epoch_s_end_is_saved_by_all_ranks_though_one_alone_evaluates(
    script: Any,
) -> None:
    """Rank 0 waited five minutes for parts of the others, which had their last checkpoint and were gone."""
    text = """
import guardrun, torch, time
import torch.distributed as dist
dist.init_process_group("gloo")
rank = dist.get_rank()
with guardrun.start("ends", config={"checkpoint": {"every_steps": 5}}) as run:
    model = torch.nn.Linear(2, 1)
    run.track(model=model)
    for epoch in run.epochs(9):
        for batch in run.steps(range(5)):
            run.log(loss=1.0)
            if rank == 1 and epoch == 1 and batch == 4:
                run._wish.ask("stop:sigterm")
        if rank == 0:
            run.evaluate({"val/loss": 1.0 / (1 + epoch)})
    print("never", flush=True)
print(f"left {rank} {run.step} {run.stop_reason}\\n", end="", flush=True)
dist.destroy_process_group()
"""
    done = script.run(text, *TWO_RANKS)

    assert done.returncode == 0, done.stderr
    left = sorted(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("left"))
    assert left == [["0", "10", "stop:sigterm"], ["1", "10", "stop:sigterm"]]
    (folder,) = (p for p in (script.folder / "runs").iterdir() if not p.name.startswith("."))
    meta = json.loads((folder / "checkpoints/last/meta.json").read_text())
    assert (meta["step"], len(meta["files"]), meta["position"]["epoch"]) == (10, 2, 2)
    assert not any("no checkpoint" in note["text"] for note in script.events("note"))


def test_a_rank_without_guard_costs_a_bounded_wait_and_a_remark(script: Any) -> None:
    text = """
import guardrun, torch, os
import torch.distributed as dist
import guardrun.recording.boundaries as b
make = b.make_agreement
b.make_agreement = lambda label: make(label, 0.3)
dist.init_process_group("gloo")
if dist.get_rank() == 0:
    with guardrun.start("alone") as run:
        for _ in run.steps(range(3)):
            run.log(loss=1.0)
dist.barrier()
dist.destroy_process_group()
"""
    done = script.run(text, *TWO_RANKS)

    assert done.returncode == 0, done.stderr
    assert "not all 2 ranks use guard" in done.stderr
    assert [event["step"] for event in script.events("metrics")] == [1, 2, 3]


def test_a_rank_that_finds_no_run_records_nothing_and_trains_on(script: Any) -> None:
    done = script.run(
        "import guardrun\n"
        "with guardrun.start() as run:\n"
        "    for _ in run.steps(range(3)):\n        run.log(loss=1.0)\n"
        "    print(run.rank, run.step, run.path)\n",
        RANK="1", WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT="1", GUARDRUN_RENDEZVOUS_S="0.2",
    )  # fmt: skip

    assert (done.returncode, done.stdout.split()) == (0, ["1", "3", "None"]), done.stderr
    assert "rank 1 found no run of rank 0 within 0.2 s" in done.stderr
    assert not list((script.folder / "runs").glob("*")) if (script.folder / "runs").exists() else True


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, RankIdentity()),
        ({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, RankIdentity(3, 8, 1)),
        ({"RANK": "3", "WORLD_SIZE": "8"}, RankIdentity(3, 8, 3)),
        ({"RANK": "8", "WORLD_SIZE": "8"}, RankIdentity()),
        ({"RANK": "x", "WORLD_SIZE": "8"}, RankIdentity()),
        (
            {"SLURM_PROCID": "2", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0", "SLURM_STEP_ID": "0"},
            RankIdentity(2, 4, 0),
        ),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, RankIdentity()),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_STEP_ID": "0"}, RankIdentity()),
    ],
)
def test_ranks_are_told_by_the_environment(environ: dict[str, str], expected: RankIdentity) -> None:
    assert identify(environ) == expected


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("MASTER_PORT", "29500")
    run = tmp_path / "runs" / "a-run"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    return run


def test_ranks_meet_at_the_run_of_their_own_launch(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = run_folder.parent
    key = rendezvous.launch_key(0)
    file = rendezvous.announce(runs, key, run_folder)

    assert rendezvous.find(runs, key, 0) == run_folder
    assert rendezvous.find(runs, rendezvous.launch_key(1), 0) is None
    monkeypatch.setenv("MASTER_PORT", "29501")
    assert rendezvous.find(runs, rendezvous.launch_key(0), 0) is None
    assert file is not None
    file.unlink()
    assert rendezvous.find(runs, key, 0) is None


def test_where_runs_can_t_be_written_ranks_meet_in_the_temporary_folder(run_folder: Path) -> None:
    runs = run_folder.parent
    (runs / ".rendezvous").write_text("a file")

    file = rendezvous.announce(runs, "key", run_folder)

    assert file is not None
    assert file.parent.name.startswith("guardrun-rendezvous-")
    assert rendezvous.find(runs, "key", 0) == run_folder


@pytest.mark.parametrize("stale", ["dead", "gone", "garbage"])
def test_what_an_earlier_launch_left_is_not_believed(run_folder: Path, stale: str) -> None:
    runs = run_folder.parent
    file = rendezvous.announce(runs, "key", run_folder)
    assert file is not None
    if stale == "dead":
        file.write_text(json.dumps({**json.loads(file.read_text()), "pid_start": 1}))
    elif stale == "gone":
        (run_folder / "run.json").unlink()
    else:
        file.write_text("[")

    assert rendezvous.find(runs, "key", 0) is None


class Table:
    """Stands in for gloo: rounds of a MAX over the answers of all ranks, each a list of numbers."""

    def __init__(self, world: int) -> None:
        self.world = world
        self.rounds: list[list[list[int]]] = []
        self.lock = threading.Lock()

    def rank(self) -> Agreement:
        counter = iter(range(10**6))

        def reduce_max(group: Any, values: list[int]) -> tuple[Any, Any]:
            index = next(counter)
            with self.lock:
                while len(self.rounds) <= index:
                    self.rounds.append([])
                self.rounds[index].append(values)
            return Answer(self, index), Answer(self, index)

        return Agreement(None, reduce_max)


class Answer:
    def __init__(self, table: Table, index: int) -> None:
        self.table, self.index = table, index

    def is_completed(self) -> bool:
        return len(self.table.rounds[self.index]) == self.table.world

    def wait(self) -> None:
        assert self.is_completed()

    def tolist(self) -> list[int]:
        return [max(column) for column in zip(*self.table.rounds[self.index], strict=True)]


def leave(
    agreement: Agreement, batches: Iterator[int] | range, wants: dict[int, int], left: dict[int, Any], me: int
) -> None:
    """A rank's loop: it leaves at the boundary that reads a stop, or waits for all after its last batch."""
    step, stop = 0, 0
    for step in batches:
        time.sleep(0.0005 * me)
        stop = stop or wants.get(step, 0)
        common = agreement.exchange(stop, step)
        if common and common.stop:
            left[me] = (step, common.stop)
            return
    agreement.out_of_batches(stop, step)
    common = agreement.outcome()
    left[me] = ("end", common.stop if common else None)


@pytest.mark.parametrize(
    ("lengths", "wants", "expected"),
    [
        ((20, 20, 20), ({}, {}, {}), [("end", 0)] * 3),
        ((20, 20, 20), ({7: 3}, {}, {9: 2}), [(8, 3)] * 3),
        ((5, 9, 20), ({}, {}, {}), [("end", 0)] * 3),
        ((5, 9, 20), ({}, {}, {12: 4}), [("end", 4), ("end", 4), (13, 4)]),
        ((20, 20, 20), ({}, {19: 6}, {}), [("end", 6)] * 3),
        ((0, 4, 4), ({}, {}, {}), [("end", 0)] * 3),
    ],
)
def test_all_ranks_read_the_same_answer_at_the_same_round(
    lengths: tuple[int, ...], wants: tuple[dict[int, int], ...], expected: list[Any]
) -> None:
    table, left = Table(len(lengths)), {}
    threads = [
        threading.Thread(target=leave, args=(table.rank(), range(length), want, left, me))
        for me, (length, want) in enumerate(zip(lengths, wants, strict=True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert [left.get(me) for me in range(len(lengths))] == expected
    assert {len(answers) for answers in table.rounds} == {len(lengths)}


def test_a_rank_that_dies_ends_the_agreement_and_not_the_training() -> None:
    class Dead:
        def is_completed(self) -> bool:
            raise RuntimeError("Connection closed by peer")

    agreement = Agreement(None, lambda group, values: (None, Dead()))
    assert agreement.exchange(0, 1) is None
    assert agreement.exchange(0, 2) is None

    assert agreement.broken == "Connection closed by peer"


@pytest.mark.parametrize("reason", ["stop:cli", "abort:nan", "budget:time", "patience", "stop:something"])
def test_a_reason_survives_the_way_through_the_agreement(reason: str) -> None:
    mine, other = StopWish(), StopWish()
    mine.ask(reason)
    for wish in (mine, other):
        wish.agree(mine.code())

    assert mine.reason == reason
    assert status_of(other.reason) == status_of(reason)


def test_a_round_s_numbers_are_named_in_the_order_they_travel() -> None:
    assert Round(*[3, 1, 120, 0]) == Round(stop=3, active=1, step=120, save=0)
