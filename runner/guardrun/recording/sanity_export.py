"""The examples themselves, for the checker's baselines: a few thousand in a file of plain numbers."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from guardrun.recording.sanity_sources import Source

NUMBERS: Final = 20_000_000
"""Most numbers of one file: 80 MB."""
EXAMPLES: Final = 4096
TOKENS: Final = 2_000_000
SECONDS: Final = 4.0
"""For reading examples one by one."""


def export(name: str, source: Source, folder: str) -> str | None:
    """Write ``<folder>/<name>.npz``; the file's name, or None when there are no numbers. Raises OSError.

    It holds ``x`` (examples, features) as float32, ``y``, ``mean``, ``std``, ``min`` and ``max`` of each
    feature; or ``tokens`` of a stream.
    """
    import numpy as np

    columns = _stream(source) if source.stream else _examples(source)
    if not columns:
        return None
    safe = "".join(char if char.isalnum() or char in "-_" else "-" for char in name) or "data"
    os.makedirs(folder, exist_ok=True)
    np.savez(os.path.join(folder, f"{safe}.npz"), **columns)
    return f"{safe}.npz"


def _stream(source: Source) -> dict[str, Any]:
    tokens = source.arrays([])[1]
    return {"tokens": tokens[:TOKENS]}


def _examples(source: Source) -> dict[str, Any]:
    import numpy as np

    rows = _affordable(source)
    inputs, labels = source.arrays(rows)
    matrix = _matrix(inputs)
    if matrix is None:
        return {}
    every = len(rows) == source.count
    found: dict[str, Any] = {"x": matrix.astype(np.float32), "rows": np.asarray(rows), "complete": every}
    numbers = _numbers(labels)
    if numbers is not None and numbers.ndim == 1:
        found["y"] = numbers
    exact = matrix.astype(np.float64)
    found |= {"mean": exact.mean(0), "std": exact.std(0), "min": exact.min(0), "max": exact.max(0)}
    return found


def _affordable(source: Source) -> list[int]:
    """Evenly spaced rows: as many as are read in a few seconds, judged by the first few."""
    count = source.count
    trial = [count * i // 8 for i in range(min(8, count))]
    begun = time.monotonic()
    inputs, _ = source.arrays(trial)
    each = (time.monotonic() - begun) / max(1, len(trial))
    width = _width(inputs, len(trial))
    most = min(EXAMPLES, int(SECONDS / max(each, 1e-7)), NUMBERS // max(1, width))
    if count <= most:
        return list(range(count))
    return sorted({count * i // max(1, most) for i in range(most)})


def _width(inputs: Sequence[Any], examples: int) -> int:
    matrix = _matrix(inputs)
    return 1 if matrix is None or not examples else int(matrix.shape[1])


def _matrix(inputs: Sequence[Any]) -> Any:
    """All numeric inputs of the examples side by side; None without any."""
    import numpy as np

    parts = [numbers.reshape(len(numbers), -1) for one in inputs if (numbers := _numbers(one)) is not None]
    return np.concatenate(parts, axis=1) if parts else None


def _numbers(values: Any) -> Any:
    """A column as an array of numbers; None where it has none of one shape."""
    import numpy as np

    from guardrun.provenance.data.values import as_numbers

    if values is None:
        return None
    array = as_numbers(values)
    if array is None and isinstance(values, list) and values:
        parts = [as_numbers(one) for one in values]
        try:
            array = np.array([one if part is None else part for one, part in zip(values, parts, strict=True)])
        except (ValueError, TypeError):
            return None
    if array is None or array.ndim == 0 or array.dtype.kind not in "biuf":
        return None
    return array
