"""Disks that fill, fail, turn read-only or vanish below a training that goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks.faults.campaign import Campaign, Row, Trials
from benchmarks.faults.disk_faults import FullDisk, LostDisk, ReadOnlyMount

LAYER: Final = Path(__file__).with_name("faulty_disk.c")
"""Between a process and the kernel: makes calls below one folder fail or answer late."""


def build_layer(folder: Path) -> Path | None:
    """The layer as a library for LD_PRELOAD; None where there is no C compiler or another kernel."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        return None
    library = folder / "faulty_disk.so"
    words = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(LAYER), "-ldl"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{LAYER.name} does not compile: {done.stderr}")
    return library


def layered(folder: Path, library: Path | None) -> dict[str, str]:
    """The environment of a process whose ``folder/disk`` can be made to fail by ``folder/switch``."""
    (folder / "disk").mkdir()
    (folder / "switch").write_bytes(bytes(16))
    places = {"FAULTY_DISK_FOLDER": str(folder / "disk"), "FAULTY_DISK_SWITCH": str(folder / "switch")}
    return {**os.environ, **places, **({"LD_PRELOAD": str(library)} if library else {})}


def run(row: Row, trials: Trials) -> None:
    """The trials run in a process that has the layer, forked from one that has PyTorch."""
    with tempfile.TemporaryDirectory(prefix="guard-disks-") as name:
        folder = Path(name).resolve()
        library = build_layer(folder)
        command = [sys.executable, "-m", "benchmarks.faults.disk_trials", str(folder)]
        worker = subprocess.Popen(
            command, env=layered(folder, library), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert worker.stdin is not None
        assert worker.stdout is not None
        met: Counter[str] = Counter()
        for number, chance in trials:
            worker.stdin.write(f"{number} {chance.getrandbits(64)}\n")
            worker.stdin.flush()
            answer = json.loads(worker.stdout.readline() or "{}")
            if not answer:
                row.violations.append(f"trial {number}: the trials' process ended with {worker.wait()}")
                break
            row.trials += 1
            row.losses += answer["uncounted"]
            met.update(answer["met"])
            row.violations += [f"trial {number} ({answer['fault']}): {text}" for text in answer["problems"]]
        worker.stdin.close()
        worker.wait()
    row.facts.append(", ".join(f"{count} × {what}" for what, count in sorted(met.items())))
    if library is None:
        row.facts.append("no C compiler here: short writes, read-only and EIO were not tried")
    unmet = [fault.name for fault in (FullDisk, LostDisk, ReadOnlyMount) if fault.name not in met]
    if unmet:
        row.facts.append(f"no mounts are possible here, or too few trials: not tried: {', '.join(unmet)}")


CAMPAIGN = Campaign("full disk, short write, read-only, EIO, vanished directory", 60, run)
