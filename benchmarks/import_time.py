"""What ``import guardrun; guardrun.start`` costs a training script, and ``guard --help`` a person."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile

from benchmarks.measurement import Result, table

REPEATS = 15
_HELP = (
    "import sys, os; sys.stdout = open(os.devnull, 'w'); from guardrun.cli.main import run; run(['--help'])"
)


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

        def extra(statement: str) -> float:
            seconds(statement)
            return statistics.median(seconds(statement) - seconds("pass") for _ in range(REPEATS))

        used = "import guardrun; guardrun.start"
        unit = "ms of processor time above a bare interpreter"
        return [
            Result(used, extra(used) * 1e3, 30, unit),
            Result("guard --help", extra(_HELP) * 1e3, 100, unit),
        ]


if __name__ == "__main__":
    print(table(measure()))
