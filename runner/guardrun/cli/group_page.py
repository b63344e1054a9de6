"""What became of a group of runs: the summary of ``guard sweep`` and ``guard repeat --seeds``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from guardrun.cli.detaching import Detached
from guardrun.cli.output import padded, screen_width
from guardrun.cli.sibling_runs import Ended
from guardrun.cli.terminal import styled
from guardrun.reading.plain_text import plain
from guardtui import formatting

_NAMED: Final = 6
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


class SameCurves(NamedTuple):
    """Two runs of different seeds with the very same curve: seed and run id of each."""

    one: tuple[int | None, str]
    other: tuple[int | None, str]


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


def same_curves(ended: Sequence[Ended], beside: Sequence[Path] = ()) -> list[SameCurves]:
    """Runs of several seeds whose curves are equal, point by point: their seed reaches nothing."""
    from guardrun.judging.checklist_origin import twins
    from guardrun.judging.gathering import gather_facts

    paths = [*beside, *(one.path for one in ended if one.path is not None)]
    facts = {each.run_id: each for each in (gather_facts(path, judge=False) for path in paths)}
    found: dict[frozenset[str], SameCurves] = {}
    for run_id, other in twins(list(facts.values())).items():
        pair = (facts[run_id].seed, run_id), (other.seed, other.run_id)
        found[frozenset((run_id, other.run_id))] = SameCurves(*sorted(pair, key=str))
    return list(found.values())


def leader_of(results: Sequence[Result]) -> Result | None:
    """The one with the best value; None where nothing was evaluated."""
    evaluated = [one for one in results if one.best is not None]
    if not evaluated:
        return None
    sign = -1.0 if evaluated[0].mode == "max" else 1.0
    return min(evaluated, key=lambda one: sign * (one.best or 0.0))


def runs_words(count: int) -> str:
    """``1 run``, ``3 runs``."""
    return "1 run" if count == 1 else f"{count:,} runs"


def detached_lines(group: str, count: int, gone: Detached, runs_dir: Path) -> list[str]:
    """What goes on, and how to look at it and to stop it."""
    log = plain(os.path.relpath(gone.log))
    goes = "it goes" if count == 1 else "they go"
    return [
        f"group {plain(group)}: {runs_words(count)}; {goes} on without this terminal",
        f"  look  guard watch {plain(str(runs_dir))}",
        f"  log   tail -f {log}",
        f"  stop  kill {gone.pid}   (what runs is stopped safely, no more are started)",
    ]


def detached_json(group: str, count: int, gone: Detached) -> dict[str, Any]:
    """The same as one document."""
    return {
        "group": group, "detached": True, "started": gone.started, "runs": count, "pid": gone.pid,
        "log": str(gone.log),
    }  # fmt: skip


def summary(group: str, results: Sequence[Result], alike: Sequence[SameCurves] = ()) -> list[str]:
    """A line a sibling, in the order in which they were asked for, the best marked."""
    leader = leader_of(results)
    label = min(40, max([len(one.ended.sibling.label) for one in results] + [4]))
    monitor = results[0].monitor if results else ""
    lines = ["", styled(f"group {plain(group)}: {runs_words(len(results))}", "bold")]
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
    return lines + _same_curves_lines(alike)


def _same_curves_lines(alike: Sequence[SameCurves]) -> list[str]:
    if not alike:
        return []
    seeds = sorted({seed for pair in alike for seed, _ in pair if seed is not None})
    told = ", ".join(map(str, seeds[:_NAMED])) + (", …" if len(seeds) > _NAMED else "")
    return [
        styled(f"the seeds {told} gave the very same curves: the seed does not reach the script", "red"),
        "    next: run.seed() before anything random is made, or read run.config['seed']",
    ]


def summary_json(
    group: str, results: Sequence[Result], exit_code: int, alike: Sequence[SameCurves] = ()
) -> dict[str, Any]:
    """The same as one document."""
    leader = leader_of(results)
    return {
        "group": group,
        "exit_code": exit_code,
        "best": leader.ended.path.name if leader is not None and leader.ended.path is not None else None,
        "same_curves": [
            [{"seed": seed, "run_id": run_id} for seed, run_id in pair] for pair in alike
        ],
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
