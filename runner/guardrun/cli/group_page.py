"""What became of a group of runs: the summary of ``guard sweep`` and ``guard repeat --seeds``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from guardrun.cli.output import padded, screen_width
from guardrun.cli.sibling_runs import Ended
from guardrun.cli.terminal import styled
from guardrun.reading.plain_text import plain
from guardtui import formatting

_READ_S: Final = 20.0
_STYLES: Final = {"finished": "green", "stopped": "yellow", "not started": "dim"}


class Result(NamedTuple):
    """One sibling's numbers, read from its files."""

    ended: Ended
    monitor: str
    mode: str
    best: float | None
    best_step: int | None
    step: int


def read_results(ended: Sequence[Ended]) -> list[Result]:
    """The best value of each; what was never started has none."""
    from guardrun.following.run_follower import RunFollower

    results = []
    for one in ended:
        config = one.sibling.loaded.config
        monitor, mode = config.monitor.metric, config.monitor.mode or "min"
        if one.path is None:
            results.append(Result(one, monitor, mode, None, None, 0))
            continue
        follower = RunFollower(one.path, judge=False)
        follower.catch_up(_READ_S)
        state = follower.state()
        follower.close()
        found = state.monitor
        results.append(
            Result(
                one,
                found.name if found else monitor,
                found.mode if found else mode,
                found.best if found else None,
                found.best_step if found else None,
                state.step,
            )
        )
    return results


def leader_of(results: Sequence[Result]) -> Result | None:
    """The one with the best value; None where nothing was evaluated."""
    evaluated = [one for one in results if one.best is not None]
    if not evaluated:
        return None
    sign = -1.0 if evaluated[0].mode == "max" else 1.0
    return min(evaluated, key=lambda one: sign * (one.best or 0.0))


def summary(group: str, results: Sequence[Result]) -> list[str]:
    """A line a sibling, in the order in which they were asked for, the best marked."""
    leader = leader_of(results)
    label = min(40, max([len(one.ended.sibling.label) for one in results] + [4]))
    monitor = results[0].monitor if results else ""
    lines = ["", styled(f"group {plain(group)}: {len(results)} runs", "bold")]
    lines.append(styled(f"  {padded('run', label)} {padded('status', 12)}{padded('best', 14)}", "dim")
                 + styled(plain(monitor), "dim"))  # fmt: skip
    width = screen_width(120)
    for one in results:
        best = formatting.number(one.best) if one.best is not None else "–"
        at = f"step {one.best_step:,}" if one.best_step is not None else ""
        mark = "*" if one is leader else " "
        status = styled(padded(one.ended.status, 12), _STYLES.get(one.ended.status, "red"))
        head = f"{mark} {padded(plain(one.ended.sibling.label), label)} {status}{padded(best, 14)}{at}"
        lines.append(head)
        if one.ended.path is not None and one.ended.status not in ("finished", "stopped"):
            lines.append(styled(f"    guard show {os.path.relpath(one.ended.path)}"[:width], "dim"))
    return lines


def summary_json(group: str, results: Sequence[Result], exit_code: int) -> dict[str, Any]:
    """The same as one document."""
    leader = leader_of(results)
    return {
        "group": group,
        "exit_code": exit_code,
        "best": leader.ended.path.name if leader is not None and leader.ended.path is not None else None,
        "runs": [
            {
                "label": one.ended.sibling.label,
                "run_id": one.ended.path.name if one.ended.path else None,
                "path": str(one.ended.path) if one.ended.path else None,
                "overrides": list(one.ended.sibling.loaded.overrides),
                "status": one.ended.status, "reason": one.ended.reason, "error": one.ended.error,
                "exit_code": one.ended.exit_code, "step": one.step,
                "monitor": one.monitor, "best": one.best, "best_step": one.best_step,
            }
            for one in results
        ],
    }  # fmt: skip
