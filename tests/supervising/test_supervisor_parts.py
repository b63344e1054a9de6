"""The supervisor's smaller parts: its log, proofs, launching, the out-of-memory counters."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from guardrun.events.paths import RunPaths
from guardrun.supervising.event_log import EventLog
from guardrun.supervising.faults import Faults
from guardrun.supervising.launching import argv_of
from guardrun.supervising.memory_facts import OomWatch
from guardrun.supervising.proving import Prover
from guardrun.supervising.stopping import folder_size
from waiting import wait_for


def log_at(path: Path) -> EventLog:
    return EventLog(path, writer="supervisor", run_id="r", attempt=1)


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().splitlines() if line]


def test_a_log_starts_with_its_header_and_ends_a_line_that_was_left_half_written(tmp_path):
    path = tmp_path / "supervisor.jsonl"
    path.write_bytes(b'{"t":1,"kind":"no')
    log = log_at(path)
    log.write("note", text="hello")
    log.close()
    torn, header, note = path.read_bytes().splitlines()
    assert torn == b'{"t":1,"kind":"no'
    assert json.loads(header)["kind"] == "header"
    assert json.loads(header)["pid"] == os.getpid()
    assert json.loads(note)["text"] == "hello"


def test_a_log_that_cannot_be_written_counts_and_goes_on(tmp_path):
    path = tmp_path / "absent" / "supervisor.jsonl"
    log = log_at(path)
    log.write("note", text="lost")
    assert log.dropped == 1
    path.parent.mkdir()
    log.write("note", text="kept")
    assert [event["kind"] for event in lines_of(path)] == ["header", "note"]


def test_a_full_disk_drops_whole_events_and_the_next_line_is_whole(tmp_path):
    """RLIMIT_FSIZE stands for the full disk: writes end short, then fail, then there is room again."""
    code = f"""
import resource, signal
from pathlib import Path
from guardrun.supervising.event_log import EventLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = EventLog(Path({str(tmp_path / "s.jsonl")!r}), writer="supervisor", run_id="r", attempt=1)
log.write("note", text="first")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
size = Path({str(tmp_path / "s.jsonl")!r}).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
log.write("note", text="short"); log.write("note", text="refused")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
log.write("note", text="last")
print(log.dropped)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"
    lines = (tmp_path / "s.jsonl").read_bytes().splitlines()
    assert [json.loads(line).get("text") for line in (lines[1], lines[-1])] == ["first", "last"]


def test_a_fault_is_noted_a_few_times_and_never_raised(tmp_path):
    log = log_at(tmp_path / "s.jsonl")
    faults = Faults(log)

    def broken() -> None:
        raise KeyError("on purpose")

    for _ in range(10):
        faults.guard("breaking", broken)
    notes = [event for event in lines_of(tmp_path / "s.jsonl") if event["kind"] == "note"]
    assert len(notes) == 3
    assert "the supervisor failed at breaking, the training goes on: KeyError" in notes[0]["text"]


def test_torchrun_is_put_in_front_once_with_a_port_of_its_own():
    config = {"launcher": "torchrun", "nproc_per_node": 4}
    launch = {"command": ["python3", "train.py", "--lr", "1"], "config": config}
    front = ["python3", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "4", "--"]
    assert argv_of(launch) == [*front, "train.py", "--lr", "1"]
    assert argv_of({**launch, "command": argv_of(launch)}) == argv_of(launch)
    assert argv_of({**launch, "config": {"launcher": "none"}}) == launch["command"]


def fake_python(folder: Path, answer: str) -> str:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def pointed(tmp_path) -> RunPaths:
    paths = RunPaths(tmp_path)
    paths.checkpoints.mkdir()
    for role, folder in (("best", "step-1-a1"), ("last", "step-2-a1")):
        paths.pointer(role).write_text(json.dumps({"folder": folder}))
    return paths


def test_both_checkpoints_are_proved_last_first(pointed):
    python = fake_python(
        pointed.root,
        """echo noise; echo '{"path":"checkpoints/'$4'","verified":true,"level":"full"}'""",
    )
    proofs = list(Prover(pointed, python, timeout=10).prove_all())
    assert [(one.role, one.path, one.verified, one.level) for one in proofs] == [
        ("last", "checkpoints/last", True, "full"),
        ("best", "checkpoints/best", True, "full"),
    ]


def test_one_folder_with_both_roles_is_proved_once(pointed):
    pointed.pointer("best").write_text(pointed.pointer("last").read_text())
    python = fake_python(
        pointed.root, f"""echo x >> {pointed.root}/calls; echo '{{"verified":false,"problem":"bad hash"}}'"""
    )
    proofs = list(Prover(pointed, python, timeout=10).prove_all())
    assert [(one.role, one.verified, one.problem) for one in proofs] == [
        ("last", False, "bad hash"),
        ("best", False, "bad hash"),
    ]
    assert (pointed.root / "calls").read_text() == "x\n"


def test_a_proof_that_takes_too_long_falls_back_to_hashes_and_never_says_damaged(pointed):
    pointed.pointer("best").unlink()
    python = fake_python(pointed.root, "sleep 60")
    (proof,) = Prover(pointed, python, timeout=0.3).prove_all()
    assert proof.level in ("hash", "none")
    if proof.level == "none":
        assert proof.verified is None


def test_a_run_without_checkpoints_has_nothing_to_prove(tmp_path):
    assert list(Prover(RunPaths(tmp_path), sys.executable, timeout=1).prove_all()) == []


@pytest.mark.parametrize(
    ("moved", "words"),
    [("group", "of this run's cgroup"), ("host", "probably out of memory"), ("nothing", "")],
)
def test_the_out_of_memory_killer_is_told_from_the_kernels_counters(tmp_path, moved, words):
    proc, cgroups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (cgroups / "job").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("0::/job\n")
    events, host = cgroups / "job" / "memory.events", proc / "vmstat"
    events.write_text("low 0\noom_kill 1\n")
    host.write_text("nr_free_pages 7\noom_kill 5\n")
    watch = OomWatch(proc, cgroups)
    if moved == "group":
        events.write_text("low 0\noom_kill 2\n")
    if moved in ("group", "host"):
        host.write_text("nr_free_pages 7\noom_kill 6\n")
    finding = watch.finding()
    assert words in finding
    assert bool(words) == bool(finding)


def test_a_checkpoint_folders_size_counts_files_and_follows_no_links(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"12345")
    (tmp_path / "a" / "link").symlink_to("/etc")
    assert folder_size(tmp_path) == 5
    assert folder_size(tmp_path / "absent") == 0


def test_a_spawned_supervisor_outlives_the_hangup_of_the_terminal_that_asked_for_it(run):
    """The asking process and its whole session get SIGHUP, as when an SSH connection closes."""
    run.trainer("steps=80")
    code = f"""
import os, signal
from guardrun.events.paths import RunPaths
from guardrun.supervising.spawning import spawn_supervisor
spawn_supervisor(RunPaths({str(run.paths.root)!r}), 1)
os.killpg(os.getpgid(0), signal.SIGHUP)
"""
    front = subprocess.run([sys.executable, "-c", code], start_new_session=True, check=False)
    assert front.returncode < 0
    wait_for(lambda: run.events("run_end"))
    assert run.end()["status"] == "finished"
