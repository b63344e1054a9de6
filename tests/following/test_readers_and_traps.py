"""A pipe, a link or a gigabyte in the place of a file of a run: no reader is troubled, and none tells."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.faults.limits import within_limits

from guardrun.cli.console import ConsoleTail
from guardrun.cli.saved_stacks import saved_stacks
from guardrun.events.commands import CommandInbox
from guardrun.events.paths import RunPaths
from guardrun.following.acknowledging import CommandFiles
from guardrun.following.console import ConsoleWindow
from guardrun.following.glance import glance
from guardrun.following.log_file import LogFile
from guardrun.following.replay import play, playable
from guardrun.following.run_follower import RunFollower
from guardrun.following.small_files import read_json
from guardrun.judging.log_seal import read_seal
from guardrun.provenance.host import read_lease
from guardrun.reading.discovery import find_runs
from guardrun.supervising.judge import first_points
from guardrun.supervising.past import PastAttempts
from guardrun.supervising.training_log import TrainingLog

SECRET = "a-secret-of-somebody-else"
LINE = '{"t":1.0,"seq":1,"kind":"note","text":"%s","host":"%s","id":"%s","error":"%s"}\n' % ((SECRET,) * 4)


def follow(run: RunPaths) -> object:
    follower = RunFollower(run.root, hasty=True)
    first = follower.state()
    follower.catch_up()
    return first, follower.state(), follower.all_told, follower.list_saved()


def replay(run: RunPaths) -> object:
    copies = run.root.parent.parent / "copies"
    problem = playable(run.root)
    if not problem:
        copy = play(run.root, copies, 1e9, threading.Event())
        return [file.read_bytes() for file in copy.rglob("*") if file.is_file()]
    return problem


def output(run: RunPaths) -> object:
    shown = io.StringIO()
    ConsoleTail(run.console, shown).pump()
    return shown.getvalue()


READERS: dict[str, tuple[tuple[str, ...], Callable[[RunPaths], Any]]] = {
    "replay": (
        ("run.json", "attempts/1.json", "events.jsonl", "system.jsonl", "console.log", "config.yaml"), replay,
    ),
    "glance": (("events.jsonl",), lambda run: (found := glance(run.events(), 1)) and found.fold.notes),
    "dashboard's output": (("console.log",), lambda run: ConsoleWindow(run.console).read(100).lines),
    "guard run's output": (("console.log",), output),
    "follower": (
        (
            "run.json", "attempts/1.json", "events.jsonl", "events.rank1.jsonl", "supervisor.jsonl",
            "system.jsonl", "checkpoints/best.json", "leases/trainer.json", "control/1.json",
        ), follow,
    ),
    "one log": (("events.jsonl",), lambda run: (found := LogFile(run.events()).read()) and found.events),
    "small files": (("run.json",), lambda run: read_json(run.run_json)),
    "leases": (("leases/trainer.json", "leases"), lambda run: read_lease(run.lease("trainer"))),
    "commands": (("control/1.json", "control"), lambda run: CommandInbox(run, 1).poll(0.0)),
    "commands that nobody answered": (
        ("control/1.json", "control"),
        lambda run: ((files := CommandFiles(run.control)).refresh(), files.said, files.known),
    ),
    "stacks": (("stacks/2026-11-29_10-00-00.rank0.txt", "stacks"), saved_stacks),
    "supervisor's past": (("supervisor.jsonl",), lambda run: PastAttempts(run, 1).answered),
    "supervisor's tail": (("events.jsonl", "events.rank1.jsonl"), lambda run: TrainingLog(run, 1).poll()),
    "supervisor's first points": (("events.jsonl",), lambda run: first_points(run.events(), 2)),
    "discovery": (("run.json", "events.jsonl"), lambda run: find_runs([run.root.parent])),
    "audit's seal": (("events.jsonl", "supervisor.jsonl"), read_seal),
}  # fmt: skip


def a_pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def a_link(path: Path, outside: Path) -> None:
    """To a file of somebody else; in place of a folder, to a folder that holds such files."""
    path.symlink_to(outside if path.suffix else outside.parent)


def a_gigabyte(path: Path, outside: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


CASES = [
    (reader, name, trap)
    for reader, (names, _) in READERS.items()
    for name in names
    for trap in ((a_pipe, a_link, a_gigabyte) if name == names[0] else (a_pipe, a_link))
]


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    paths = RunPaths(tmp_path / "runs" / "run")
    for folder in (paths.attempts, paths.control, paths.leases, paths.checkpoints, paths.stacks):
        folder.mkdir(parents=True)
    paths.run_json.write_text('{"id":"run","name":"run"}')
    paths.events().write_text('{"t":1.0,"seq":0,"kind":"header","attempt":1}\n')
    return paths


@pytest.mark.parametrize(("reader", "name", "trap"), CASES)
def test_a_reader_waits_for_nothing_shows_nothing_of_others_and_stays_small(
    run: RunPaths, tmp_path: Path, reader: str, name: str, trap: Callable[[Path, Path], None]
) -> None:
    outside = tmp_path / "outside" / "1.json"
    outside.parent.mkdir()
    for name_there in ("1.json", "trainer.json", "2026-11-29_10-00-00.rank0.txt"):
        (outside.parent / name_there).write_text(LINE)
    place = run.root / name
    if place.is_dir():
        place.rmdir()
    place.unlink(missing_ok=True)
    trap(place, outside)

    found: list[object] = []
    problem = within_limits(lambda: found.append(READERS[reader][1](run)), memory_before=10**6)

    assert problem == ""
    assert SECRET not in repr(found)
    assert "rank0.txt" not in repr(found) or trap is a_gigabyte
