"""Faults made for real, and what the supervisor's signals say and do about them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from guardrun.following.offline import Choices, judge_case, run_case
from guardrun.following.run_follower import RunFollower
from waiting import wait_for

HANGS = """
    import threading
    import guardrun

    with guardrun.start() as run:
        for step in run.steps(range(1000)):
            run.log(loss=1.0 / (1 + step))
            if step == 20:
                lock = threading.Lock()
                lock.acquire()
                lock.acquire()
"""

EVALUATES = """
    import time
    import guardrun

    with guardrun.start() as run:
        for epoch in run.epochs(2):
            for step in run.steps(range(20)):
                time.sleep(0.01)
                run.log(loss=1.0)
            time.sleep(1.8)
            run.evaluate({"val/loss": 1.0})
"""

SLEEPING_LOADER = """
    import time
    import guardrun

    def loader():
        for i in range(380):
            time.sleep(0.003 if i < 80 else 0.04)
            yield i

    with guardrun.start() as run:
        for batch in run.steps(loader(), total=380):
            time.sleep(0.008)
            run.log(loss=float("nan") if batch > 370 else 2.0 - batch / 1000)
"""


def raised(run) -> list[tuple[str, str]]:
    return [(one["id"], one["severity"]) for one in run.events("signal") if one["state"] == "raised"]


def recorded(run) -> list[tuple[str, str]]:
    """The episodes that the supervisor wrote, each at its worst."""
    follower = RunFollower(run.paths.root)
    follower.catch_up()
    return [(s.id, s.severity) for s in follower.state().signals]


def offline(run) -> list[tuple[str, str]]:
    return [(s.id, s.severity) for s in judge_case(run_case(Path(run.paths.root), Choices())).signals]


def test_a_hung_training_is_aborted_when_the_user_wants_that_and_the_run_exits_3(run, is_gone):
    run.script(HANGS, library=True, policy={"hang": "abort"}, stop={"grace": 0.3, "hang": 0.8})
    supervisor = run.supervise(impatient=True)
    pid = run.training_pid()
    assert supervisor.wait(30) == 3
    assert (run.end()["status"], run.end()["reason"]) == ("aborted", "abort:hang")
    assert is_gone(pid)
    (signal,) = [one for one in run.events("signal") if one["id"] == "hang" and one["severity"] == "act"]
    assert (signal["action"], signal["evidence"]["last_step"]) == ("abort", 21)
    assert run.stages()[0] == "requested"
    assert "SIGKILL" in run.stages()


def test_by_default_a_hang_only_warns_and_a_person_stops_it(run):
    run.script(HANGS, library=True, stop={"hang": 0.8})
    supervisor = run.supervise(impatient=True)
    wait_for(lambda: ("hang", "act") in raised(run), what="the signal")
    assert run.stages() == []
    run.stop(now=True, grace=0.2)
    assert supervisor.wait(30) == 5


def test_an_evaluation_that_takes_twice_as_long_is_no_hang(run):
    run.script(EVALUATES, library=True, policy={"hang": "abort"}, stop={"hang": 0.8})
    assert run.supervise(impatient=True).wait(30) == 0
    assert raised(run) == []


def test_a_loader_that_sleeps_is_told_live_and_offline_alike(run):
    run.script(SLEEPING_LOADER, library=True, policy={"nan": "warn"})
    run.supervise().wait(60)
    assert recorded(run) == [("data_bottleneck", "warn"), ("nan", "act")]
    assert offline(run) == recorded(run)


def test_a_full_evaluation_history_of_a_command_without_the_library_ends_it_by_patience(run):
    script = """
        import sys, time
        with open("log.csv", "w", buffering=1) as log:
            log.write("epoch,train/loss,val/loss\\n")
            for epoch in range(1000):
                log.write(f"{epoch},{1 / (1 + epoch)},{max(0.5, 1 - epoch / 10) + epoch / 1e6}\\n")
                time.sleep(0.02)
    """
    run.script(script, logs="log.csv", stop={"patience": 4, "grace": 0.5})
    assert run.supervise().wait(30) == 0
    end = run.end()
    assert (end["status"], end["reason"], end["guard_exit"]) == ("finished", "patience", 0)
    assert ("patience", "act") in raised(run)


@pytest.mark.parametrize("library", [True, False], ids=["with the library", "a command"])
def test_a_training_that_asks_for_more_memory_than_there_is_ends_with_the_signal(run, library):
    """A real MemoryError: an address space of 4 GiB and an allocation of 8."""
    script = """
        import resource, time
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        held = bytearray(8 << 30)
    """
    with_library = """
        import resource
        import guardrun
        with guardrun.start() as run:
            for step in run.steps(range(10)):
                run.log(loss=1.0)
                if step == 5:
                    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
                    held = bytearray(8 << 30)
    """
    run.script(with_library if library else script, library=library)
    assert run.supervise().wait(30) == 1
    assert raised(run) == [("out_of_memory", "warn")]
    assert offline(run) == [("out_of_memory", "warn")]


def test_time_that_a_silent_training_takes_uses_up_its_budget(run):
    run.script("import time\ntime.sleep(60)", budget={"time": 1.0}, stop={"grace": 0.3})
    began = time.monotonic()
    assert run.supervise().wait(30) == 0
    assert time.monotonic() - began < 10
    assert (run.end()["status"], run.end()["reason"]) == ("finished", "budget:time")
    (signal,) = [one for one in run.events("signal") if one["id"] == "budget"]
    assert signal["evidence"]["which"] == "time"


def test_what_earlier_attempts_spent_is_known_before_the_first_sign_of_life(run):
    run.script("import time\ntime.sleep(1)")
    run.supervise().wait(30)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    run.attempt(command, number=2, budget={"time": 0.5}, stop={"grace": 0.3})
    assert run.supervise(number=2).wait(30) == 0
    assert run.events("run_end")[-1]["reason"] == "budget:time"


DEADLOCK = """
    import sys
    import threading
    import torch
    import torch.distributed as dist
    import guardrun

    dist.init_process_group("gloo")
    with guardrun.start() as run:
        for step in run.steps(range(1000)):
            run.log(loss=1.0)
            if step == 5 and dist.get_rank() == 1:
                def forgets_the_collective():
                    threading.Event().wait()
                forgets_the_collective()
            dist.all_reduce(torch.zeros(1))
