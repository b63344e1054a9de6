"""``python benchmarks/signals.py --data DIR``: judge every rule and the policy on real training logs.

Exits 0 when every target is met, 1 when one is missed, 2 for bad usage or data.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.signal_judging.judgement import Judgement, judge_folder
from benchmarks.signal_judging.loading import load
from benchmarks.signal_judging.targets import all_met
from guardrun.errors import UserError
from guardrun.reading.plain_text import plain


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    options = _parser().parse_args(arguments)
    try:
        judgement = judge_folder(load(options.data), quick=options.quick, speed=not options.no_speed)
        if options.json is not None:
            _write(options.json, judgement)
    except UserError as error:
        print(f"signals: {plain(str(error))}", file=sys.stderr)
        return 2
    for line in judgement.lines(split=options.split, rules=options.rule, verbose=options.verbose):
        print(plain(line))
    return 0 if all_met(judgement.targets) else 1


def _write(path: Path, judgement: Judgement) -> None:
    try:
        path.write_text(json.dumps(judgement.data(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="signals", description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with MANIFEST.tsv, SIBLINGS.tsv, bulk/",
    )
    add("--json", type=Path, metavar="FILE", help="write everything as JSON")
    add("--split", action="store_true", help="rules and targets by sources tuned on and held out")
    add(
        "--rule",
        action="append",
        default=[],
        metavar="ID",
        help="name every curve ID (or ID!, policy) fired on",
    )
    add("--verbose", action="store_true", help="name every curve that the policy stops")
    add(
        "--quick",
        action="store_true",
        help="every fourth bulk curve, no frontier of ours, speed measured once",
    )
    add("--no-speed", action="store_true", help="leave the speed out")
    return parser


if __name__ == "__main__":
    sys.exit(main())
