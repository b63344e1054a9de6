"""A run directory made to keep a reader waiting, to fill its memory or to lead it elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.faults.limits import PATIENCE_S, command, within_limits

from run_factory import RunWriter

COMMANDS = (
    "show", "show --json", "show --config", "ls", "signals", "audit --no-save", "compare", "watch --once",
    "report -o PAGE",
)  # fmt: skip
FILES = (
    "run.json", "attempts/1.json", "attempts/2.json", "config.yaml", "git.diff", "console.log",
    "events.jsonl", "events.rank1.jsonl", "supervisor.jsonl", "system.jsonl", "supervisor.log", "audit.json",
    "leases/trainer.json",
    "leases/supervisor.json", "control/1-a.json", "checkpoints/best.json", "checkpoints/last.json",
    "checkpoints/step-40-a1/meta.json", "data/train.json",
)  # fmt: skip
SECRET = "a-secret-of-somebody-else"


def test_a_pointer_to_a_name_that_no_folder_can_have_is_survived(run: RunWriter, tmp_path: Path) -> None:
    for folder in ("x" * 5000, "a\0b", "\ud800"):
        run.paths.pointer("best").write_text(json.dumps({"folder": folder, "meta_sha256": "0" * 64}))

        command("show", str(run.paths.root))


@pytest.fixture
def run(tmp_path: Path) -> RunWriter:
    made = RunWriter(tmp_path / "runs", t=time.time() - 60)
    made.launch()
    made.start()
    made.supervise()
    made.train(40)
    made.evaluate()
    made.checkpoint()
    made.end("finished")
    return made


def put(run: RunWriter, name: str, make: Callable[[Path], object]) -> None:
    path = run.paths.root / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    make(path)


def printed_by_all(run: RunWriter, tmp_path: Path) -> str:
    """What every command prints; each must end in time."""
    printed = []
    for words in COMMANDS:
        name, *options = words.replace("PAGE", str(tmp_path / "page.html")).split()
        where = [] if name == "ls" else [str(run.paths.root)]

        def one(name: str = name, options: list[str] = options, where: list[str] = where) -> None:
            printed.append(command(name, *(where or [str(run.paths.root.parent)]), *options))

        problem = within_limits(one, memory_before=10**6)
        assert problem == "", f"guard {words}: {problem}"
    if (tmp_path / "page.html").exists():
        printed.append((tmp_path / "page.html").read_text())
    return "\n".join(printed)


def test_pipes_in_place_of_every_file_keep_nobody_waiting(run: RunWriter, tmp_path: Path) -> None:
    for name in FILES:
        if name not in ("run.json", "events.jsonl"):
            put(run, name, os.mkfifo)

    assert "digits" in printed_by_all(run, tmp_path)


def test_a_folder_of_nothing_but_pipes_is_survived(run: RunWriter, tmp_path: Path) -> None:
    for name in FILES:
        put(run, name, os.mkfifo)

    printed_by_all(run, tmp_path)


def test_links_that_lead_out_of_the_run_are_not_followed(run: RunWriter, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    document = {
        "name": SECRET, "group": SECRET, "config": {"name": SECRET, "params": {"x": SECRET}}, "kind": "note",
        "text": SECRET, "folder": SECRET, "meta_sha256": SECRET, "t": 1, "seq": 1,
    }  # fmt: skip
    other.write_text(json.dumps(document) + "\n")
    for name in FILES:
        put(run, name, lambda path: path.symlink_to(other))

    assert SECRET not in printed_by_all(run, tmp_path)


def test_devices_are_not_read(run: RunWriter, tmp_path: Path) -> None:
    for name in FILES:
        put(run, name, lambda path: path.symlink_to("/dev/zero"))

    printed_by_all(run, tmp_path)


def test_nesting_and_a_million_keys_are_survived(run: RunWriter, tmp_path: Path) -> None:
    deep = b'{"kind":"metrics","step":1,"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}\n"
    wide = (
        json.dumps({"kind": "metrics", "step": 2, **{f"k{at}": 1 for at in range(100_000)}}).encode() + b"\n"
    )
    for name in ("events.jsonl", "supervisor.jsonl", "system.jsonl"):
        with (run.paths.root / name).open("ab") as file:
            file.write(deep + wide)
    for name in ("attempts/1.json", "checkpoints/best.json", "audit.json"):
        put(run, name, lambda path: path.write_bytes(deep))

    assert "digits" in printed_by_all(run, tmp_path)


MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""
"""A small parent, so that what its child takes before it becomes another program counts for little (kB)."""


def test_a_line_and_small_files_of_a_gigabyte_cost_no_gigabyte(run: RunWriter, tmp_path: Path) -> None:
    def huge(path: Path) -> None:
        with path.open("ab") as file:
            file.truncate(1 << 30)
            file.seek(0, os.SEEK_END)
            file.write(b"\n")

    for name in ("run.json", "attempts/1.json", "checkpoints/best.json", "audit.json", "control/1-a.json"):
        put(run, name, huge)
    huge(run.paths.events())
    run.event("note", text="behind it all", can_save=True)

    words = [sys.executable, "-m", "guardrun.cli.main", "show", str(run.paths.root)]
    shown = subprocess.run(
        [sys.executable, "-c", MEASURED, *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )

    assert "1 line could not be read" in shown.stdout
    assert int(shown.stderr) < 400 * 1024
