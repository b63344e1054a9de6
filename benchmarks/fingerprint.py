"""What a fingerprint costs against a bare hash of the same bytes, and what run.data adds to a start."""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import guardrun
from benchmarks.measurement import Result, interleaved, median_ratio, table
from guardrun.provenance.data.hashing import fingerprint

MIB = 1024 * 1024
SIZE = 192 * MIB
"""Below the limit up to which content is hashed whole."""
IMAGES = 20_000
STARTS = 5


def measure() -> list[Result]:
    """Ratios from neighbouring runs; seconds of run.data on 20,000 images of 784 bytes in three splits."""
    generator = np.random.default_rng(0)
    array = generator.integers(0, 256, SIZE, dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.bin"
        array.tofile(file)
        of_array = median_ratio(lambda: fingerprint(array), lambda: _bare(array))
        of_file = median_ratio(lambda: fingerprint(file), lambda: _bare_file(file))
        fast, read = _rate(lambda: fingerprint(array)), _rate(lambda: fingerprint(file))
    results = [
        Result("fingerprint of an array", of_array, 1.3, f"of a bare SHA-256 ({fast:.2f} GB/s)"),
        Result("fingerprint of a file", of_file, 1.3, f"of reading and hashing it ({read:.2f} GB/s)"),
    ]
    return [*results, _start_up(generator)]


def _bare(array: np.ndarray) -> None:
    hashlib.sha256(array.data).hexdigest()


def _bare_file(file: Path) -> None:
    digest = hashlib.sha256()
    with file.open("rb", buffering=0) as opened:
        while block := opened.read(MIB):
            digest.update(block)
    digest.hexdigest()


def _rate(function: object) -> float:
    """GB/s of processor time."""
    assert callable(function)
    return SIZE / 1e9 / interleaved({"one": function}, repeats=3)["one"]


def _start_up(generator: np.random.Generator) -> Result:
    images = generator.integers(0, 256, (IMAGES, 28, 28), dtype=np.uint8)
    labels = generator.integers(0, 10, IMAGES)
    cuts = {"train": slice(0, 16_000), "val": slice(16_000, 18_000), "test": slice(18_000, IMAGES)}
    taken, by_the_clock = [], []
    for _ in range(STARTS):
        with tempfile.TemporaryDirectory() as folder, guardrun.start("cost", runs_dir=folder) as run:
            begun, clock = time.process_time(), time.perf_counter()
            for name, rows in cuts.items():
                run.data(name, (images[rows], labels[rows]))
            taken.append(time.process_time() - begun)
            by_the_clock.append(time.perf_counter() - clock)
    clock = statistics.median(by_the_clock)
    what = f"s of processor time ({clock:.2g} by the clock) for {IMAGES:,} images, three splits"
    return Result("run.data at the start", statistics.median(taken), 3.0, what)


if __name__ == "__main__":
    print(table(measure()))
