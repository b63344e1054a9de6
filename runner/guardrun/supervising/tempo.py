"""How often the supervisor looks, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """Intervals and patience, in seconds."""

    turn: float = 0.1
    """One turn of the loop: the delay after which a command or an end is seen."""
    tick: float = 1.0
    """Between two looks at the clock, which budgets and silence are measured by."""
    sample: float = 2.0
    """Between two lines of system.jsonl."""
    remember: float = 1.0
    """Between two looks for processes that must be remembered or reaped."""
    leftover_grace: float = 2.0
    """From SIGTERM to SIGKILL for processes that are left when the training has ended."""
    unkillable: float = 30.0
    """After SIGKILL, until processes that hang in the kernel are given up."""
    proof: float = 900.0
    """For the proof of one checkpoint."""
    last_words: float = 10.0
    """For reading the rest of the training's events after its end."""
