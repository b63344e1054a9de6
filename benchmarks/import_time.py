"""What ``import guardrun; guardrun.start`` costs a training script, in fresh interpreters."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile

from benchmarks.measurement import Result, table

REPEATS = 15


def measure() -> list[Result]:
    """Processor time above a bare interpreter, compiled modules cached. Takes about two seconds."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def seconds(statement: str) -> float:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        used = "import guardrun; guardrun.start"
        seconds(used)
        extra = statistics.median(seconds(used) - seconds("pass") for _ in range(REPEATS))
    return [Result(used, extra * 1e3, 30, "ms of processor time above a bare interpreter")]


if __name__ == "__main__":
    print(table(measure()))
