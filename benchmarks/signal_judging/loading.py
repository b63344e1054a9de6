"""The data folder: MANIFEST.tsv (labelled logs), SIBLINGS.tsv (groups with verdicts), bulk/*.jsonl.gz."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from guardrun.errors import UserError

NOT_SCORED = ("unclear", "not_labelled")
"""Labels without a truth to be held to: two experts would differ, or nobody looked."""
_NUMBERED = re.compile(r"(study|trial|seed|fold|run|version)[_-]?\d+")
_BULK_FIELDS = ("id", "group", "train", "val")


@dataclass(frozen=True, slots=True)
class Curve:
    """One run of a bulk file: per evaluation a training and a validation loss, both in evaluation mode."""

    file: str
    """Name of the bulk file without its suffixes."""
    id: str
    group: str
    steps: tuple[int, ...]
    train: tuple[float, ...]
    val: tuple[float, ...]
    """nan where the loss was not finite."""
    metric_name: str | None
    metric: tuple[float, ...]
    """Another validation metric, as long as ``val``, or empty."""

    @property
    def source(self) -> str:
        return data_set(problem(self.group))


@dataclass(frozen=True, slots=True)
class Labelled:
    """One line of MANIFEST.tsv."""

    file: str
    """Path below the data folder."""
    repo: str
    label: str
    onset: int | None
    onset_unit: str
    """``eval`` or ``log``: what the onset counts; empty when the manifest names none."""
    tags: frozenset[str]
    source: str

    @property
    def scored(self) -> bool:
        return self.label not in NOT_SCORED


@dataclass(frozen=True, slots=True)
class Sibling:
    """One line of SIBLINGS.tsv."""

    group: str
    file: str
    verdict: str
    best_val: float


@dataclass(frozen=True, slots=True)
class DataFolder:
    """What was found below ``--data``; parts that are absent are empty and named in ``notes``."""

    path: Path
    curves: tuple[Curve, ...]
    labelled: tuple[Labelled, ...]
    siblings: tuple[Sibling, ...]
    notes: tuple[str, ...] = field(default=())


def load(path: Path) -> DataFolder:
    """Read the folder. Raises UserError (exit 2) when it isn't there or holds none of the three parts."""
    if not path.is_dir():
        raise UserError(f"{path} is not a folder", hint="Name the folder that holds MANIFEST.tsv and bulk/.")
    notes: list[str] = []
    curves = tuple(_bulk(path / "bulk", notes))
    problems = {problem(curve.group) for curve in curves}
    labelled = tuple(_manifest(path / "MANIFEST.tsv", problems, notes))
    siblings = tuple(_siblings(path / "SIBLINGS.tsv", notes))
    if not curves and not labelled and not siblings:
        raise UserError(f"{path} holds none of MANIFEST.tsv, SIBLINGS.tsv and bulk/*.jsonl.gz")
    return DataFolder(path, curves, labelled, siblings, tuple(notes))


def problem(group: str) -> str:
    """The problem in a group's name.

    ``cifar10_3c3d/AdamOptimizer`` -> ``cifar10_3c3d``; ``suite/optimizer/study_0/ogbg_jax`` -> ``ogbg_jax``.
    """
    parts = [part for part in group.split("/") if part and not _NUMBERED.fullmatch(part)]
    if not parts:
        return group
    return parts[0] if len(parts) <= 2 else parts[-1]


def data_set(problem_name: str) -> str:
    """The first word: variants of a problem on one data set look alike and must stay on one side."""
    return re.split(r"[_\-]", problem_name)[0]


def held_out(source: str) -> bool:
    """Whether a source belongs to the half that nobody tunes on: fixed, by the hash of its name."""
    return hashlib.sha256(source.encode()).digest()[0] % 2 == 1


def _bulk(folder: Path, notes: list[str]) -> Iterator[Curve]:
    files = sorted(folder.glob("*.jsonl.gz"))
    if not files:
        notes.append("no bulk/*.jsonl.gz: the bulk curves are left out")
    for file in files:
        bad = 0
        try:
            with gzip.open(file, "rt", encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    curve = _curve(file.name.removesuffix(".jsonl.gz"), line)
                    if curve is None:
                        bad += 1
                    else:
                        yield curve
        except (OSError, EOFError) as error:
            notes.append(f"bulk/{file.name}: {error}")
        if bad:
            notes.append(f"bulk/{file.name}: {bad} lines are no curve and are left out")


def _curve(file: str, line: str) -> Curve | None:
    try:
        raw = json.loads(line)
        if not all(name in raw for name in _BULK_FIELDS):
            return None
        train, val = _numbers(raw["train"]), _numbers(raw["val"])
        metric_name = raw.get("metric_name") or ("accuracy" if raw.get("acc") else None)
        metric = _numbers(raw.get("metric") or raw.get("acc") or ())
        steps = tuple(int(step) for step in raw.get("step") or range(len(val)))
    except (ValueError, TypeError, AttributeError):
        return None
    if not val or len(train) != len(val) or len(steps) != len(val):
        return None
    if len(metric) != len(val):
        metric_name, metric = None, ()
    return Curve(file, str(raw["id"]), str(raw["group"]), steps, train, val, metric_name, metric)


def _numbers(values: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else float(value) for value in values)


def _manifest(path: Path, problems: set[str], notes: list[str]) -> Iterator[Labelled]:
    for row in _rows(path, ("file", "repo", "label"), "the labelled logs are left out", notes):
        unit, _, number = row.get("onset", "").strip().rpartition(" ")
        yield Labelled(
            file=row["file"],
            repo=row["repo"],
            label=row["label"],
            onset=int(number) if number.isdigit() else None,
            onset_unit=unit,
            tags=frozenset(tag.strip() for tag in row.get("tags", "").split(",") if tag.strip()),
            source=_source(row["file"], row["repo"], problems),
        )


def _source(file: str, repo: str, problems: set[str]) -> str:
    """The data set of a bulk problem that the path names, so that both kinds of data split alike."""
    named = [part for part in file.split("/") if part in problems]
    return data_set(named[0]) if named else repo


def _siblings(path: Path, notes: list[str]) -> Iterator[Sibling]:
    for row in _rows(path, ("group", "file", "verdict"), "its sibling groups are left out", notes):
        try:
            best = float(row.get("best_val") or "nan")
        except ValueError:
            best = math.nan
        yield Sibling(row["group"], row["file"], row["verdict"], best)


def _rows(path: Path, needed: tuple[str, ...], absent: str, notes: list[str]) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                if any(not row.get(name) for name in needed):
                    notes.append(f"{path.name}: a line without {', '.join(needed)} is left out")
                    continue
                yield {name: value or "" for name, value in row.items() if isinstance(name, str)}
    except FileNotFoundError:
        notes.append(f"no {path.name}: {absent}")
    except OSError as error:
        notes.append(f"{path.name}: {error}")
