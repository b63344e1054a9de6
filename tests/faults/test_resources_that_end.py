"""Memory and disk that are really used up: the limits are the kernel's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard_process import trainer_pid, wait_for_step

pytestmark = pytest.mark.torch


def test_an_allocation_beyond_the_limit_fails_the_run_and_is_told_as_memory(train) -> None:
    """RLIMIT_AS: the allocation itself is refused."""
    trained = train("params.fault=leak", "params.megabytes=10", "params.memory=400", "params.at=50")

    assert trained.code == 1
    assert trained.shown["status"] == "failed"
    assert "can't allocate memory" in trained.said
    (told,) = trained.raised("out_of_memory")
    assert told["severity"] == "warn"
    assert "host memory was refused" in told["message"]
    assert 50 < told["raised_at"] < 120
    assert trained.shown["checkpoints"]["best"]["verified"] is True


@pytest.fixture
def memory_group() -> Iterator[Path | None]:
    """A control group of 700 MB; None where this machine lets us make none."""
    name = f"guard-test-{os.getpid()}"
    for root, limit in (("memory", "memory.limit_in_bytes"), ("", "memory.max")):
        group = Path("/sys/fs/cgroup") / root / name
        try:
            group.mkdir()
            (group / limit).write_text("700000000")
        except OSError:
            if group.is_dir():
                group.rmdir()
            continue
        yield group
        group.rmdir()
        return
    yield None


def test_what_the_kernel_kills_for_memory_is_told_apart_from_other_kills(start, memory_group) -> None:
    """Where no control group can be made, the kill is ours, and then guard must not speak of memory."""
    leak = ("params.fault=leak", "params.megabytes=10", "params.epochs=60", "params.pace=0.01")
    if memory_group is None:
        training = start(*leak)
        wait_for_step(training.run, 110)
        os.kill(trainer_pid(training.run), signal.SIGKILL)
    else:
        join = 'echo $$ > "$0"/cgroup.procs && exec "$@"'
        training = start(*leak, prefix=("sh", "-c", join, str(memory_group)))
    trained = training.ended()

    assert trained.code == 1
    assert trained.shown["status"] == "killed"
    assert trained.shown["checkpoints"]["best"]["verified"] is True
    if memory_group is None:
        assert trained.raised("out_of_memory") == []
        assert trained.shown["reason"] == "SIGKILL"
    else:
        assert "out of memory: the kernel killed" in trained.shown["reason"]
        (told,) = trained.raised("out_of_memory")
        assert "host memory was full" in told["message"]


@pytest.fixture
def small_disk() -> tuple[str, ...]:
    """A command that gives what it starts a file system of 6 MB as ``runs``, and leaves a copy of it.

    It is mounted in a mount namespace: root may make one, and others may within a user namespace.
    """
    script = (
        'mkdir runs && mount -t tmpfs -o size=6m tmpfs runs || exit 99; "$@"; code=$?; '
        "cp -a runs kept; umount -l runs; cp -a kept/. runs; exit $code"
    )
    for flags in ("-m", "-Urm"):
        probe = ["unshare", flags, "mount", "-t", "tmpfs", "tmpfs", "/tmp"]
        if (
            shutil.which("unshare")
            and subprocess.run(probe, capture_output=True, check=False).returncode == 0
        ):
            return ("unshare", flags, "sh", "-c", script, "sh")
    pytest.skip("mounting a file system of one's own needs root or user namespaces")


def test_a_disk_that_fills_ends_no_training_and_spoils_no_checkpoint(start, small_disk) -> None:
    overrides = ("params.fault=full_disk", "params.megabytes=0.5", "params.epochs=6", "params.at=60")
    trained = start(*overrides, "params.pace=0.01", prefix=small_disk).ended()

    assert trained.code == 0, trained.said
    written = sum(file.stat().st_size for file in (trained.run / "debug").iterdir())
    assert 4e6 < written < 6.3e6
    assert trained.rows()[-1]["step"] < 6 * 44  # the log ends where the disk was full
    told = trained.raised("disk_full")[0]
    assert (told["severity"], told["action"]) == ("act", "warn")
    assert "free on the disk" in told["message"]
    assert "log lacks the training's end" in trained.said
    best = trained.shown["checkpoints"]["best"]
    assert best["verified"] is True
    assert best["step"] == 44
