"""One trouble, one signal: a stronger signal takes the place of one that says less about the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from guardrun.signals.model import SEVERITY_ORDER, Signal

STRONGER: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "loss_spike": ("loss_explosion", "collapse", "nan"),
        "collapse": ("loss_explosion", "nan"),
        "loss_explosion": ("nan",),
        "grad_explosion": ("loss_explosion", "nan"),
        "loss_scale": ("nan",),
        "vanishing_gradient": ("no_learning", "collapse", "loss_explosion", "nan"),
        "val_jump": ("overfit", "loss_explosion", "collapse"),
        "oscillation": ("loss_explosion", "collapse", "overfit"),
        "stagnation": ("no_learning", "overfit", "collapse", "loss_explosion", "nan"),
        "no_learning": ("loss_explosion", "nan"),
        "memory_growth": ("memory_near_limit", "out_of_memory"),
        "memory_near_limit": ("out_of_memory",),
        "throughput_drop": ("data_bottleneck", "hang"),
        "idle_gpu": ("hang",),
    }
)
"""Weaker signal -> signals that make it redundant, when they weigh at least as much."""


class Precedence:
    """Turns what the rules say into what is told."""

    def __init__(self) -> None:
        self._told: dict[str, Signal] = {}
        self._withheld: dict[str, Signal] = {}

    @property
    def told(self) -> tuple[Signal, ...]:
        """Signals that hold and are told, in the order in which they were raised."""
        return tuple(self._told.values())

    def clear(self) -> None:
        self._told.clear()
        self._withheld.clear()

    def take(self, transition: Signal, step: int) -> list[Signal]:
        """One transition of one rule at ``step``; what of it, and of others because of it, is to be told."""
        if transition.cleared_at is None:
            return self._raised(transition, step)
        if self._withheld.pop(transition.id, None) is not None:
            return []
        self._told.pop(transition.id, None)
        return [transition, *self._released(step)]

    def _raised(self, signal: Signal, step: int) -> list[Signal]:
        if self._stronger(signal) is not None:
            self._withheld[signal.id] = signal
            told = self._told.pop(signal.id, None)
            if told is None:
                return []
            return [
                replace(told, cleared_at=step, superseded_by=self._stronger(signal)), *self._released(step)
            ]  # fmt: skip
        self._withheld.pop(signal.id, None)
        self._told[signal.id] = signal
        out = [signal]
        for weaker in [each for each in self._told.values() if self._stronger(each) == signal.id]:
            del self._told[weaker.id]
            self._withheld[weaker.id] = weaker
            out.append(replace(weaker, cleared_at=step, superseded_by=signal.id))
        return out + self._released(step) if len(out) > 1 else out

    def _released(self, step: int) -> list[Signal]:
        """Withheld signals that still hold, now that what was stronger is gone."""
        free = {id: each for id, each in self._withheld.items() if self._stronger(each) is None}
        out = []
        for signal in free.values():
            if self._stronger(signal, free) is None:
                del self._withheld[signal.id]
                self._told[signal.id] = replace(signal, raised_at=step)
                out.append(self._told[signal.id])
        return out + self._released(step) if out else out

    def _stronger(self, signal: Signal, among: Mapping[str, Signal] | None = None) -> str | None:
        for id in STRONGER.get(signal.id, ()):
            other = (self._told if among is None else among).get(id)
            if other is not None and SEVERITY_ORDER[other.severity] >= SEVERITY_ORDER[signal.severity]:
                return id
        return None
