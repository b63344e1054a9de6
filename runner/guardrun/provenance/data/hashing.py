"""A hash of a data set's content, by a rule that the record states.

Each rule is deterministic: the same data gives the same hash on every machine. Nothing depends on how fast
the disk is, except that data whose items take too long get no hash at all, and the record says so.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from guardrun.provenance.data.frames import bytes_of_row, frame_columns, frame_types
from guardrun.provenance.data.values import as_array, frame_kind, is_stream, is_tensor_dataset, length_of

WHOLE_BYTES = 256 * 1024 * 1024
"""Up to so many bytes of content are hashed whole: about a second."""
BLOCK = 1024 * 1024
BLOCKS = 64
ITEMS = 64
CELLS = 1_000_000
"""Up to so many cells of a table are hashed whole: about a second, for text as well."""
FRAME_ROWS = 16_384
LEDGER_END = ".ledger.jsonl"
"""Guard's own notes beside a split file are no part of the data."""
SECONDS = 2.0
"""For reading sample items of a data set; then the hash is given up."""

RULE_WHOLE = "sha256 of the whole content"
RULE_BLOCKS = f"sha256 of the size and {BLOCKS} evenly spaced blocks of 1 MiB, first and last included"
RULE_ITEMS = f"sha256 of the count and {ITEMS} evenly spaced items, first and last included"
RULE_NAMES = "sha256 of names and sizes"
RULE_TABLE = "sha256 of the columns, with names and types"
RULE_ROWS = "sha256 of names, types, the count and {} evenly spaced rows, first and last included"

_SCALARS = frozenset((
    str, bytes, int, float, bool, type(None), datetime.datetime, datetime.date, datetime.time,
    datetime.timedelta, decimal.Decimal,
))  # fmt: skip
"""Types whose ``repr`` says all of a value, and the same on every machine."""

Around = Callable[[Any], AbstractContextManager[Any]]
"""What surrounds the reading of a data set's items: the training side keeps random generators in place."""


class Unknown(Exception):
    """A value whose content we can't see; the message says why."""


def fingerprint(obj: Any, *, whole: bool = False, around: Around | None = None) -> dict[str, Any]:
    """``count``, ``sha256``, ``rule``, ``type``, ``bytes`` and ``seconds`` of a data set, as far as known.

    Takes NumPy arrays, torch tensors, TensorDatasets, tables of pandas, polars and Hugging Face, paths of
    files and folders, sequences and dictionaries of these; of any other data set with a length it hashes
    sample items. ``whole`` hashes all bytes, however many. Never raises.
    """
    begun = time.monotonic()
    found: dict[str, Any] = {"type": type(obj).__name__, "count": length_of(obj), "sha256": None, "rule": ""}
    try:
        found.update(_content(obj, whole, around or nullcontext))
    except Unknown as reason:
        found["rule"] = f"not hashed: {reason}"
    except Exception as error:  # a data set may do anything when it is looked at
        found["rule"] = f"not hashed: {type(error).__name__} while reading it"
    found["seconds"] = time.monotonic() - begun
    return found


def _content(obj: Any, whole: bool, around: Around) -> dict[str, Any]:
    if isinstance(obj, str | os.PathLike):
        if not os.fspath(obj):
            raise Unknown("the path is empty")
        return _path(Path(obj), whole)
    if frame_kind(obj):
        return _frame(obj, whole)
    tensors = getattr(obj, "tensors", None)
    if is_tensor_dataset(obj) and isinstance(tensors, tuple):
        return _values(tensors, whole)
    if isinstance(obj, list | tuple | dict) or as_array(obj) is not None:
        return _values(obj, whole)
    if is_stream(obj):
        raise Unknown("it can only be iterated, so that its items can't be chosen by a rule")
    if hasattr(obj, "__getitem__") and length_of(obj) is not None:
        with around(obj):
            return _sampled(obj, len(obj), around)
    raise Unknown("it has no length, so that its items can't be chosen by a rule")


# -- values in memory


def _values(value: Any, always: bool) -> dict[str, Any]:
    digest = hashlib.sha256()
    size = _size(value, 0)
    whole = always or size <= WHOLE_BYTES
    _feed(digest, value, whole, 0)
    return {"sha256": digest.hexdigest(), "bytes": size, "rule": RULE_WHOLE if whole else RULE_BLOCKS}


def _size(value: Any, depth: int) -> int:
    """Bytes of all arrays below; also refuses what can't be hashed before anything is."""
    if depth > 8:
        raise Unknown("it is nested too deeply")
    if isinstance(value, dict):
        return sum(_size(key, depth + 1) + _size(one, depth + 1) for key, one in value.items())
    if isinstance(value, list | tuple):
        return sum(_size(one, depth + 1) for one in value)
    if isinstance(value, str | bytes):
        return len(value)
    if value is None or isinstance(value, int | float | complex):
        return 8
    array = as_array(value)
    if array is None:
        raise Unknown(f"it holds a {type(value).__name__}")
    return int(array.nbytes)


def _feed(digest: Any, value: Any, whole: bool, depth: int) -> None:
    """Type, shape and content of a value, so that no two different values give the same bytes."""
    if isinstance(value, dict):
        digest.update(b"dict%d" % len(value))
        for key, one in value.items():
            _feed(digest, key, whole, depth + 1)
            _feed(digest, one, whole, depth + 1)
    elif isinstance(value, list | tuple):
        digest.update(b"sequence%d;" % len(value))
        for one in value:
            _feed(digest, one, whole, depth + 1)
    elif isinstance(value, bytes):
        digest.update(b"bytes%d;" % len(value) + value)
    elif value is None or isinstance(value, str | int | float | complex):
        digest.update(f"{type(value).__name__}{value!r};".encode("utf-8", "replace"))
    else:
        _feed_array(digest, value, whole)


