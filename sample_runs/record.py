"""Make the runs in ``recorded/``: real trainings under the real ``guard run`` and ``guard stop``.

    python sample_runs/record.py [SCENARIO ...]         all of them take ten minutes, the hung one six of them

It trains in a neutral folder, so that no path of the machine gets into a run, and then replaces what would
still tell of the machine (see ``scrubbed``). Numbers, times, events and checkpoints stay as they happened.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
RECORDED = HERE / "recorded"
STUDIO = Path("/tmp/guard-recording")
"""Where the trainings run; the only absolute path that a recorded run shows."""
DEADLINE = 600.0
"""Seconds that any one thing may take."""
FAULTS = "faults/config.yaml"


class Scenario(NamedTuple):
    """One recorded run: what it shows, how it is started, and what is done to it meanwhile."""

    shows: str
    overrides: tuple[str, ...]
    meanwhile: Callable[[Path], None] = lambda run: None
    exit_codes: tuple[int, ...] = (0,)
    config: str = "small/config.yaml"
    memory: int | None = None
    """Bytes that the kernel lets the run have: it needs a control group of its own, so root."""


def guard(*words: str) -> list[str]:
    """The command line of the installation that this script runs in."""
    return [str(Path(sys.executable).with_name("guard")), *words]


def events(run: Path, file: str = "events.jsonl") -> Iterator[dict[str, Any]]:
    """The whole lines of a log, so far."""
    path = run / file
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        if line.endswith(b"\n"):
            yield json.loads(line)


def wait_until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"not within {DEADLINE:.0f} s: {what}")
        time.sleep(0.02)


def wait_for_step(run: Path, step: int) -> None:
    wait_until(lambda: any(e.get("step", 0) >= step for e in events(run)), f"step {step} of {run.name}")


def stop(run: Path) -> None:
    """As the dashboard's key does it."""
    wait_for_step(run, 250)
    subprocess.run(guard("stop", str(run)), cwd=STUDIO, check=True, timeout=DEADLINE)


def kill(run: Path) -> None:
    """As the kernel does it when memory runs out: the training has no chance to save."""
    wait_for_step(run, 300)
    started = next(e for e in events(run, "supervisor.jsonl") if e["kind"] == "run_start")
    os.kill(started["pid"], signal.SIGKILL)


SCENARIOS = {
    "healthy": Scenario("a training as it should be", ()),
    "overfitting": Scenario(
        "80 images and no augmentation: validation drifts up, and the policy stops the run",
        ("params.train_images=80", "params.batch_size=20", "params.augment=false", "params.norm=false",
         "params.lr=1e-2", "params.epochs=120"),
    ),
    "exploding": Scenario(
        "an absurd learning rate: the policy aborts the run",
        ("params.lr=30", "params.epochs=200"),
        exit_codes=(3,),
    ),
    "nan": Scenario(
        "log(1 - p) in the loss, until p rounds to 1: the policy aborts, the best checkpoint is whole",
        ("params.loss=naive", "params.lr=0.02", "params.channels=12", "params.epochs=60"),
        exit_codes=(3,),
    ),
    "stagnating": Scenario(
        "a learning rate far too small: the loss hardly moves", ("params.lr=1e-6", "params.epochs=20")
    ),
    "stopped": Scenario("a safe stop by a person", ("params.epochs=60",), stop),
    "crashed": Scenario(
        "a last batch of one image, which batch normalisation refuses",
        ("params.train_images=1153", "checkpoint.every_steps=10"),
        exit_codes=(1,),
    ),
    "killed": Scenario("the process was killed from outside", ("params.epochs=60",), kill, (1, 5, 137)),
    "resumed": Scenario("killed, then resumed to its end", ("params.epochs=40",), kill, (1, 5, 137)),
    "spiking": Scenario(
        "five corrupt batches: the loss jumps and comes back, and nobody stops the run",
        ("params.fault=bad_batches", "params.at=200", "params.clip=1.0", "params.width=32"),
        config=FAULTS,
    ),
    "half-precision": Scenario(
        "an epsilon that float16 rounds to 0: every step is skipped, while the loss looks sound",
        ("params.fault=tiny_epsilon", "params.precision=half", "params.epochs=8", "params.width=32"),
        config=FAULTS,
    ),
    "out-of-memory": Scenario(
        "every step keeps 8 MB, until an allocation fails",
        ("params.fault=leak", "params.megabytes=8", "params.memory=600", "params.width=32"),
        exit_codes=(1,), config=FAULTS,
    ),
    "leaking": Scenario(
        "every step keeps 1 MB: foretold by its growth, then killed by the kernel",
        ("params.fault=leak", "params.megabytes=1", "params.pace=0.1", "params.at=1", "params.epochs=60",
         "params.width=32"),
        exit_codes=(1,), config=FAULTS, memory=900_000_000,
    ),
    "straggling": Scenario(
        "two ranks, of which the second waits for its data, and the first for the second",
        ("params.fault=straggler", "params.wait=0.25", "params.train_images=320", "params.epochs=6",
         "params.width=32", "params.lr=0.1", "launcher=torchrun", "nproc_per_node=2"),
        config=FAULTS,
    ),
    "hung": Scenario(
        "two ranks, of which the second waits for a lock: five minutes of silence, then the policy aborts",
        ("params.fault=hang", "policy.hang=abort", "stop.grace=3s", "params.width=32",
         "launcher=torchrun", "nproc_per_node=2"),
        exit_codes=(3,), config=FAULTS,
    ),
}  # fmt: skip


