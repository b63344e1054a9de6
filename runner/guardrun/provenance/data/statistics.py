"""Counts, ranges, means and missing values of every column, and the classes of the labels."""

from __future__ import annotations

import math
from typing import Any

from guardrun.provenance.data.table import Table

CLASSES = 1000
"""More distinct labels are no classes."""
CHUNK = 2_000_000
"""Numbers that are looked at in one go."""
WIDE = 4096
"""Arrays of more numbers an example have no statistics of each position."""


def table_statistics(table: Table) -> dict[str, Any]:
    """``fields``: name -> statistics; ``classes``: label -> count, or None; ``statistics_rule`` in words.

    Statistics of numbers: kind, dtype, shape (of one example), count, missing (NaN, None), infinite, min,
    max, mean, std (of the population), distinct (of whole numbers); ``positions`` with mean, std, min and
    max of each number of an example. Of text: lengths in characters. Numbers that are NaN or infinite
    count in neither mean nor range.
    """
    found = {name: column_statistics(values) for name, values in table.columns.items()}
    if table.label is not None and table.label in found:
        found[table.label]["label"] = True
    return {
        "fields": found,
        "classes": class_counts(table.labels),
        "label": table.label,
        "statistics_rule": "; ".join((table.rule, *table.notes)),
    }


def column_statistics(values: Any) -> dict[str, Any]:
    """Statistics of one column; ``kind`` is numeric, text, object or empty."""
    if hasattr(values, "dtype"):
        if values.dtype.kind in "biuf":
            return numeric_statistics(values)
        if values.dtype.kind in "mM":
            return numeric_statistics(_times(values)) | {"dtype": str(values.dtype)}
        values = values.reshape(-1).tolist() if values.dtype.kind in "USOT" else None
        if values is None:
            return {"kind": "object"}
    return _list_statistics(values)


def _list_statistics(values: list[Any]) -> dict[str, Any]:
    import numpy as np

    present = (
        [value for value in values if value is not None and value == value] if _plain(values) else values
    )
    missing = len(values) - len(present)
    if not present:
        return {"kind": "empty", "count": len(values), "missing": missing}
    if all(map(_is_numbers, present)):
        flat = numeric_statistics(np.concatenate([value.reshape(-1) for value in present]))
        return flat | {"count": len(values), "missing_examples": missing, "shape": "various"}
    if all(isinstance(value, int | float) for value in present):
        flat = numeric_statistics(np.array([_as_float(value) for value in present]))
        return flat | {"count": len(values), "missing": missing + flat["missing"]}
    if all(isinstance(value, str | bytes) for value in present):
        return _text_statistics(present, len(values), missing)
    return {"kind": "object", "count": len(values), "missing": missing}


def _is_numbers(value: Any) -> bool:
    return getattr(getattr(value, "dtype", None), "kind", None) in frozenset("biuf")


def _plain(values: list[Any]) -> bool:
    return all(value is None or isinstance(value, int | float | str | bytes) for value in values)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _text_statistics(present: list[Any], count: int, missing: int) -> dict[str, Any]:
    import numpy as np

    lengths = np.fromiter((len(value) for value in present), dtype=np.int64, count=len(present))
    return {
        "kind": "text", "count": count, "missing": missing, "empty": int((lengths == 0).sum()),
        "distinct": len(set(present)),
        "length": {
            "min": int(lengths.min()), "max": int(lengths.max()), "mean": float(lengths.mean()),
            "std": float(lengths.std()), "median": float(np.median(lengths)),
        },
    }  # fmt: skip


def _times(values: Any) -> Any:
    """Seconds since 1970, NaN where there is no time."""
    import numpy as np

    unit = np.timedelta64(1, "s")
    origin = np.datetime64(0, "s") if values.dtype.kind == "M" else np.timedelta64(0, "s")
    return (values - origin) / unit


