"""How the ranks of a training find the run that rank 0 made, when no launcher of ours has told them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from guardrun.events.atomic import write_atomic
from guardrun.events.untrusted import read_object
from guardrun.provenance.host import host_name, is_same_process, process_start

WAIT_S = 30.0
_FRESH_S = 600.0
"""A file of another host counts for so long: its writer can't be looked at from here."""


def launch_key(ordinal: int) -> str:
    """What the ranks of one launch have in common, and no other launch of this user has.

    torchrun's run id, restart count and store address; srun's job and step. The agent's pid too where all
    ranks have the same one; ``ordinal`` counts the calls of start() in this process.
    """
    import hashlib

    names = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_ADDR", "MASTER_PORT",
             "WORLD_SIZE", "SLURM_JOB_ID", "SLURM_STEP_ID")  # fmt: skip
    parts = [os.environ.get(name, "") for name in names]
    one_agent = "TORCHELASTIC_RUN_ID" in os.environ and (
        os.environ.get("LOCAL_WORLD_SIZE") == os.environ.get("WORLD_SIZE")
    )
    parts.append(f"{host_name()}:{os.getppid()}:{process_start(os.getppid())}" if one_agent else "")
    parts.append(str(ordinal))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def places(runs_dir: Path) -> list[Path]:
    """Folders for the meeting: beside the runs (shared between hosts), else this user's on this host."""
    return [
        runs_dir / ".rendezvous",
        Path(os.environ.get("TMPDIR") or "/tmp") / f"guardrun-rendezvous-{os.getuid()}",
    ]


def announce(runs_dir: Path, key: str, run: Path) -> Path | None:
    """Rank 0: say where the run is. The file to remove at the end; None when no place is writable."""
    me = os.getpid()
    body = {"run": str(run), "host": host_name(), "pid": me, "pid_start": process_start(me), "t": time.time()}
    for place in places(runs_dir):
        try:
            place.mkdir(mode=0o700, exist_ok=True)
            if place.stat().st_uid != os.getuid():
                continue
            write_atomic(place / f"{key}.json", json.dumps(body).encode(), sync=False)
        except OSError:
            continue
        return place / f"{key}.json"
    return None


def find(runs_dir: Path, key: str, wait_s: float = WAIT_S) -> Path | None:
    """Another rank: the run of this launch, waiting for rank 0 at most ``wait_s`` seconds."""
    deadline, pause = time.monotonic() + wait_s, 0.01
    while True:
        for place in places(runs_dir):
            run = _read(place / f"{key}.json")
            if run is not None:
                return run
        if time.monotonic() > deadline:
            return None
        time.sleep(pause)
        pause = min(0.25, pause * 1.5)


def _read(file: Path) -> Path | None:
    try:
        if file.stat().st_uid != os.getuid():
            return None
        body: dict[str, Any] = read_object(file)
        if body["host"] == host_name():
            current = is_same_process(body["pid"], body["pid_start"])
        else:
            current = abs(time.time() - body["t"]) < _FRESH_S
        run = Path(body["run"])
        return run if current and (run / "run.json").is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
