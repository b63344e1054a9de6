"""A gigabyte and garbage in the folder of commands, below a real training under `guard run`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from guard_process import events, guard, only_run, processes_of, show, wait_for_step
from guardrun.events.paths import RunPaths
from guardrun.provenance.host import read_lease
from waiting import wait_for

FIT = """
import time, guardrun

with guardrun.start() as run:
    run.on_stop(lambda: None)
    for _ in run.steps(range(1_000_000)):
        run.log(loss=1.0)
        time.sleep(0.005)
"""
GIGABYTE = 1 << 30
MOST_GROWTH = 48 << 20
"""Bytes; well below the gigabyte, well above what logging and judging take in a few seconds."""
GARBAGE = {
    "a.json": b"\x00\xff\x1b]0;pwned\x07" * 1000,
    "b.json": b"[" * 60_000,
    "c.json": b'{"id":' + b"9" * 60_000 + b"}",
}


def pid_of(run: Path, holder: str) -> int:
    lease = read_lease(RunPaths(run).lease(holder))
    assert lease is not None
    return int(lease["pid"])


def test_control_files_of_a_gigabyte_and_of_garbage_harm_nothing_and_are_told(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text(FIT)
    done = guard("run", "--detach", "--name", "fit", "--", "python", "fit.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path / "runs")
    try:
        wait_for_step(run, 20)
        both = [psutil.Process(pid_of(run, holder)) for holder in ("trainer", "supervisor")]
        before = [process.memory_info().rss for process in both]
        with open(run / "control/0.json", "wb") as file:
            file.truncate(GIGABYTE)
        for name, content in GARBAGE.items():
            (run / "control" / name).write_bytes(content)

        def told() -> bool:
            notes = [event["text"] for event in events(run, "supervisor.jsonl", "note")]
            return all(any(name in note for note in notes) for name in ("0.json", *GARBAGE))

        wait_for(told, what="a note of each file")
        wait_for_step(run, events(run, kind="metrics")[-1]["step"] + 50)
        grown = [process.memory_info().rss - size for process, size in zip(both, before, strict=True)]
        assert max(grown) < MOST_GROWTH

        page = guard("show", str(run), cwd=tmp_path)
        assert page.returncode == 0, page.stderr
        assert "has 1073741824 bytes; a command has at most 65536" in " ".join(page.stdout.split())
        assert "\x1b" not in page.stdout
        stopped = guard("stop", str(run), cwd=tmp_path)
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        assert show(run)["status"] == "stopped"
    finally:
        for line in processes_of(run):
            os.kill(int(line.split()[0]), signal.SIGKILL)
