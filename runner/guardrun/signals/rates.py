"""The learning rate of a point, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping


def learning_rate(values: Mapping[str, float]) -> float | None:
    """The learning rate of a point: ``lr``, or the largest of ``lr/<group>``."""
    single = values.get("lr")
    if single is not None:
        return single
    groups = [value for name, value in values.items() if name.startswith("lr/")]
    return max(groups) if groups else None


def lower_rate_advice(lr: float | None) -> str:
    """What to try after an explosion: a third of the rate, by its value where it is known."""
    if lr is not None and 0 < lr < float("inf"):
        return f"lower the learning rate to about {lr / 3:.2g} (it is {lr:.2g})"
    return "lower the learning rate to about a third"
