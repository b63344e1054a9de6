"""Mutated event files, commands, configurations, checkpoints, foreign logs: no crash, no hang, no bloat."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.faults.campaign import Campaign, Row, Trials
from benchmarks.faults.foreign_samples import write_samples
from benchmarks.faults.limits import command, in_memory, peak_mb, within_limits
from benchmarks.faults.mutated_run import make_run
from benchmarks.faults.mutating import mutate
from guardrun.errors import UserError
from guardrun.events.commands import CommandInbox, read_command
from guardrun.events.paths import RunPaths
from guardrun.following.run_follower import RunFollower
from guardrun.provenance.config import load_config
from guardrun.reading.foreign import event_lines, read_foreign
from guardrun.recording.checkpoints.load import choose_resume, load_checkpoint, load_part
from guardrun.recording.checkpoints.prove import prove

ROOT: Final = Path(__file__).resolve().parents[2]
COMMANDS: Final = (
    ("show",), ("show", "--json"), ("ls",), ("signals",), ("watch", "--once"), ("show", "--config"),
    ("audit", "--no-save"), ("compare",), ("signals", "--json"), ("ls", "--json"),
)  # fmt: skip
FULL_EVERY: Final = 8
"""A command line costs as much as eight readings by the library."""


class Mutants:
    """Copies of one real run, one part of each mutated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.original = make_run(folder).root
        self.parts = {
            path.relative_to(self.original): path.read_bytes()
            for path in self.original.rglob("*") if path.is_file() and not path.is_symlink()
        }  # fmt: skip
        self.logs = write_samples(folder / "logs")
        self.configs = [path.read_bytes() for path in sorted(ROOT.glob("sample_runs/*/config.yaml"))]

    def run_with(self, chance: random.Random, fits: Callable[[Path], bool]) -> RunPaths:
        """A fresh copy in which one or more of the files that fit are mutated, or are no files at all."""
        target = self.folder / f"copy-{os.getpid()}" / self.original.name
        shutil.rmtree(target.parent, ignore_errors=True)
        shutil.copytree(self.original, target, symlinks=True)
        candidates = sorted(path for path in self.parts if fits(path))
        for path in chance.sample(candidates, min(len(candidates), chance.choice((1, 1, 2, 4)))):
            if chance.random() < 0.05:
                _disguise(target / path, chance)
            else:
                (target / path).write_bytes(mutate(self.parts[path], chance))
        return RunPaths(target)


def _disguise(path: Path, chance: random.Random) -> None:
    """No regular file in its place, or another's."""
    path.unlink()
    kind = chance.randrange(5)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
    else:
        path.symlink_to(("/dev/zero", "/etc/passwd", path.name)[kind - 2])


def _of_events(path: Path) -> bool:
    names = (".jsonl", "run.json", "console.log", "config.yaml")
    return path.name.endswith(names) or path.parts[0] == "attempts"


def look_at_events(mutants: Mutants, chance: random.Random, number: int) -> None:
    """Logs, identity and attempts: followed and judged, and by turns through every command."""
    paths = mutants.run_with(chance, _of_events)
    if number % FULL_EVERY:
        follower = RunFollower(paths.root)
        for _ in range(3):
            follower.poll()
        return
    words = COMMANDS[(number // FULL_EVERY) % len(COMMANDS)]
    command(words[0], str(paths.root), *words[1:])


def look_at_control(mutants: Mutants, chance: random.Random, number: int) -> None:
    """Commands to a run, as its training and a viewer read them."""
    paths = mutants.run_with(chance, lambda path: path.parts[0] in ("control", "leases"))
    for name in os.listdir(paths.control):
        read_command(paths.control / name)
    CommandInbox(paths, 1).poll(0.0)
    RunFollower(paths.root).poll()


def look_at_config(mutants: Mutants, chance: random.Random, number: int) -> None:
    """A configuration and an override."""
    file = mutants.folder / f"config-{os.getpid()}.yaml"
    file.write_bytes(mutate(chance.choice(mutants.configs), chance))
    override = mutate(b"params.lr=[1, 2e-3, {a: b}]", chance).decode("utf-8", "replace")
    load_config(file, [override] if chance.random() < 0.3 else [])


def look_at_checkpoints(mutants: Mutants, chance: random.Random, number: int) -> None:
    """Pointers, metadata and parts: proved, chosen for a resume, loaded, told."""
    paths = mutants.run_with(chance, lambda path: path.parts[0] == "checkpoints")
    tries: list[Callable[[], Any]] = [
        lambda: prove(paths, "best", "full"), lambda: prove(paths, "last", "hash"),
        lambda: choose_resume(paths), lambda: load_checkpoint(paths, "last"),
        *(lambda part=part: _load(part) for part in sorted(paths.checkpoints.glob("*/rank0.pt"))[:2]),
    ]  # fmt: skip
    for one in tries:
        try:
            one()
        except UserError:
            continue
    if number % FULL_EVERY == 0:
        command("show", str(paths.root))


def _load(part: Path) -> None:
    try:
        load_part(part)
    except ValueError as error:
        if not str(error).isprintable():
            raise AssertionError(f"a refusal with control characters: {str(error)!r}") from error


def look_at_foreign_logs(mutants: Mutants, chance: random.Random, number: int) -> None:
    """A log of another tool, read and turned into events."""
    source = chance.choice(mutants.logs)
    file = mutants.folder / f"log-{os.getpid()}" / source.name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(mutate(source.read_bytes(), chance))
    try:
        for log in read_foreign(file):
            for _ in event_lines(log):
                pass
    finally:
        file.unlink()


Target = Callable[[Mutants, random.Random, int], None]
TARGETS: Final[tuple[Target, ...]] = (
    look_at_events, look_at_events, look_at_config, look_at_events, look_at_checkpoints, look_at_foreign_logs,
    look_at_control,
)  # fmt: skip


def _tried(target: Target, mutants: Mutants, chance: random.Random, number: int) -> str:
    return within_limits(lambda: target(mutants, chance, number), memory_before=peak_mb())


def run(row: Row, trials: Trials) -> None:
    """Each trial mutates one kind of file and reads it by the code that reads it in use."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="guard-mutations-", dir=in_memory()) as name:
        os.environ["XDG_CACHE_HOME"] = f"{name}/cache"
        mutants = Mutants(Path(name).resolve())
        for one in TARGETS:  # what is imported at the first use is nobody's memory
            _tried(one, mutants, random.Random(0), 0)
        for number, chance in trials:
            target = TARGETS[number % len(TARGETS)]
            problem = _tried(target, mutants, chance, number // len(TARGETS))
            counts[target.__name__.removeprefix("look_at_")] += 1
            row.trials += 1
            if problem:
                row.violations.append(f"trial {number} ({target.__name__}): {problem}")
        row.facts.append(", ".join(f"{count} × {kind}" for kind, count in counts.items()))
        row.facts.append(f"peak memory {peak_mb()} MB, PyTorch included")


CAMPAIGN = Campaign("mutated files", 20_000, run)
