"""One module a tool that logs text for people."""

from __future__ import annotations

from guardrun.reading.foreign.dialects.base import Dialect
from guardrun.reading.foreign.dialects.modded_nanogpt import ModdedNanoGpt

__all__ = ["DIALECTS", "Dialect"]

DIALECTS: tuple[type[Dialect], ...] = (ModdedNanoGpt,)
"""The most particular lines first."""
