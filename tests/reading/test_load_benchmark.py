"""The benchmark of loading measures what it says; its aims are judged by `make benchmark`, not here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMALL = """
from benchmarks import load_cost, measurement
results = load_cost.measure(3000)
print(measurement.table(results))
assert all(result.measured > 0 for result in results)
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )


def test_every_cost_is_measured_and_told_with_its_aim() -> None:
    done = python("-c", SMALL)

    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["cost", "measured", "aim", "verdict"]
    assert len(lines) == 3
    assert all(" held " in line or " MISSED " in line for line in lines)


def test_an_unknown_part_is_an_error_that_names_the_known_ones() -> None:
    done = python("-m", "benchmarks", "nothing")

    assert done.returncode == 2
    assert "load" in done.stderr
