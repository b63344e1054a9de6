"""Examples that are there twice: a 64-bit hash of each, and what two splits have in common."""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from guardrun.provenance.data.findings import TEST, TRAIN, VAL, Finding, finding, role_of
from guardrun.provenance.data.hashing import BLOCK
from guardrun.provenance.data.table import Table

_EVERY = 4096
"""Examples between two looks at the clock."""
BY_CHANCE = 0.2
TOLD_WITHIN = 0.01
"""A larger share of repeated examples within one split is told."""


def example_hashes(table: Table, *, seconds: float = 2.0) -> Any:
    """One uint64 for the inputs of each example (labels and unique ids left out); None when it takes longer.

    None as well for a plain series of numbers (a stream of tokens): its numbers are no examples.

    Two different examples share a hash with a probability of about n²/2⁶⁵: 10⁻⁷ for a million.
    """
    import numpy as np

    if table.files is not None:
        return _file_hashes(table.files, seconds)
    columns = table.inputs()
    if not table.seen:
        return np.empty(0, dtype=np.uint64)
    if not columns or table.random or _is_series(columns):
        return None
    packed, lists = _packed(columns)
    count = len(packed) if packed is not None else len(next(iter(lists.values())))
    found = np.empty(count, dtype=np.uint64)
    deadline = time.monotonic() + seconds
    for index in range(count):
        digest = blake2b(packed[index].data if packed is not None else b"", digest_size=8)
        for values in lists.values():
            _feed(digest, values[index])
        found[index] = int.from_bytes(digest.digest(), "little")
        if index % _EVERY == 0 and time.monotonic() > deadline:
            return None
    return found


def _is_series(columns: Mapping[str, Any]) -> bool:
    (first, *others) = columns.values()
    if others or getattr(first, "ndim", 1) != 1:
        return False
    if hasattr(first, "dtype"):
        return bool(first.dtype.kind in "biufcmM")
    return all(value is None or isinstance(value, int | float) for value in first)


def _file_hashes(files: list[Path], seconds: float) -> Any:
    """Of a folder each file is an example: what is in it counts, not its name."""
    import numpy as np

    deadline = time.monotonic() + seconds
    found = np.empty(len(files), dtype=np.uint64)
    for index, file in enumerate(files):
        digest = blake2b(digest_size=8)
        with file.open("rb", buffering=0) as opened:
            while block := opened.read(BLOCK):
                digest.update(block)
                if time.monotonic() > deadline:
                    return None
        found[index] = int.from_bytes(digest.digest(), "little")
    return found


def _packed(columns: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The numbers of all array columns as one row of bytes an example; and the other columns."""
    import numpy as np

    arrays = [v for v in columns.values() if hasattr(v, "dtype") and v.dtype.kind in "biufcmM"]
    lists = {
        name: v if not hasattr(v, "dtype") else v.tolist()
        for name, v in columns.items()
        if not (hasattr(v, "dtype") and v.dtype.kind in "biufcmM")
    }
    parts = [
        np.ascontiguousarray(array).reshape(len(array), -1).view(np.uint8).reshape(len(array), -1)
        for array in arrays
        if array.size
    ]
    if not parts:
        return None, lists
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    return np.ascontiguousarray(joined), lists


def _feed(digest: Any, value: Any) -> None:
    if hasattr(value, "tobytes"):
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(value.tobytes())
    else:
        text = repr(value).encode("utf-8", "replace")
        digest.update(b"%d;" % len(text))
        digest.update(text)


def repeated(hashes: Any) -> int:
    """How many examples repeat an earlier one."""
    import numpy as np

    return int(len(hashes) - len(np.unique(hashes)))


def shared(hashes: Any, others: Any) -> int:
    """How many of the first examples are among the second ones."""
    import numpy as np

    return int(np.isin(hashes, others).sum())


def judge_duplicates(
    name: str, hashes: Any, others: Mapping[str, Any]
) -> tuple[dict[str, int], list[Finding]]:
    """``duplicates_with``: other split -> how many examples of this one are in it too; and the findings."""
    counts: dict[str, int] = {}
    found: list[Finding] = []
    for other, theirs in others.items():
        roles = role_of(name), role_of(other)
        counts[other] = shared(hashes, theirs)
        if counts[other] and "" not in roles and roles[0] != roles[1]:
            found.append(_across(name, other, hashes, theirs))
    within = repeated(hashes)
    if within > TOLD_WITHIN * len(hashes):
        found.append(finding(
            "duplicates_within", "warn" if role_of(name) == TRAIN else "info",
            f"{within} of {len(hashes)} examples of {name} repeat another one of it",
            "if that is not oversampling on purpose, drop the repeated ones",
            split=name, repeated=within, of=len(hashes),
        ))  # fmt: skip
    return counts, found


def _across(name: str, other: str, hashes: Any, theirs: Any) -> Finding:
    """One finding a pair, told from the side that is measured on."""
    order = {TRAIN: 0, VAL: 1, TEST: 2}
    if order[role_of(name)] > order[role_of(other)]:
        measured, learned, later, earlier = name, other, hashes, theirs
    else:
        measured, learned, later, earlier = other, name, theirs, hashes
    count, of = shared(later, earlier), len(later)
    # Where so many examples repeat within one split there are few possible ones: chance shares them, too.
    chance = repeated(earlier) > BY_CHANCE * len(earlier)
    examples = "example" if count == 1 else "examples"
    verb = "is" if count == 1 else "are"
    return finding(
        "duplicates_across_splits", "act" if role_of(learned) == TRAIN and not chance else "warn",
        f"{count} {examples} of {measured} ({100 * count / max(1, of):.2g} %) {verb} in {learned}, too",
        f"drop them from {learned}, or split by groups so that copies stay together",
        splits=[learned, measured], count=count, of=of, repeated_in_train=repeated(earlier),
    )  # fmt: skip
