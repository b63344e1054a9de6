"""``run.fit_statistics``: means and deviations, and the knowledge of what they were fitted on."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from guardrun.errors import UserError

PER = ("position", "channel", "all")


@dataclass(frozen=True)
class Statistics:
    """Statistics over the examples: arrays of the shape of one example (tensors when it was one), or of its
    channels, or plain numbers. ``std`` is that of the population.
    """

    count: int
    mean: Any
    std: Any
    min: Any
    max: Any


def fit(table: Any, per: str, *, as_tensors: bool) -> Statistics:
    """Statistics of the first column of numbers that is no label. Raises UserError when there is none."""
    import numpy as np

    for values in table.features().values():
        if hasattr(values, "dtype") and values.dtype.kind in "biuf" and len(values):
            break
    else:
        raise UserError(
            "run.fit_statistics found no numbers in this data set",
            hint="give it the array or tensor of the inputs of train",
        )
    rows = np.asarray(values)
    axes = _axes(rows, per)
    double = rows.astype(np.float64)
    found = double.mean(axis=axes), double.std(axis=axes), rows.min(axis=axes), rows.max(axis=axes)
    if as_tensors:
        torch = sys.modules["torch"]
        return Statistics(table.count, *(torch.as_tensor(one.astype(np.float32)) for one in found))
    if per == "all" or rows.ndim == 1:
        return Statistics(table.count, *(float(one) for one in found))
    return Statistics(table.count, *found)


def _axes(rows: Any, per: str) -> tuple[int, ...]:
    if per not in PER:
        raise UserError(f"there are no statistics per {per!r}", hint=f"per is one of {', '.join(PER)}")
    if per == "all":
        return tuple(range(rows.ndim))
    return (0, *range(2, rows.ndim)) if per == "channel" and rows.ndim > 1 else (0,)


def holds_tensors(obj: Any) -> bool:
    """Whether what is fitted on is a tensor, or a data set of tensors."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    first = obj[0] if isinstance(obj, tuple) and obj else getattr(obj, "tensors", (obj,))[0]
    return isinstance(first, torch.Tensor)
