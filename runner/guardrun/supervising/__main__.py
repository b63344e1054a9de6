"""``python -m guardrun.supervising RUN_DIR --attempt N [--attach] [--foreground]``."""

from __future__ import annotations

import argparse
import sys

from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.supervising.supervisor import run_supervisor


def main() -> int:
    """Run one supervisor; what it has to complain about goes to standard error (supervisor.log)."""
    parser = argparse.ArgumentParser(prog="python -m guardrun.supervising", description=__doc__)
    parser.add_argument("run_dir")
    parser.add_argument("--attempt", type=int, required=True)
    parser.add_argument("--attach", action="store_true", help="a training that already runs")
    parser.add_argument("--foreground", action="store_true", help="share this terminal with the training")
    parser.add_argument("--takeover", action="store_true", help="a holder on another host counts as gone")
    given = parser.parse_args()
    try:
        return run_supervisor(
            RunPaths(given.run_dir), given.attempt, attach=given.attach, foreground=given.foreground,
            takeover=given.takeover,
        )  # fmt: skip
    except UserError as error:
        print(f"guard: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
