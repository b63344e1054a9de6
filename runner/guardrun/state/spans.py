"""From when to when each attempt lasted, by one clock for all files of a run. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from guardrun.state.source import SourceFold

Spans = Mapping[int, tuple[float, float]]
"""Attempt -> times of its first and its last event."""


def spans_of(sources: Mapping[str, SourceFold]) -> dict[int, tuple[float, float]]:
    """Attempt -> steady times of its first and its last event in any file; infinite where none tells a time.

    Each file has the clock by which it began; those of one boot are told by the training's.
    """
    spans: dict[int, tuple[float, float]] = {}
    booted: dict[tuple[int, str], float] = {}
    for source in sorted(sources, key=lambda name: name != "rank0"):
        for number, draft in sources[source].attempts.items():
            ahead = 0.0
            if draft.booted is not None and draft.boot:
                ahead = draft.booted - booted.setdefault((number, draft.boot), draft.booted)
            low, high = spans.get(number, (math.inf, -math.inf))
            spans[number] = (min(low, draft.first_t - ahead), max(high, draft.last_t - ahead))
    return spans


def seconds_of(spans: Spans) -> float | None:
    """Seconds of all attempts together, each from its first event to its last; None where no time passed, as
    in an imported log that tells no times."""
    seconds = [high - low for low, high in spans.values() if math.isfinite(low) and high > low]
    return math.fsum(seconds) if seconds else None
