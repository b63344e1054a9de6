"""What became of a training of which only its log is known. Pure."""

from __future__ import annotations

from typing import Final

from guardrun.state.model import Status
from guardrun.state.status import LOST_AFTER_S, Verdict, duration_words

_GAPS: Final = 3.0
"""A log is quiet after so many times its longest pause."""
_MOST_S: Final = 6 * 3600.0
_AHEAD_S: Final = 60.0
"""So much may the clock of the training's host be ahead of ours."""


def patience(longest_gap: float) -> float:
    """Seconds without growth after which a log counts as quiet. An epoch may take an hour."""
    return max(LOST_AFTER_S, min(_GAPS * longest_gap, _MOST_S))


def foreign_status(
    ended: Verdict | None, *, grew_s: float | None, told_s: float | None, longest_gap: float
) -> Verdict:
    """``ended``: the end that the log proves. ``grew_s``: seconds of our own clock since we saw it grow;
    None: never. ``told_s``: age of the newest time that the log itself tells; None where it tells none.

    The time of a file says nothing: a copy has that of the copying.
    """
    if ended is not None:
        return ended
    if grew_s is not None:
        if grew_s < patience(longest_gap):
            return Verdict(Status.RUNNING)
        return Verdict(Status.QUIET, f"no growth for {duration_words(grew_s)}; tells no end")
    if told_s is not None:
        if -_AHEAD_S < told_s < LOST_AFTER_S:
            return Verdict(Status.RUNNING)
        return Verdict(Status.QUIET, f"last entry {duration_words(abs(told_s))} old; tells no end")
    return Verdict(Status.QUIET, "not growing; tells no end")
