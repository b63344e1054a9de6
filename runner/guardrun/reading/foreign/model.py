"""What a log of another tool comes to: rows, and what is known about the training that wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

RawRecord = dict[str, Any]
"""One row as it stands in the log: raw name -> raw value."""


class ForeignRow(NamedTuple):
    """One event's worth of a foreign log."""

    kind: Literal["metrics", "eval"]
    """A loss of training mode is in ``metrics``; whatever was measured in evaluation mode is in ``eval``."""
    step: int
    epoch: int | None
    t: float | None
    """Unix seconds, where the log has a time."""
    values: dict[str, float]
    """Stored name -> number; NaN and infinities are evidence and kept."""


class Facts:
    """What a reader learns about the training while it reads. Grows; never raises."""

    def __init__(self) -> None:
        self.total_steps: int | None = None
        self.total_epochs: int | None = None
        self.monitor: str | None = None
        self.mode: Literal["min", "max"] = "min"
        self.completed = False
        """The log itself says that the training came to its end."""
        self.renamed: dict[str, str] = {}
        """Raw name -> stored name, where the two differ."""
        self.notes: list[str] = []
        self.told: dict[str, Any] = {}
        """Whatever else the log states (``logging_steps``, ``batch_size``): plain values only."""


class SourceFile(NamedTuple):
    """A file as it was when it was read."""

    path: Path
    size: int
    changed_ns: int
    """Its mtime in nanoseconds."""


@dataclass(frozen=True)
class ForeignLog:
    """One training's log. ``rows`` may be walked again and again; a long log is then read again."""

    name: str
    source: Path
    format: str
    rows: Iterable[ForeignRow]
    notes: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Raw name -> stored name, where the two differ."""
    total_steps: int | None = None
    total_epochs: int | None = None
    monitor: str | None = None
    mode: Literal["min", "max"] = "min"
    train_loss: Literal["running", "evaluated"] = "running"
    completed: bool = False
    """The log proves that the training came to its end."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """What else the log states about the training (``logging_steps``, ``batch_size``)."""
    files: tuple[SourceFile, ...] = ()
