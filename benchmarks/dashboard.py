"""``python benchmarks/dashboard.py [PART …]``: what the dashboard costs: real processes in real terminals.

Exits 0 when every aim is met, 1 when one is missed, 2 for an unknown part. Takes some six minutes and half a
gigabyte of disk.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.dashboard_cost import drawing, leet, living, starting
from benchmarks.dashboard_cost.place import Place
from benchmarks.dashboard_cost.table import Row, table

PARTS: Final[dict[str, Callable[[Place], list[Row]]]] = {
    "drawing": lambda place: drawing.measure(),
    "starting": starting.measure,
    "living": living.measure,
}
_ABOUT: Final = (
    "Processor time of the measured process where that is what counts (other people's work on this machine\n"
    "is not its own), medians of repeats; latencies are by the clock, and grow when the machine is busy."
)


def main(chosen: list[str]) -> int:
    """Measure and print."""
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="guard-dashboard-") as folder:
        place = Place(Path(folder))
        for part in chosen or PARTS:
            print(f"measuring {part} ...", file=sys.stderr, flush=True)
            rows += PARTS[part](place)
        rows, said = leet.beside(rows, place)
    print(table(rows))
    print(f"\n{_ABOUT}\n{said}")
    return 0 if all(row.held for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
