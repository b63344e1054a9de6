"""Everything that is measured on one data folder, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.signal_judging import bulk, frontier, labelled, report_bulk, report_logs, speed
from benchmarks.signal_judging import siblings as groups
from benchmarks.signal_judging import targets as aims
from benchmarks.signal_judging.engine_adapter import INFERIOR, has_rule
from benchmarks.signal_judging.loading import DataFolder, held_out
from benchmarks.signal_judging.siblings import OURS, Pruning
from benchmarks.signal_judging.targets import Target

QUICK_STRIDE = 4
QUICK_STEPS = 2_000
PARTS = {"tuned on": False, "held out": True}
TOGETHER = "together"
WIDTH = 100
SHORTEST = 36
"""Characters of a path that always stay."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """All results."""

    folder: str
    notes: tuple[str, ...]
    curves: list[bulk.Verdicts]
    logs: list[labelled.LogVerdict]
    pruning: dict[str, dict[str, Pruning]]
    """Origin of the groups (and ``together``) -> pruner -> result."""
    frontier: list[frontier.Place]
    speed: dict[str, float]
    targets: list[Target]

    def part(self, held: bool) -> list[Target]:
        """The targets on the sources that were held out, or on the others."""
        return [
            *aims.of_bulk([item for item in self.curves if held_out(item.source) == held]),
            *aims.of_logs([item for item in self.logs if held_out(item.log.source) == held]),
        ]

    def lines(self, *, split: bool, rules: Sequence[str], verbose: bool) -> Iterator[str]:
        """The report, line by line; names of files are whole only when ``verbose``."""
        for line in self._lines(split, rules, verbose):
            yield line if verbose else shortened(line)

    def _lines(self, split: bool, rules: Sequence[str], verbose: bool) -> Iterator[str]:
        yield from (f"note: {note}" for note in self.notes)
        yield from report_bulk.bulk_tables(self.curves, every_rule_by_part=split)
        named = [*rules, *([bulk.POLICY] if verbose else [])]
        yield from report_bulk.named_curves(self.curves, named)
        yield from report_logs.confusion(self.logs)
        yield from report_logs.named_logs(self.logs, rules)
        yield from report_logs.distances(self.logs)
        yield from report_logs.alarm_lines(self.logs)
        yield from report_logs.problems(self.logs)
        yield from report_logs.pruning(self.pruning)
        yield from report_logs.frontier(self.frontier)
        for title, held in PARTS.items():
            yield from report_logs.target_lines(self.part(held), f"TARGETS, sources {title}", named=split)
        yield from report_logs.target_lines(self.targets, "TARGETS", named=True)

    def data(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "folder": self.folder,
            "notes": list(self.notes),
            "met": aims.all_met(self.targets),
            "targets": [target._asdict() for target in self.targets],
            "parts": {
                title: [target._asdict() for target in self.part(held)] for title, held in PARTS.items()
            },
            "bulk": report_bulk.bulk_data(self.curves),
            "labelled": {
                "confusion": report_logs.confusion_data(self.logs),
                "alarms_on_good_runs": report_logs.alarms(self.logs),
                "logs": report_logs.logs_data(self.logs),
            },
            "siblings": {
                origin: {name: asdict(item) for name, item in pruners.items()}
                for origin, pruners in self.pruning.items()
            },
            "frontier": [place._asdict() for place in self.frontier],
            "speed": self.speed,
        }


def judge_folder(data: DataFolder, *, quick: bool, speed: bool) -> Judgement:
    """Judge everything that the folder holds."""
    notes = list(data.notes)
    curves = data.curves[::QUICK_STRIDE] if quick else data.curves
    judged = bulk.judge_all(curves)
    logs = labelled.judge_logs(data.path, data.labelled, bulk.WORKERS)
    pruning = _pruning(data, notes)
    places = frontier.of_simple_rules(judged, logs) if logs else []
    if places and not quick:
        places += frontier.of_ours(curves, data.path, data.labelled)
    rates = _speed(quick) if speed else {}
    return Judgement(
        folder=str(data.path),
        notes=tuple(notes),
        curves=judged,
        logs=logs,
        pruning=pruning,
        frontier=places,
        speed=rates,
        targets=[
            *aims.of_bulk(judged),
            *aims.of_logs(logs),
            *aims.of_pruning(pruning.get(TOGETHER, {}).get(OURS)),
            *aims.of_speed(rates),
        ],
    )


def shortened(line: str) -> str:
    """A line that ends in a long path, without the middle of it: where runs differ is near the end."""
    if len(line) <= WIDTH:
        return line
    text, colon, path = line.rpartition(": ")
    room = max(WIDTH - len(text) - 3, SHORTEST)
    return line if not colon or len(path) <= room else f"{text}{colon}…{path[1 - room :]}"


def _pruning(data: DataFolder, notes: list[str]) -> dict[str, dict[str, Pruning]]:
    found = [*groups.bulk_groups(data.curves), *groups.sibling_groups(data.path, data.siblings, notes)]
    if not found:
        return {}
    origins = list(dict.fromkeys(group.origin for group in found))
    parts = {origin: [group for group in found if group.origin == origin] for origin in origins}
    if not has_rule(INFERIOR):
        notes.append(f"the product has no rule {INFERIOR!r}: only the baselines prune")
    return {title: _every_pruner(part) for title, part in {**parts, TOGETHER: found}.items()}


def _every_pruner(part: Iterable[groups.Group]) -> dict[str, Pruning]:
    chosen = list(part)
    return {
        name: groups.judge_pruner(chosen, pruner, orders)
        for name, (pruner, orders) in groups.PRUNERS.items()
        if name != OURS or has_rule(INFERIOR)
    }


def _speed(quick: bool) -> dict[str, float]:
    return speed.measure(QUICK_STEPS, 1) if quick else speed.measure()
