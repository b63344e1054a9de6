"""What a campaign is, and the table of what came of it."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SHOWN = 12
"""Violations of one row that are printed in full."""


@dataclass(slots=True)
class Row:
    """One line of the table: a campaign, the trials that were really run, and what they found."""

    name: str
    trials: int = 0
    losses: int = 0
    """Events, steps or parameters that had to be there and were not."""
    violations: list[str] = field(default_factory=list)
    """What must hold and did not, in words that let the trial be repeated."""
    facts: list[str] = field(default_factory=list)
    """What the trials really met, so that the row can be believed."""
    seconds: float = 0.0

    @property
    def held(self) -> bool:
        return self.trials > 0 and not self.losses and not self.violations


@dataclass(frozen=True, slots=True)
class Campaign:
    """A row of the table: ``run`` makes it, a trial for each number that ``Trials`` hands out."""

    title: str
    trials: int
    """Of the full table."""
    run: Callable[[Row, Trials], None]


class Trials:
    """Hands out the numbers of the trials until there are enough, or the time is over."""

    def __init__(self, count: int, seconds: float, seed: int) -> None:
        self._count = count
        self._deadline = time.monotonic() + seconds
        self._seed = seed

    def __iter__(self) -> Iterator[tuple[int, random.Random]]:
        """Each with a generator of its own, so that one trial can be repeated alone."""
        for number in range(self._count):
            if time.monotonic() > self._deadline:
                return
            yield number, random.Random(f"{self._seed}/{number}")


def run_campaign(campaign: Campaign, trials: int, seconds: float, seed: int) -> Row:
    """Every trial of one campaign, at most for ``seconds``."""
    row = Row(campaign.title)
    begun = time.monotonic()
    campaign.run(row, Trials(trials, seconds, seed))
    row.seconds = time.monotonic() - begun
    return row


@contextmanager
def scratch(row: Row, prefix: str) -> Iterator[Path]:
    """A folder for the trials' runs, which stays when one of them violated something."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        if row.violations:
            row.facts.append(f"the runs are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def table(rows: list[Row]) -> str:
    """The rows in Markdown, and below it each violation."""
    lines = ["| campaign | trials | losses | violations | seconds |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.name} | {row.trials} | {row.losses} | {len(row.violations)} | {row.seconds:.0f} |"
        for row in rows
    ]
    for row in rows:
        lines += ["", *(f"{row.name}: {fact}" for fact in row.facts)] if row.facts else []
        lines += [f"VIOLATION {row.name}: {text}" for text in row.violations[:SHOWN]]
        if len(row.violations) > SHOWN:
            lines.append(f"… and {len(row.violations) - SHOWN} more")
    return "\n".join(lines)