def numeric_statistics(array: Any) -> dict[str, Any]:
    """Statistics of an array whose first axis counts examples; the mean is exact to float64 rounding."""
    import numpy as np

    shape = [int(size) for size in array.shape[1:]]
    width = max(1, int(np.prod(shape))) if shape else 1
    rows = array.reshape(len(array), -1) if array.size else np.zeros((0, 1))
    sums = _Moments(width if width <= WIDE else 1)
    step = max(1, CHUNK // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        sums.add(rows[start : start + step])
    found = {
        "kind": "numeric",
        "dtype": str(array.dtype),
        "shape": shape,
        "count": len(array),
    } | sums.overall()
    if not shape and array.dtype.kind in "biu" and len(array):
        found["distinct"] = len(np.unique(array))
    if 1 < width <= WIDE:
        found["positions"] = sums.positions()
    return found


class _Moments:
    """Running count, mean, squares, minimum and maximum of each position (Chan, Golub and LeVeque 1979)."""

    def __init__(self, width: int) -> None:
        import numpy as np

        self.count = np.zeros(width)
        self.mean = np.zeros(width)
        self.squares = np.zeros(width)
        self.low = np.full(width, np.inf)
        self.high = np.full(width, -np.inf)
        self.nan = 0
        self.infinite = 0

    def add(self, rows: Any) -> None:
        import numpy as np

        chunk = rows.astype(np.float64).reshape(-1, len(self.mean))
        good = np.isfinite(chunk)
        whole = bool(good.all())
        if whole:
            count = np.full(len(self.mean), float(len(chunk)))
            mean = chunk.mean(axis=0)
            squares = np.square(chunk - mean).sum(axis=0)
            low, high = chunk.min(axis=0), chunk.max(axis=0)
        else:
            nan = int(np.isnan(chunk).sum())
            self.nan += nan
            self.infinite += int((~good).sum()) - nan
            count = good.sum(axis=0).astype(np.float64)
            safe = np.where(good, chunk, 0.0)
            mean = safe.sum(axis=0) / np.maximum(count, 1.0)
            squares = np.square(np.where(good, chunk - mean, 0.0)).sum(axis=0)
            low = np.where(good, chunk, np.inf).min(axis=0)
            high = np.where(good, chunk, -np.inf).max(axis=0)
        total = self.count + count
        safe_total = np.maximum(total, 1.0)
        delta = mean - self.mean
        self.squares += squares + np.square(delta) * self.count * count / safe_total
        self.mean += delta * count / safe_total
        self.count = total
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)

    def overall(self) -> dict[str, Any]:
        import numpy as np

        total = float(self.count.sum())
        if not total:
            return {"missing": self.nan, "infinite": self.infinite,
                    "min": None, "max": None, "mean": None, "std": None}  # fmt: skip
        mean = float((self.mean * self.count).sum() / total)
        squares = float((self.squares + self.count * np.square(self.mean - mean)).sum())
        return {
            "missing": self.nan, "infinite": self.infinite, "min": float(self.low.min()),
            "max": float(self.high.max()), "mean": mean, "std": math.sqrt(squares / total),
        }  # fmt: skip

    def positions(self) -> dict[str, list[float]]:
        import numpy as np

        std = np.sqrt(self.squares / np.maximum(self.count, 1.0))
        seen = self.count > 0
        return {
            "mean": self.mean.tolist(),
            "std": std.tolist(),
            "min": np.where(seen, self.low, np.nan).tolist(),
            "max": np.where(seen, self.high, np.nan).tolist(),
        }


def class_counts(labels: Any) -> dict[str, int] | None:
    """How often each label is there, most frequent first; None when these are no classes.

    Whole numbers, truth values and text are classes when there are at most 1,000 of them, and not nearly as
    many as examples; floating-point labels when they are whole numbers.
    """
    import numpy as np

    if labels is None or len(labels) == 0:
        return None
    if isinstance(labels, list):
        kinds = {type(one) for one in labels if one is not None}
        if not kinds or not kinds <= {str, int, bool, float, bytes}:
            return None
        array = np.array([_word(one) for one in labels if one is not None])
    else:
        array = np.asarray(labels).reshape(len(labels), -1)
        if array.shape[1] != 1:
            return None
        array = array[:, 0]
    if array.dtype.kind == "f":
        array = array[np.isfinite(array)]
        if not len(array) or not np.all(array == np.round(array)):
            return None
        array = array.astype(np.int64)
    if array.dtype.kind not in "biuUSTO":
        return None
    values, counts = np.unique(array.astype(str) if array.dtype.kind == "O" else array, return_counts=True)
    if len(values) > CLASSES or (len(values) > 20 and len(values) > len(array) / 2):
        return None
    order = np.argsort(-counts, kind="stable")
    return {_label(values[i]): int(counts[i]) for i in order}


def _word(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _label(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text[:80]
