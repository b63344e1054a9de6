"""Reading a long run: a million steps of eight scalars into columns, cold, from the cache, and in memory."""

from __future__ import annotations

import math
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import orjson

from benchmarks.measurement import Result, median_ratio

STEPS = 1_000_000
_FLOOR = "of a bare orjson.loads loop over the same file"


def measure(steps: int = STEPS) -> list[Result]:
    """Cold load, load from the cache, peak memory. Takes about half a minute and 400 MB of disk."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "cache")
        path = Path(folder) / "events.jsonl"
        write_log(path, steps)
        assert load(path) == steps
        cold = median_ratio(lambda: load(path), lambda: bare_loop(path), repeats=7)
        remember(path)
        cached = median_ratio(lambda: load(path, cached=True), lambda: bare_loop(path), repeats=7)
        return [
            Result(f"{steps:,} steps × 8 scalars into arrays", cold, 0.8, _FLOOR),
            Result("the same from the column cache", cached, 0.1, _FLOOR),
            Result("peak memory of that load", peak_megabytes(path), 250, "MB, whole process"),
        ]


def write_log(path: Path, steps: int) -> None:
    """A log as a training leaves it: float32 losses, rounded times, NaN, evaluations, a few torn lines."""
    draw = random.Random(0)
    with open(path, "wb", buffering=1024 * 1024) as file:
        file.write(b'{"t":1764000000.0,"seq":0,"kind":"header","schema":1,"attempt":1}\n')
        for step in range(1, steps + 1):
            file.write(orjson.dumps(_metrics(step, draw), option=orjson.OPT_APPEND_NEWLINE))
            if step % 10_000 == 0:
                file.write(b'{"t":1764000000.0,"seq":1,"kind":"metrics","step":12,"train/lo\n')
            if step % 1000 == 0:
                evaluation = {"t": _time(step), "kind": "eval", "step": step, "improved": True}
                evaluation["val/loss"] = math.exp(-step / steps)
                file.write(orjson.dumps(evaluation, option=orjson.OPT_APPEND_NEWLINE))


def _metrics(step: int, draw: random.Random) -> dict[str, object]:
    return {
        "t": _time(step),
        "seq": step,
        "kind": "metrics",
        "step": step,
        "epoch": step // 1000,
        "train/loss": _float32(draw.random()),
        "train/accuracy": _float32(draw.random()),
        "grad_norm": "NaN" if step % 5000 == 0 else _float32(draw.random()),
        "lr": 0.001 * (1 - step / STEPS),
        "step_time": round(draw.random() / 10, 6),
        "data_time": round(draw.random() / 100, 6),
        "samples_per_s": round(draw.random() * 1000, 1),
        "gpu/memory_allocated_bytes": draw.randrange(10**10),
    }


def _time(step: int) -> float:
    return 1764000000.0 + step * 0.0137


def _float32(value: float) -> float:
    number: float = struct.unpack("f", struct.pack("f", value))[0]
    return number


def bare_loop(path: Path) -> int:
    """The floor: every line parsed by the quickest general parser, nothing kept."""
    loads = orjson.loads
    count = 0
    with open(path, "rb") as file:
        for line in file:
            try:
                loads(line)
            except ValueError:
                continue
            count += 1
    return count


def load(path: Path, *, cached: bool = False) -> int:
    """The product's own path from file to columns; returns the number of points of one curve."""
    from guardrun.following.log_file import LogFile
    from guardrun.series.store import SeriesStore

    store = SeriesStore()
    file = LogFile(path, use_cache=cached)
    while file.changed():
        batch = file.read()
        if batch is None:
            break
        store.add(0, batch, expected=file.expected_rows)
    return len(store.get("train/loss"))


def remember(path: Path) -> None:
    """Fill the column cache as a first opening does."""
    from guardrun.following.log_file import LogFile
    from guardrun.series.store import SeriesStore

    store = SeriesStore()
    file = LogFile(path)
    while file.changed():
        batch = file.read()
        if batch is None:
            break
        store.add(0, batch, expected=file.expected_rows)
    file.remember(store.tables(0))


def peak_megabytes(path: Path) -> float:
    """Largest resident size of a fresh process that loads the file without a cache."""
    code = (
        "import sys; from pathlib import Path; from benchmarks.load_cost import load, own_peak_bytes; "
        "load(Path(sys.argv[1])); print(own_peak_bytes())"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, cwd=root
    )
    return int(done.stdout) / 1024**2


def own_peak_bytes() -> int:
    """This process's peak. Linux's ru_maxrss starts at the size of the process that forked this one."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024
