"""What a fair comparison keeps the same, as one value a run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from guardrun.judging.facts import RunFacts
from guardrun.judging.groups import Group

Level = Literal["unfair", "unknown", "note"]
MOST_NAMED: Final = 6


def sha_of(record: Mapping[str, Any] | None) -> str | None:
    """The first ten digits of a record's hash."""
    told = (record or {}).get("sha256")
    return told[:10] if isinstance(told, str) and told else None


def _split(run: RunFacts) -> str | None:
    return sha_of(run.split)


def _preprocessing(run: RunFacts) -> str | None:
    hashes = run.preprocessing_sha256
    return " ".join(each[:10] for each in hashes) if hashes and all(hashes) else None


def _batch(run: RunFacts) -> str | None:
    batch = run.effective_batch
    return None if batch is None else f"{batch:.4g}"


def _gpus(run: RunFacts) -> str | None:
    if run.gpus is None:
        return None
    if run.gpus == 0:
        cpu = run.environment.get("cpu")
        model = cpu.get("model") if isinstance(cpu, Mapping) else None
        return f"CPU {model}" if model else "CPU"
    names = run.environment.get("gpus")
    name = names[0] if isinstance(names, list) and names and isinstance(names[0], str) else "GPU"
    return f"{run.gpus} × {name}"


def _software(run: RunFacts) -> str | None:
    torch = run.environment.get("torch")
    version = torch.get("version") if isinstance(torch, Mapping) else torch
    parts = [("Python", run.environment.get("python")), ("torch", version)]
    known = [f"{name} {value}" for name, value in parts if isinstance(value, str) and value]
    return ", ".join(known) or None


def _monitor(run: RunFacts) -> str | None:
    return None if run.monitor is None else f"{run.monitor.name} ({run.monitor.mode})"


def _planned(run: RunFacts) -> str | None:
    budget = run.config.get("budget")
    limits = {k: v for k, v in budget.items() if v is not None} if isinstance(budget, Mapping) else {}
    stop = run.config.get("stop")
    patience = stop.get("patience") if isinstance(stop, Mapping) else None
    parts = [f"{run.total_steps:,} steps"] if run.total_steps else []
    parts += [f"{key} {value:g}" for key, value in limits.items() if isinstance(value, int | float)]
    parts += [f"patience {patience}"] if patience is not None else []
    return ", ".join(parts) or None


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that should be the same."""

    id: str
    what: str
    value: Callable[[RunFacts], str | None]
    level: Level = "unfair"


ASPECTS: Final = (
    Aspect("split", "split file", _split),
    Aspect("preprocessing", "preprocessing", _preprocessing),
    Aspect("precision", "precision", lambda run: run.precision),
    Aspect("batch", "effective batch", _batch),
    Aspect("budget", "budget", _planned),
    Aspect("monitor", "metric that chose the checkpoint", _monitor),
    Aspect("software", "software", _software),
    Aspect("hardware", "hardware (times and costs do not compare)", _gpus, "note"),
)
SHOULD_BE_KNOWN: Final = ("split", "preprocessing", "precision", "batch")


def by_value(groups: Sequence[Group], value: Callable[[RunFacts], str | None]) -> dict[str, list[str]]:
    """Known value -> letters of the groups that have it."""
    found: dict[str, list[str]] = {}
    for group in groups:
        for told in dict.fromkeys(map(value, group.runs)):
            if told is not None:
                found.setdefault(told, []).append(group.letter)
    return found


def listed(values: Mapping[str, Sequence[str]]) -> str:
    """``value (A, B); other value (C)``."""
    parts = [f"{value} ({', '.join(letters)})" for value, letters in values.items()]
    more = f"; and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
    return "; ".join(parts[:MOST_NAMED]) + more
