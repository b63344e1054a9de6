"""What every bridge is told of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

TARGETS: Final = ("tensorboard", "wandb", "mlflow")


@dataclass(frozen=True, slots=True)
class Subject:
    """The run, as far as it is known when its mirror begins."""

    run_id: str
    name: str
    group: str | None
    config: Mapping[str, Any]
    created: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Point:
    """Numbers of one event, non-finite ones among them."""

    t: float
    """Unix seconds."""
    step: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ending:
    """How the run stands, or has ended."""

    status: str
    reason: str
    signals: tuple[str, ...]
    """``[act] nan at step 104: The training loss …``, those that stand."""
    best: Mapping[str, float] = field(default_factory=dict)
    """The monitored metric's best value and its step."""


class Bridge(Protocol):
    """Writes one run into another tool. May raise whatever that tool raises."""

    place: str
    """Where the run can be seen."""

    def points(self, points: list[Point]) -> None:
        """More of its curves."""

    def signals(self, told: tuple[str, ...], step: int) -> None:
        """The signals that stand now; called when they have changed."""

    def end(self, ending: Ending) -> None:
        """Everything has been told: the run is over (its status says how), or no longer followed."""


Opening = Callable[[Subject, Path, str, str | None], Bridge]
"""Run, folder for files, project, and what an earlier mirror of it has kept (``Bridge.place`` or an id)."""
