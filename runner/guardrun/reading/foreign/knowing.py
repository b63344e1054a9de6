"""What is known of a foreign log, drawn from what its reader learnt. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from guardrun.reading.foreign.model import Facts, ForeignLog, ForeignRow, SourceFile
from guardrun.reading.foreign.monitoring import guessed_monitor


def log_of(
    facts: Facts,
    source: Path,
    form: str,
    evaluated: Collection[str],
    *,
    rows: Iterable[ForeignRow] = (),
    files: tuple[SourceFile, ...] = (),
) -> ForeignLog:
    """The log; ``evaluated`` are the stored names of its evaluations."""
    monitor, mode = facts.monitor, facts.mode
    if monitor not in evaluated:
        monitor, mode = guessed_monitor(evaluated)
    return ForeignLog(
        name=source.stem, source=source, format=form, rows=rows, notes=tuple(facts.notes),
        renamed=dict(facts.renamed), total_steps=facts.total_steps, total_epochs=facts.total_epochs,
        monitor=monitor, mode=mode, train_loss="evaluated" if "train/loss" in evaluated else "running",
        completed=facts.completed, told=dict(facts.told), files=files,
    )  # fmt: skip
