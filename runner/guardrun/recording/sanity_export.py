"""The examples themselves, for the checker's baselines: a few thousand in a file of plain numbers."""

from __future__ import annotations

import os
import time
import zlib
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
WORDS: Final = 1024
"""Columns that the words of a text are counted in, each word in one by its checksum."""


def export(name: str, source: Source, folder: str) -> str | None:
    """Write ``<folder>/<name>.npz``; the file's name, or None when there is nothing for it. Raises OSError.

    It holds ``x`` (examples, features) as float32, of texts the counts of their words, and the labels ``y``,
    each where it is known; or ``tokens`` of a stream.
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

    inputs, labels = source.arrays(_affordable(source))
    found: dict[str, Any] = {}
    matrix, answers = _matrix(inputs), _answers(labels)
    if matrix is not None:
        found["x"] = matrix.astype(np.float32)
    if answers is not None:
        found["y"] = answers
    return found


def _answers(labels: Any) -> Any:
    """One number or one word for each example; None where labels are something else."""
    import numpy as np

    numbers = _numbers(labels)
    if numbers is None:
        words = _column(labels)
        return np.array(words) if words and all(isinstance(one, str) for one in words) else None
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        return numbers[:, 0]
    return numbers if numbers.ndim == 1 else None


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
    """All inputs of the examples that are numbers or text side by side; None without any."""
    import numpy as np

    parts = []
    for column in inputs:
        numbers = _numbers(column)
        if numbers is None:
            numbers = _counted(_column(column))
        if numbers is not None:
            parts.append(numbers.reshape(len(numbers), -1))
    return np.concatenate(parts, axis=1) if parts else None


def _column(values: Any) -> list[Any]:
    """A list of examples as it is, an array of text as a list; nothing of anything else."""
    if isinstance(values, list):
        return values
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    return list(values.tolist()) if kind in ("U", "O") else []


def _counted(examples: list[Any]) -> Any:
    """How often each word of a text, or each token of a row of them, is there; None for other examples."""
    import numpy as np

    if not examples:
        return None
    counts = np.zeros((len(examples), WORDS), np.float32)
    for row, example in enumerate(examples):
        if isinstance(example, str):
            for word in example.lower().split():
                counts[row, zlib.crc32(word.encode("utf-8", "replace")) % WORDS] += 1
            continue
        tokens = _numbers(example)
        if tokens is None or tokens.ndim != 1 or tokens.dtype.kind not in "iu":
            return None
        np.add.at(counts[row], tokens % WORDS, 1)
    return counts


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
