"""Logs that other tools wrote, read as rows of our own events; their format is told by their content."""

from __future__ import annotations

from guardrun.reading.foreign.events import event_lines
from guardrun.reading.foreign.model import ForeignLog, ForeignRow
from guardrun.reading.foreign.reading import read_foreign

__all__ = ["ForeignLog", "ForeignRow", "event_lines", "read_foreign"]
