"""``python benchmarks/signals.py --data DIR``: judge every rule and the policy on real training logs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.signal_judging import bulk, report
from benchmarks.signal_judging.loading import load
from guardrun.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """0 when every target is met, 1 when one is missed, 2 for bad usage or data."""
    options = _parser().parse_args(arguments)
    try:
        data = load(options.data)
    except UserError as error:
        print(f"signals: {error}", file=sys.stderr)
        return 2
    for note in data.notes:
        print(f"note: {note}")
    judged = bulk.judge_all(data.curves)
    print("\n".join(report.bulk_tables(judged)))
    named = options.rule or ([bulk.POLICY] if options.verbose else [])
    print("\n".join(report.named_curves(judged, named)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="signals", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder with MANIFEST.tsv, bulk/"
    )
    parser.add_argument(
        "--rule", action="append", default=[], metavar="ID", help="name every curve it fired on"
    )
    parser.add_argument("--verbose", action="store_true", help="name every curve that the policy stops")
    return parser


if __name__ == "__main__":
    sys.exit(main())
