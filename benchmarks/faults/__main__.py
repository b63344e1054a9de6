"""``python -m benchmarks.faults [--only kill,stop,resume] [--trials N] [--seconds S] [--full]``.

Without options each campaign has its share of three minutes and tells how many trials that were; ``--full``
runs the whole table. 0 when everything held, 1 when something was lost or violated, 2 for a wrong option.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks.faults.campaign import Campaign, Row, run_campaign, table

CAMPAIGNS = {
    "kill": "benchmarks.faults.kills",
    "stop": "benchmarks.faults.stops",
    "resume": "benchmarks.faults.resumes",
    "disks": "benchmarks.faults.disks",
    "mutations": "benchmarks.faults.mutations",
    "hostile": "benchmarks.faults.hostile",
    "screens": "benchmarks.faults.hostile_screens",
}
"""Each module has a ``CAMPAIGN``."""

SHORT_S = 150.0
"""For all campaigns together, where no option says otherwise."""


def main(arguments: list[str]) -> int:
    """Run the chosen campaigns and print their table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--only", default=",".join(CAMPAIGNS), help=f"of {', '.join(CAMPAIGNS)}")
    parser.add_argument("--trials", type=int, help="trials of each campaign")
    parser.add_argument("--seconds", type=float, help="at most so long for each campaign")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other trials")
    parser.add_argument("--full", action="store_true", help="every trial of the table, however long it takes")
    options = parser.parse_args(arguments)
    chosen = options.only.split(",")
    unknown = [name for name in chosen if name not in CAMPAIGNS]
    if unknown:
        parser.error(f"no such campaign: {', '.join(unknown)}; there are {', '.join(CAMPAIGNS)}")
    rows: list[Row] = []
    for name in chosen:
        print(f"running {name} ...", file=sys.stderr, flush=True)
        campaign: Campaign = importlib.import_module(CAMPAIGNS[name]).CAMPAIGN
        unlimited = options.full or options.trials
        seconds = options.seconds or (float("inf") if unlimited else SHORT_S / len(chosen))
        rows.append(run_campaign(campaign, options.trials or campaign.trials, seconds, options.seed))
    print(table(rows))
    return 0 if all(row.held for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
