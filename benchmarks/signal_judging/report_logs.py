"""The judgement of labelled logs, sibling groups and the overfitting frontier as text and as plain data."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from benchmarks.signal_judging.engine_adapter import worst
from benchmarks.signal_judging.frontier import AS_IT_IS, Place, undominated
from benchmarks.signal_judging.labelled import GOOD, NAMED_BY, LogVerdict, is_false_alarm
from benchmarks.signal_judging.report_bulk import share
from benchmarks.signal_judging.siblings import Pruning
from benchmarks.signal_judging.targets import Target

SEVERITIES: Final = ("info", "warn", "act")
_NAME: Final = 20
_PROBLEM: Final = 38
_COLUMN: Final = 10


def confusion(logs: Sequence[LogVerdict]) -> list[str]:
    """Labels across, signals and the worst severity down."""
    if not logs:
        return []
    labels = sorted({log.log.label for log in logs})
    readable = [log for log in logs if not log.problem]
    ids = sorted({seen.id for log in readable for seen in log.seen})
    counts = {label: sum(log.log.label == label for log in logs) for label in labels}
    lines = [
        "",
        f"LABELLED LOGS   {len(logs)} scored, {len(logs) - len(readable)} of them not readable",
        "  a/b/c: runs on which the signal was raised / as a warning or worse / stopped by itself",
        "",
        _line("", [label[: _COLUMN - 1] for label in labels]),
        _line("runs", [str(counts[label]) for label in labels]),
        _line("worst: nothing", [_worst(readable, label, None) for label in labels]),
    ]
    lines += [
        _line(f"worst: {severity}", [_worst(readable, label, severity) for label in labels])
        for severity in SEVERITIES
    ]
    lines.append(_line("stopped by itself", [_acted(readable, label) for label in labels]))
    return lines + [_line(rule, [_raised(readable, label, rule) for label in labels]) for rule in ids]


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name[:_NAME]:{_NAME}}" + "".join(f"{cell:>{_COLUMN}}" for cell in cells)


def _worst(logs: Sequence[LogVerdict], label: str, severity: str | None) -> str:
    found = [log for log in logs if log.log.label == label]
    return str(sum(worst(seen.severity for seen in log.seen) == severity for log in found) or "·")


def _acted(logs: Sequence[LogVerdict], label: str) -> str:
    return str(sum(log.log.label == label and bool(log.acted) for log in logs) or "·")


def _raised(logs: Sequence[LogVerdict], label: str, rule: str) -> str:
    of_rule = [[s for s in log.seen if s.id == rule] for log in logs if log.log.label == label]
    found = [seen for seen in of_rule if seen]
    if not found:
        return "·"
    loud = sum(any(item.loud for item in seen) for seen in found)
    acted = sum(any(item.automatic for item in seen) for seen in found)
    return f"{len(found)}/{loud}/{acted}"


def named_logs(logs: Sequence[LogVerdict], names: Sequence[str]) -> list[str]:
    """Every signal of some rules on labelled logs; ``id!`` names what stopped by itself."""
    return [
        f"  {log.log.label} {seen.id} ({seen.action if seen.automatic else seen.severity})"
        f" at step {seen.step}{_from_onset(seen.distance)}: {log.log.file}"
        for name in names
        for log in logs
        for seen in log.seen
        if seen.id == name.rstrip("!") and (seen.automatic or not name.endswith("!"))
    ]


def _from_onset(distance: int | None) -> str:
    return "" if distance is None else f", {distance:+} from the onset"


def distances(logs: Sequence[LogVerdict]) -> list[str]:
    """How far after the onset a right signal came, and the automatic action."""
    rows = []
    for label in NAMED_BY:
        alike = [log for log in logs if log.log.label == label and log.log.onset is not None]
        flagged = sorted(item for log in alike if (item := first_distance(log, acted=False)) is not None)
        acted = sorted(item for log in alike if (item := first_distance(log, acted=True)) is not None)
        if flagged:
            rows.append(f"  {label:14} flagged {_spread(flagged)}; acted {_spread(acted)}")
    return (
        [
            "",
            "ONSET TO ALARM   least, median, most logged points (or evaluations, as the onset counts)",
            *rows,
        ]
        if rows
        else []
    )


def first_distance(log: LogVerdict, *, acted: bool) -> int | None:
    """From the onset to the first right signal, or to the first automatic action."""
    found = (s for s in log.seen if (s.automatic if acted else s.loud and s.id.startswith(_right(log))))
    return next((seen.distance for seen in found if seen.distance is not None), None)


def _right(log: LogVerdict) -> tuple[str, ...]:
    return NAMED_BY.get(log.log.label, ())


def _spread(numbers: Sequence[int]) -> str:
    if not numbers:
        return "none"
    middle = statistics.median(numbers)
    return f"on {len(numbers)} at {numbers[0]:+}, {middle:+g}, {numbers[-1]:+}"


def alarms(logs: Sequence[LogVerdict]) -> dict[str, dict[str, int]]:
    """Good label -> severity (or ``stopped``) -> runs with such a training-health signal."""
    table: dict[str, dict[str, int]] = {}
    for label in GOOD:
        alike = [log for log in logs if log.log.label == label]
        if alike:
            found = {
                s: sum(any(x.health and x.severity == s for x in log.seen) for log in alike)
                for s in SEVERITIES
            }
            table[label] = {"runs": len(alike), **found, "stopped": sum(bool(log.acted) for log in alike)}
    return table


def alarm_lines(logs: Sequence[LogVerdict]) -> list[str]:
    """The same as text."""
    told = [
        f"  {label:16}" + "   ".join(f"{name} {count}" for name, count in found.items())
        for label, found in alarms(logs).items()
    ]
    return ["", "HEALTH SIGNALS ON GOOD RUNS   runs by severity", *told] if told else []


def problems(logs: Sequence[LogVerdict]) -> list[str]:
    """Every miss, every false alarm and every unreadable log by name."""
    lines: list[str] = []
    for log in logs:
        if log.problem:
            lines.append(f"  UNREADABLE {log.log.label}: {log.problem[:_PROBLEM]}: {log.log.file}")
            continue
        if log.log.label in NAMED_BY and not log.named:
            lines.append(f"  MISS {log.log.label}: {log.log.file}")
        lines += [
            f"  FALSE {'STOP' if seen.automatic else seen.severity} {log.log.label}: {seen.id}"
            f" at step {seen.step}: {log.log.file}"
            for seen in log.seen
            if is_false_alarm(log, seen)
        ]
    return ["", "MISSES AND FALSE ALARMS", *sorted(lines)] if lines else []


def pruning(found: Mapping[str, Mapping[str, Pruning]]) -> list[str]:
    """Pruners down, origins of the groups across: pruned runs, winners lost, groups left worse."""
    if not found:
        return []
    lines = ["", "SIBLING GROUPS   lost: the eventual winner was pruned; worse: the rest ends >= 1 % worse"]
    for origin, pruners in found.items():
        first = next(iter(pruners.values()))
        lines.append(f"  {origin}: {first.groups} groups, {first.runs} runs")
        lines += [
            f"    {name:30} pruned {share(item.pruned, item.runs):>5}   lost {item.lost:5.4g}"
            f" {share(item.lost, item.groups):>5}   worse {item.worse:5.4g}   saved {item.saved:.0%}"
            for name, item in pruners.items()
        ]
    return lines


def frontier(places: Sequence[Place]) -> list[str]:
    """Caught against false alarms; * marks those that no other rule beats in both."""
    if not places:
        return []
    best = set(undominated(places))
    lines = ["", "OVERFITTING: CAUGHT AGAINST FALSE ALARMS   *: no other catches more for fewer false stops"]
    lines.append(f"    {'':30} caught   false on good runs   wrong of stops on bulk")
    lines += [
        f"  {'*' if place in best else ' '} {place.name:30} {place.caught:>3} of {place.of:<3}"
        f" {place.false_alarms:>14} {place.wrong_stops:>16} of {place.stops}"
        for place in sorted(places, key=lambda place: (place.alarms, -place.caught))
    ]
    return lines + [_standing(place, places) for place in places if place.name == AS_IT_IS]


def _standing(ours: Place, places: Sequence[Place]) -> str:
    """Where our rule is, beside the most that any rule catches with as few false stops."""
    as_safe = max(place.caught for place in places if place.alarms <= ours.alarms)
    return (
        f"  ours stops {ours.caught} of {ours.of} with {ours.alarms} false or wrong stops;"
        f" as safe a rule stops at most {as_safe}"
    )


def target_lines(targets: Sequence[Target], title: str, *, named: bool) -> list[str]:
    """Targets with their verdict, and with ``named`` the runs that miss them."""
    if not targets:
        return []
    lines = ["", title]
    for target in targets:
        verdict = "ok    " if target.met else "MISSED"
        lines.append(f"  {verdict} {target.name:40} {target.aim:>12}   {target.measured}")
        if named and not target.met:
            lines += [f"       {name}" for name in target.named]
    return lines


def logs_data(logs: Sequence[LogVerdict]) -> list[dict[str, Any]]:
    """Every labelled log as plain data."""
    return [
        {
            "file": log.log.file,
            "label": log.log.label,
            "onset": log.log.onset,
            "tags": sorted(log.log.tags),
            "source": log.log.source,
            "format": log.format,
            "points": log.points,
            "evaluations": log.evaluations,
            "problem": log.problem,
            "flagged": log.named,
            "acted": bool(log.acted),
            "signals": [seen._asdict() for seen in log.seen],
            "false_alarms": [
                {"id": seen.id, "severity": seen.severity, "step": seen.step, "stopped": seen.automatic}
                for seen in log.seen
                if is_false_alarm(log, seen)
            ],
            "baselines": log.stops,
        }
        for log in logs
    ]


def confusion_data(logs: Sequence[LogVerdict]) -> dict[str, dict[str, dict[str, int]]]:
    """Label -> signal id -> worst severity -> runs."""
    table: dict[str, dict[str, dict[str, int]]] = {}
    for label, rule, severity in _worst_of_each(logs):
        counts = table.setdefault(label, {}).setdefault(rule, {})
        counts[severity] = counts.get(severity, 0) + 1
    return table


def _worst_of_each(logs: Sequence[LogVerdict]) -> Iterator[tuple[str, str, str]]:
    for log in logs:
        for rule in {seen.id for seen in log.seen}:
            severity = worst(seen.severity for seen in log.seen if seen.id == rule)
            if severity is not None:
                yield log.log.label, rule, severity
