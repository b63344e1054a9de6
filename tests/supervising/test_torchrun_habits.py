"""The real torchrun: what it does to options, restarts, hosts and SIGTERM, and what guard makes of it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guardrun.following.offline import Choices, judge_case, run_case
from guardrun.following.run_follower import RunFollower
from waiting import wait_for

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed"),
]

DDP = """
    import os
    import signal
    import sys
    import time
    import torch
    import torch.distributed as dist
    import guardrun

    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, life = dist.get_rank(), os.environ["TORCHELASTIC_RESTART_COUNT"]
    with guardrun.start() as run:
        run.seed(3)
        model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        run.track(model=model, optimizer=optimizer)
        for epoch in run.epochs(int(sys.argv[2]) if "--no" in sys.argv else 4):
            for batch in run.steps([torch.randn(2, 4) for _ in range(6)]):
                loss = model(batch).square().mean()
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                run.log(loss=loss)
                time.sleep(0.01)
                if (rank, life, run.step) == (1, "0", 15) and "die" in sys.argv:
                    os.kill(os.getpid(), signal.SIGKILL)
            if rank == 0:
                run.evaluate({"val/loss": 1.0 / (1 + epoch)})
        torch.save(model.module.state_dict(), os.environ["GUARDRUN_DIR"] + f"/end{rank}.pt")
    print("left", rank, run.step, run.stop_reason, flush=True)
    dist.destroy_process_group()
"""
ENDLESS = ("--no", "100000", "--log", "--max", "2")
"""Options of which torchrun alone would say that they could be several of its own."""


def script(run, *words: str, ranks: int = 2, **config: Any) -> None:
    run.script(
        DDP, *words, library=True, launcher="torchrun", nproc_per_node=ranks, monitor={"metric": "val/loss"},
        checkpoint={"every_steps": 4, "every_epochs": 1, "keep": 20}, **config,
    )  # fmt: skip


def losses(run, rank: int = 0) -> dict[int, float]:
    """Of each step, as its newest attempt or life tells it."""
    return {event["step"]: event["train/loss"] for event in run.events("metrics", run.paths.events(rank))
            if "train/loss" in event}  # fmt: skip


def left(run) -> list[list[str]]:
    return sorted(line.split()[1:] for line in run.paths.console.read_text().splitlines()
                  if line.startswith("left"))  # fmt: skip


def test_ranks_that_torchrun_starts_anew_go_on_from_the_newest_checkpoint_and_nothing_differs(
    tmp_path: Path, run
):
    script(run, "die", max_restarts=1)
    whole = type(run)(tmp_path / "whole")
    script(whole)
    supervisors = [each.supervise() for each in (run, whole)]
    assert [each.wait(240) for each in supervisors] == [0, 0]
    for rank in (0, 1):
        (resume,) = run.events("resume", run.paths.events(rank))
        assert (resume["step"], resume["exact"]) == (12, True)
        assert losses(run, rank) == losses(whole, rank)
    ends = [Path(each.paths.root / "end0.pt").read_bytes() for each in (run, whole)]
    assert ends[0] == ends[1]
    follower = RunFollower(run.paths.root)
    follower.catch_up()
    state = follower.state()
    assert (state.status.value, state.step, len(state.attempts)) == ("finished", 24, 1)
    live = [(one.id, one.severity) for one in state.signals]
    judged = judge_case(run_case(Path(run.paths.root), Choices())).signals
    assert live == [(one.id, one.severity) for one in judged]


def test_sigterm_to_torchruns_agent_is_a_safe_stop_of_all_four_ranks(run, is_gone):
    script(run, *ENDLESS, ranks=4)
    supervisor = run.supervise()
    wait_for(lambda: run.steps() > 3, 180)
    os.kill(run.training_pid(), signal.SIGTERM)
    supervisor.wait(180)
    ranks = left(run)
    assert [rank for rank, _, _ in ranks] == ["0", "1", "2", "3"]
    assert len({step for _, step, _ in ranks}) == 1
    assert {reason for _, _, reason in ranks} == {"stop:sigterm"}
    meta = json.loads((run.paths.checkpoints / "last/meta.json").read_text())
    assert (str(meta["step"]), len(meta["files"])) == (ranks[0][1], 4)
    assert is_gone(run.training_pid())


def test_a_rank_that_stands_still_is_named_and_holds_a_hurried_stop_up_only_for_its_grace(run, is_gone):
    script(run, *ENDLESS)
    supervisor = run.supervise()
    wait_for(lambda: run.steps() > 3, 180)
    (header,) = run.events("header", run.paths.events(1))
    os.kill(header["pid"], signal.SIGSTOP)
    run.stop(now=True, grace=0.5)
    assert supervisor.wait(180) == 5
    words = [event["text"] for event in run.events("phase") if event["stage"] in ("SIGINT", "SIGTERM")]
    assert any(re.search(r"ranks? (0, )?1 ha(s|ve) not acknowledged", text) for text in words), words
    assert is_gone(header["pid"])
    assert is_gone(run.training_pid())
    assert "state T (stopped)" in next(run.paths.stacks.glob("*.rank1.txt")).read_text()


@pytest.mark.campaign
def test_a_second_host_joins_with_the_command_that_guard_prints_and_stops_with_the_first(run):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        free_port = probe.getsockname()[1]
    script(run, *ENDLESS, ranks=1, nnodes=2, rendezvous=f"localhost:{free_port}", name="two hosts")
    supervisor = run.supervise()
    printed = wait_for(lambda: re.search(r"on each of the other hosts: (.*)\n", _console(run)), 60)
    second = subprocess.Popen(
        ["/bin/sh", "-c", printed[1]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        wait_for(lambda: run.steps() > 3, 180)
        run.stop()
        assert supervisor.wait(180) == 0
        said, _ = second.communicate(timeout=180)
    finally:
        second.kill()
    steps = {line.split()[2] for line in (said + _console(run)).splitlines() if line.startswith("left")}
    assert len(steps) == 1
    meta = json.loads((run.paths.checkpoints / "last/meta.json").read_text())
    assert ({str(meta["step"])}, len(meta["files"])) == (steps, 2)
    assert {"env", f"GUARDRUN_DIR={run.paths.root}", sys.executable} <= set(shlex.split(printed[1]))


def _console(run) -> str:
    return run.paths.console.read_text() if run.paths.console.exists() else ""
