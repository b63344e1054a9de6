"""``python -m benchmarks.faults [--only NAME …] [--trials N | --full] [--seed S]``: trials, losses, violations.

Without ``--full`` each campaign does as many trials as fit into CI; ``make campaign`` does them all. Exits 0
when everything held, 1 when something did not, 2 for an unknown campaign.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from typing import Final, NamedTuple

from benchmarks.faults.outcome import Outcome, table


class Campaign(NamedTuple):
    """A module whose ``run(trials, seed)`` returns an Outcome."""

    module: str
    brief: int
    """Trials in CI."""
    full: int


CAMPAIGNS: Final[dict[str, Campaign]] = {
    "disks": Campaign("benchmarks.faults.disks", 12, 60),
}


def main(arguments: list[str]) -> int:
    """Run what was chosen, one campaign after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", default=list(CAMPAIGNS), metavar="NAME")
    parser.add_argument("--trials", type=int, help="trials of each campaign")
    parser.add_argument("--full", action="store_true", help="all trials")
    parser.add_argument("--seed", type=int, default=20261129)
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.only if name not in CAMPAIGNS]
    if unknown:
        print(f"no such campaign: {', '.join(unknown)}; there are {', '.join(CAMPAIGNS)}", file=sys.stderr)
        return 2
    outcomes = [_run(name, asked) for name in asked.only]
    print(table(outcomes))
    return 0 if all(one.held for one in outcomes) else 1


def _run(name: str, asked: argparse.Namespace) -> Outcome:
    campaign = CAMPAIGNS[name]
    trials = asked.trials or (campaign.full if asked.full else campaign.brief)
    print(f"{name}: {trials} trials ...", file=sys.stderr, flush=True)
    begun = time.monotonic()
    outcome: Outcome = importlib.import_module(campaign.module).run(trials, asked.seed)
    outcome.seconds = time.monotonic() - begun
    return outcome


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