def _feed_array(digest: Any, value: Any, whole: bool) -> None:
    array = as_array(value)
    if array is None:
        raise Unknown(f"it holds a {type(value).__name__}")
    if array.dtype.hasobject:
        _feed_objects(digest, array)
        return
    digest.update(f"array{array.dtype.str}{array.shape};".encode())
    import numpy as np

    raw: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    if whole:
        digest.update(raw)
        return
    for start in _spaced(len(raw), BLOCK, BLOCKS):
        digest.update(raw[start : start + BLOCK])


def _feed_objects(digest: Any, array: Any) -> None:
    """An array of text, or of text and numbers, as pandas makes them; not one of anything else."""
    values = array.reshape(-1).tolist()
    if not all(kind in _SCALARS for kind in set(map(type, values))):
        raise Unknown("it holds an array of Python objects")
    digest.update(f"objects{array.shape};".encode())
    digest.update(repr(values).encode("utf-8", "replace"))


# -- tables


def _frame(obj: Any, always: bool) -> dict[str, Any]:
    count, types = len(obj), frame_types(obj)
    each = bytes_of_row(obj)
    whole = always or (count * max(1, len(types)) <= CELLS and count * each <= WHOLE_BYTES)
    # A power of two: the number of rows follows the size of a row only in steps.
    most = min(FRAME_ROWS, 1 << max(6, (WHOLE_BYTES // each).bit_length() - 1))
    rows = None if whole else spaced_rows(count, most)
    digest = hashlib.sha256(repr((count, types)).encode("utf-8", "replace"))
    for values in frame_columns(obj, rows).values():
        if hasattr(values, "dtype"):
            _feed_array(digest, values.view("i8") if values.dtype.kind in "mM" else values, True)
        elif all(kind in _SCALARS for kind in set(map(type, values))):
            # One call for a column: text is hashed as fast as numbers are.
            digest.update(repr(values).encode("utf-8", "replace"))
        else:
            _size(values, 0)
            _feed(digest, values, True, 0)
    return {"sha256": digest.hexdigest(), "rule": RULE_TABLE if whole else RULE_ROWS.format(most)}


def spaced_rows(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` positions, evenly spaced, the first and the last included."""
    if count <= most:
        return list(range(count))
    return sorted({(count - 1) * index // (most - 1) for index in range(most)})


# -- files


def _path(path: Path, always: bool) -> dict[str, Any]:
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file() and not one.name.endswith(LEDGER_END))
    elif path.is_file():
        files = [path]
    else:
        raise Unknown("there is no such file")
    sizes = [one.stat().st_size for one in files]
    whole = always or sum(sizes) <= WHOLE_BYTES
    share = BLOCKS if len(files) == 1 else max(1, BLOCKS // max(1, len(files)))
    digest = hashlib.sha256()
    for file, size in zip(files, sizes, strict=True):
        name = file.name if file == path else file.relative_to(path).as_posix()
        label = "" if file == path else name
        digest.update(f"{label}\0{size}\0".encode("utf-8", "surrogateescape"))
        if whole or len(files) <= BLOCKS:
            _feed_file(digest, file, size, whole, share)
    rule = RULE_WHOLE if whole else RULE_BLOCKS if len(files) <= BLOCKS else RULE_NAMES
    return {"sha256": digest.hexdigest(), "bytes": sum(sizes), "count": len(files), "rule": rule}


def _feed_file(digest: Any, file: Path, size: int, whole: bool, blocks: int) -> None:
    with file.open("rb", buffering=0) as opened:
        if whole:
            while block := opened.read(BLOCK):
                digest.update(block)
            return
        for start in _spaced(size, BLOCK, blocks):
            opened.seek(start)
            digest.update(opened.read(BLOCK))


def _spaced(size: int, block: int, count: int) -> list[int]:
    """Starts of at most ``count`` blocks over ``size`` bytes, the first and the last one included."""
    last = max(0, size - block)
    return sorted({last * index // max(1, count - 1) for index in range(count)})


# -- data sets of any kind


def _sampled(obj: Any, count: int, around: Around) -> dict[str, Any]:
    digest = hashlib.sha256(b"count%d;" % count)
    deadline = time.monotonic() + SECONDS
    chosen = spaced_rows(count, ITEMS)
    for index in chosen:
        item = obj[index]
        _size(item, 0)
        _feed(digest, item, True, 0)
        if time.monotonic() > deadline:
            raise Unknown(f"{ITEMS} items take more than {SECONDS:g} s to read")
    if chosen and items_are_random(obj, chosen[0], around):
        raise Unknown("its items are random: the same index gives other values each time")
    return {"sha256": digest.hexdigest(), "rule": RULE_ITEMS}


def items_are_random(obj: Any, index: int, around: Around) -> bool:
    """Whether the same index gives another value each time, as under an augmentation."""
    with around(None):
        return _hash_of(obj[index]) != _hash_of(obj[index])


def _hash_of(item: Any) -> str:
    digest = hashlib.sha256()
    _feed(digest, item, True, 0)
    return digest.hexdigest()
