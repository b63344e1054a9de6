"""``python -m benchmarks [PART …]``: measure every cost and say which aims are held."""

from __future__ import annotations

import importlib
import sys

from benchmarks.measurement import Result, table

PARTS = {
    "log": "benchmarks.log_cost",
    "import": "benchmarks.import_time",
    "load": "benchmarks.load_cost",
    "draw": "benchmarks.draw_cost",
    "save": "benchmarks.save_cost",
    "step": "benchmarks.step_overhead",
    "stop": "benchmarks.stop_latency",
    "audit": "benchmarks.audit_cost",
    "fingerprint": "benchmarks.fingerprint",
}
"""Each module's ``measure()`` returns a list of results."""


def main(chosen: list[str]) -> int:
    """0 when every aim is held, 1 when one is missed, 2 for an unknown part."""
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    results: list[Result] = []
    for part in chosen or PARTS:
        print(f"measuring {part} ...", file=sys.stderr, flush=True)
        results += importlib.import_module(PARTS[part]).measure()
    print(table(results))
    return 0 if all(result.held for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