def train(name: str, scenario: Scenario) -> Path:
    """Run one scenario to its end; returns the run directory, still in the studio."""
    runs = STUDIO / "runs"
    before = set(runs.iterdir()) if runs.is_dir() else set()
    words = [scenario.config, *scenario.overrides, "--name", name, "--runs-dir", "runs"]
    with limited(scenario.memory) as prefix:
        process = launch(words, prefix)
        wait_until(lambda: runs.is_dir() and set(runs.iterdir()) - before, f"{name} to begin")
        (run,) = set(runs.iterdir()) - before
        scenario.meanwhile(run)
        expect(process, name, scenario.exit_codes)
    if name == "resumed":
        expect(launch(["--resume", str(run), "--runs-dir", "runs"]), name, (0,))
    return run


@contextlib.contextmanager
def limited(memory: int | None) -> Iterator[list[str]]:
    """A command that starts another within so many bytes of memory; an empty one for no limit."""
    if memory is None:
        yield []
        return
    version_1 = Path("/sys/fs/cgroup/memory")
    group = (version_1 if version_1.is_dir() else version_1.parent) / f"guard-recording-{os.getpid()}"
    group.mkdir()
    try:
        (group / ("memory.limit_in_bytes" if version_1.is_dir() else "memory.max")).write_text(str(memory))
        yield ["sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec "$@"', str(group)]
    finally:
        group.rmdir()


def launch(words: list[str], prefix: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [*prefix, *guard("run", *words)]
    return subprocess.Popen(command, cwd=STUDIO, env=environment, stdout=subprocess.DEVNULL)


def expect(process: subprocess.Popen[bytes], name: str, codes: tuple[int, ...]) -> None:
    code = process.wait(timeout=DEADLINE)
    if code not in codes:
        raise SystemExit(f"{name}: guard run ended with {code}, not with {codes}")


def scrubbed(text: str) -> str:
    """Text without this machine: interpreter and library paths, kernel, host name, boot id and user."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    replacements = {
        sysconfig.get_path("purelib"): "/venv/lib/python/site-packages",
        sys.prefix: "/venv",
        str(HERE.parent): "/guard",
        sysconfig.get_path("stdlib"): "/usr/lib/python",
        sys.base_prefix: "/usr",
        boot.read_text().strip() if boot.exists() else "": "recorded",
        str(Path.home()): "/home/recorded",
        platform.release(): "recorded",
        json.dumps(socket.gethostname()): '"recorded"',
        json.dumps(getpass.getuser()): '"recorded"',
    }
    for there, instead in replacements.items():
        if len(there) > 1:
            text = text.replace(there, instead)
    return text


def keep(run: Path, name: str) -> Path:
    """Copy a run into ``recorded/``, in place of the former one of its name, without this machine in it."""
    RECORDED.mkdir(exist_ok=True)
    for former in RECORDED.glob(f"*_{name}_????"):
        shutil.rmtree(former)
    there = RECORDED / run.name
    shutil.copytree(run, there, symlinks=True, ignore=shutil.ignore_patterns("leases", "*.lock", "untracked"))
    for path in (p for p in there.rglob("*") if p.is_file() and not p.is_symlink()):
        if path.suffix in (".json", ".jsonl", ".log", ".yaml", ".diff"):
            before = path.read_text(errors="surrogateescape")
            after = scrubbed(before)
            if after != before and "checkpoints" in path.parts:
                raise SystemExit(f"{path}: hashed, so it must not need scrubbing")
            path.write_text(after, errors="surrogateescape")
    return there


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    names = parser.parse_args().scenarios or list(SCENARIOS)
    if unknown := set(names) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    shutil.rmtree(STUDIO, ignore_errors=True)
    STUDIO.mkdir()
    for sample in ("small", "faults"):
        shutil.copytree(HERE / sample, STUDIO / sample, ignore=shutil.ignore_patterns("runs", "__pycache__"))
    for name in names:
        began = time.monotonic()
        there = keep(train(name, SCENARIOS[name]), name)
        print(f"{name:12} {time.monotonic() - began:5.1f} s  {there.relative_to(HERE)}", flush=True)
    shutil.rmtree(STUDIO)


if __name__ == "__main__":
    main()