"""

STUCK_WORKER = """
    import time
    import torch
    from torch.utils.data import DataLoader
    import guardrun

    class Data(torch.utils.data.Dataset):
        def __len__(self):
            return 100

        def __getitem__(self, index):
            return self.reads_a_dead_disk(index) if index == 40 else index

        def reads_a_dead_disk(self, index):
            time.sleep(600)

    with guardrun.start() as run:
        for batch in run.steps(DataLoader(Data(), batch_size=2, num_workers=1)):
            run.log(loss=1.0)
"""


def stacks_of(run, where: str) -> dict[str, str]:
    return {path.name.split(".", 1)[1]: path.read_text() for path in sorted(run.paths.root.glob(where))}


@pytest.mark.torch
def test_a_collective_that_one_rank_never_joins_is_a_hang_and_the_stacks_tell_which(run, is_gone):
    run.script(DEADLOCK, library=True, launcher="torchrun", nproc_per_node=2, policy={"hang": "abort"},
               stop={"grace": 0.3, "hang": 1.0})  # fmt: skip
    supervisor = run.supervise(impatient=True)
    assert supervisor.wait(60) == 3
    (signal,) = [one for one in run.events("signal") if one["id"] == "hang" and one["severity"] == "act"]
    stacks = stacks_of(run, signal["evidence"]["stacks"])
    assert list(stacks) == ["rank0.txt", "rank1.txt"]
    assert "all_reduce" in stacks["rank0.txt"]
    assert "forgets_the_collective" not in stacks["rank0.txt"]
    assert "forgets_the_collective" in stacks["rank1.txt"]
    assert "rank 1, pid" in stacks["rank1.txt"]
    before = [note for note in run.events("note") if "stacks were saved" in note["text"]]
    assert [note["text"].split()[1] for note in before] == ["SIGINT", "SIGTERM", "SIGKILL"][: len(before)]
    assert before[-1]["stacks"] == run.end()["stacks"]
    assert is_gone(run.training_pid())


@pytest.mark.torch
def test_a_loader_whose_worker_hangs_is_told_with_the_workers_stack_and_leaves_no_orphan(run, is_gone):
    run.script(STUCK_WORKER, library=True, stop={"hang": 0.8})
    supervisor = run.supervise(impatient=True)
    wait_for(lambda: ("hang", "act") in raised(run), what="the signal")
    (signal,) = [one for one in run.events("signal") if one["id"] == "hang" and one["severity"] == "act"]
    told = "".join(stacks_of(run, signal["evidence"]["stacks"]).values())
    assert "reads_a_dead_disk" in told
    pids = [int(words.split()[0].rstrip(",")) for words in told.split("== rank 0, pid ")[1:]]
    assert len(pids) == 2
    assert set(pids) > {run.training_pid()}
    run.stop(now=True, grace=0.2)
    assert supervisor.wait(30) == 5
    assert all(is_gone(pid) for pid in pids)
