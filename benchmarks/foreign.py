"""Reads every file of a folder of real logs and says which named curve is missing.

    python benchmarks/foreign.py --data FOLDER

FOLDER holds a MANIFEST.tsv with the columns ``file``, ``curves`` and ``evidence``. Exit code 1 when
a file is not read, or a curve that the manifest names is not found in it.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
from collections import Counter
from pathlib import Path

from guardrun.errors import UserError
from guardrun.reading.foreign import ForeignLog, event_lines, read_foreign

CURVES = {
    "train_loss": "train/loss", "total_loss": "train/loss", "loss": "train/loss", "val_loss": "val/loss",
    "validation/loss": "val/loss", "val_acc": "val/accuracy", "val_accuracy": "val/accuracy",
    "validation/accuracy": "val/accuracy", "eval_g0_loss": "val/g0_loss", "eval_rouge1": "val/rouge1",
    "eval_g0_accuracy": "val/g0_accuracy", "max_mem_gb": "gpu/memory_peak_bytes", "val_ppl": "val/ppl",
}  # fmt: skip
"""The manifest's word for a curve -> the name under which it is stored, where the two differ."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with MANIFEST.tsv")
    parser.add_argument("--verbose", action="store_true", help="one line a file")
    options = parser.parse_args()
    with open(options.data / "MANIFEST.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    began, problems, formats, size = time.monotonic(), [], Counter[str](), 0
    for row in rows:
        path = options.data / row["file"]
        size += path.stat().st_size
        problem, log = _check(path, row)
        formats[log.format if log is not None else "not read"] += 1
        problems += [f"{row['file']}: {problem}"] if problem else []
        if options.verbose and log is not None:
            print(log.format, log.name, log.monitor, log.mode, log.train_loss, *log.notes, sep=" | ")
    seconds = time.monotonic() - began
    for name, count in formats.most_common():
        print(f"{count:5d}  {name}")
    print(f"{len(rows) - len(problems)} of {len(rows)} files right, {size / 1e6:.1f} MB in {seconds:.1f} s")
    print(*problems, sep="\n")
    return 1 if problems else 0


def _check(path: Path, row: dict[str, str]) -> tuple[str, ForeignLog | None]:
    """What is wrong with the reading of one file ("" for nothing), and its log."""
    try:
        logs = read_foreign(path)
    except UserError as error:
        return str(error), None
    if len(logs) != 1:
        return f"{len(logs)} logs", None
    counts: Counter[str] = Counter(name for each in logs[0].rows for name in each.values)
    lines = sum(1 for _ in event_lines(logs[0]))
    missing = [curve for curve in row["curves"].split(",") if not counts[CURVES.get(curve, curve)]]
    expected = {curve: int(n) for curve, n in re.findall(r"(\w[\w/]*)\[(\d+)\]", row["evidence"])}
    short = [
        f"{curve}: {counts[CURVES[curve]]} of {points} points"
        for curve, points in expected.items()
        if curve in CURVES and counts[CURVES[curve]] < points
    ]
    words = ([f"no {', '.join(missing)} among {sorted(counts)[:20]}"] if missing else []) + short
    return "; ".join(words) if lines else "no events", logs[0]


if __name__ == "__main__":
    sys.exit(main())
