"""Faults of the supervisor's own: noted, counted, and survived."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Final

from guardrun.events.schema import NOTE
from guardrun.supervising.event_log import EventLog

_NOTES_OF_ONE_KIND: Final = 3
"""A fault that repeats ten times a second must not fill the disk."""


class Faults:
    """Runs a piece of the supervisor's work so that its failure costs only that piece."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._counts: dict[str, int] = {}

    def guard(self, what: str, work: Callable[[], object]) -> None:
        """Call ``work``; an exception becomes a note with its place, the first few times."""
        try:
            work()
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})"
            self._counts[text] = self._counts.get(text, 0) + 1
            if self._counts[text] <= _NOTES_OF_ONE_KIND:
                self._log.write(NOTE, text=f"the supervisor failed at {what}, the training goes on: {text}")
