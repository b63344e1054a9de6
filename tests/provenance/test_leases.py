"""Leases and process identity, with real processes: they decide who may touch a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from guardrun.provenance.host import (
    Lease,
    LeaseHeld,
    boot_id,
    host_name,
    is_same_process,
    lease_liveness,
    pid_namespace,
    process_start,
    read_lease,
)
from waiting import wait_for

HOLDER = textwrap.dedent("""
    import sys, time
    from guardrun.provenance.host import Lease
    lease = Lease(sys.argv[1])
    lease.take(3, rank=0)
    print("held", flush=True)
    time.sleep(60)
""")


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds ``tmp_path/leases/trainer.json`` for attempt 3."""
    path = tmp_path / "leases" / "trainer.json"
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process, path
    process.kill()
    process.wait()


def test_a_second_process_is_refused_and_told_who_holds_the_lease(holder) -> None:
    process, path = holder
    with pytest.raises(LeaseHeld) as refused:
        Lease(path).take(4)

    held_by = refused.value.holder
    assert (held_by["pid"], held_by["attempt"], held_by["rank"]) == (process.pid, 3, 0)
    assert held_by["host"] == host_name()
    assert lease_liveness(held_by) == "alive"


def test_a_lease_falls_when_its_holder_is_killed(holder) -> None:
    process, path = holder
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert lease_liveness(read_lease(path)) == "dead"
    lease = Lease(path)
    lease.take(4)
    assert read_lease(path)["attempt"] == 4
    lease.release()


def test_a_forked_child_never_keeps_a_dead_parents_lease(tmp_path: Path) -> None:
    """A DataLoader worker may outlive its trainer by seconds; the run must be free at once."""
    path = tmp_path / "trainer.json"
    script = textwrap.dedent("""
        import os, sys, time
        from guardrun.provenance.host import Lease
        lease = Lease(sys.argv[1])
        lease.take(1)
        child = os.fork()
        if child == 0:
            print(os.getpid(), flush=True)  # what runs in a child after a fork is over by now
        time.sleep(60)
    """)
    parent = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        with pytest.raises(LeaseHeld):
            Lease(path).take(2)
        parent.kill()
        parent.wait()
        assert process_start(child) is not None
        lease = Lease(path)
        lease.take(2)
        lease.release()
    finally:
        os.kill(child, signal.SIGKILL)


def test_release_says_so_and_frees_the_lease_while_the_process_lives_on(tmp_path: Path) -> None:
    path = tmp_path / "trainer.json"
    first = Lease(path)
    first.take(1)
    assert first.held
    first.release()
    first.release()

    assert lease_liveness(read_lease(path)) == "dead"
    second = Lease(path)
    second.take(2)
    assert "released" not in read_lease(path)
    second.release()


def test_a_holder_on_another_host_is_believed_until_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "trainer.json"
    path.write_text(json.dumps({"host": "elsewhere", "boot_id": "x", "pid": 1, "pid_start": 1}) + "\n")

    assert lease_liveness(read_lease(path)) == "unknown"
    with pytest.raises(LeaseHeld):
        Lease(path).take(2)
    lease = Lease(path)
    lease.take(2, force=True)
    assert read_lease(path)["host"] == host_name()
    lease.release()


def test_a_holder_of_an_earlier_boot_is_dead(tmp_path: Path) -> None:
    me = os.getpid()
    facts = {"host": host_name(), "boot_id": "earlier", "pid": me, "pid_start": process_start(me)}

    assert lease_liveness(facts) == "dead"
    assert lease_liveness({**facts, "boot_id": boot_id()}) == "alive"
    assert lease_liveness(None) == "absent"


def test_the_pid_of_another_container_of_this_name_says_nothing_here(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "trainer.json")
    lease.take(1)
    facts = read_lease(lease.path)
    assert facts is not None
    assert facts["pid_ns"] == pid_namespace() != ""
    assert lease_liveness(facts) == "alive"
    assert lease_liveness({**facts, "pid_ns": "pid:[1]"}) == "unknown"
    assert lease_liveness({**facts, "pid_ns": "pid:[1]", "boot_id": "earlier"}) == "dead"
    lease.release()


def test_a_reused_pid_is_another_process() -> None:
    start = process_start(os.getpid())
    assert start is not None
    assert is_same_process(os.getpid(), start)
    assert not is_same_process(os.getpid(), start + 1)
    assert not is_same_process(os.getpid(), None)


def test_a_zombie_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    wait_for(lambda: process_start(child.pid) is None, 10, what="the child's end")
    child.wait()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"pid": "7"}', b"\xff\xfe", b"[" * 9000], ids=range(6)
)
def test_an_unreadable_lease_is_no_lease(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trainer.json"
    path.write_bytes(content)
    assert read_lease(path) is None


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text('{"pid": 1}\n')
    link = tmp_path / "trainer.json"
    link.symlink_to(target)

    assert read_lease(link) is None
    with pytest.raises(OSError, match="symbolic"):
        Lease(link).take(1)
    assert target.read_text() == '{"pid": 1}\n'
