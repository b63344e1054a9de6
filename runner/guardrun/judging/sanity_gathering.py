"""A short training of a check, read from its run directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guardrun.events.untrusted import read_tail
from guardrun.judging.checklist_origin import findings_of
from guardrun.judging.facts import RunFacts
from guardrun.judging.gathering import gather_facts
from guardrun.judging.sanity_model import Curve, Trial
from guardrun.reading.plain_text import plain

_CONSOLE_LINES = 20


def trial_of(
    path: Path, mode: str, *, wall: float, end: str, exit_code: int | None
) -> tuple[Trial, RunFacts]:
    """What the training recorded, with how it ended. Raises UserError where there is no run directory."""
    facts = gather_facts(path, judge=False)
    lines = _console(path)
    if end == "failed" and any("out of memory" in line.lower() or "MemoryError" in line for line in lines):
        end = "out of memory"
    trial = Trial(
        mode=mode, steps=facts.step, wall=wall, end=end, exit_code=exit_code, console=tuple(lines),
        answers=facts.sanity, data=tuple({"name": name, **record} for name, record in facts.data.items()),
        findings=tuple(findings_of(facts)), curves=_curves(facts),
        monitor=facts.monitor.name if facts.monitor else "val/loss", path=str(path),
    )  # fmt: skip
    return trial, facts


def _curves(facts: RunFacts) -> Mapping[str, Curve]:
    found: dict[str, Curve] = {}
    for name in facts.curves:
        series = facts.curves[name]
        found[name] = (series.step.tolist(), series.value.tolist())
    return found


def _console(path: Path) -> list[str]:
    try:
        text = read_tail(path / "console.log", 16_384).decode("utf-8", "replace")
    except OSError:
        return []
    return [plain(line) for line in text.splitlines()[-_CONSOLE_LINES:]]


def exported(trial: Trial, folder: Path, *roles: str) -> dict[str, Any] | None:
    """The examples that the training wrote down of its first data set of these roles; None: it has none."""
    name = trial.told_of(*roles).get("export")
    if not isinstance(name, str) or "/" in name:
        return None
    import numpy as np

    try:
        with np.load(folder / name, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, ValueError, KeyError):
        return None
