"""The stages of a safe stop in words."""

from __future__ import annotations

from typing import Final

from guardtui.text import clean

_WORDS: Final = {
    "requested": "requested",
    "acknowledged": "seen by the training",
    "saving": "writing the last checkpoint",
    "saved": "last checkpoint written",
    "verifying": "proving the best checkpoint",
    "verified": "checkpoint proved intact",
    "damaged": "checkpoint is damaged",
    "ended": "training ended",
    "gone": "all processes gone",
    "offer": "no progress",
    "SIGINT": "SIGINT sent",
    "SIGTERM": "SIGTERM sent",
    "SIGKILL": "SIGKILL sent: steps since the last checkpoint are lost",
}


def stage_words(stage: str) -> str:
    """What a stage of a stop means; an unknown one by its own name."""
    return _WORDS.get(stage, clean(stage))
