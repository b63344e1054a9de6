"""What data a run was trained on: a count and a hash of the content, by a rule that the record states.

Each rule is deterministic: the same data gives the same hash on every machine. Nothing depends on how fast
the disk is, except that data whose items take too long get no hash at all, and the record says so.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path
from typing import Any

WHOLE_BYTES = 256 * 1024 * 1024
"""Up to so many bytes of content are hashed whole: about a second."""
BLOCK = 1024 * 1024
BLOCKS = 64
ITEMS = 64
SECONDS = 2.0
"""For reading sample items of a data set; then the hash is given up."""

RULE_WHOLE = "sha256 of the whole content"
RULE_BLOCKS = f"sha256 of the size and {BLOCKS} evenly spaced blocks of 1 MiB, first and last included"
RULE_ITEMS = f"sha256 of the count and {ITEMS} evenly spaced items, first and last included"


class _Unknown(Exception):
    """A value whose content we can't see; the message says why."""


def fingerprint(obj: Any) -> dict[str, Any]:
    """``count``, ``sha256``, ``rule``, ``type`` and ``bytes`` of a data set, as far as they can be known.

    Takes NumPy arrays, torch tensors, TensorDatasets, paths of files and folders, sequences and dictionaries
    of these; of any other data set with a length it hashes sample items. Never raises, never advances a
    random number generator.
    """
    begun = time.monotonic()
    found: dict[str, Any] = {"type": type(obj).__name__, "count": _count(obj), "sha256": None, "rule": ""}
    try:
        found.update(_content(obj))
    except _Unknown as reason:
        found["rule"] = f"not hashed: {reason}"
    except Exception as error:  # a data set may do anything when it is looked at
        found["rule"] = f"not hashed: {type(error).__name__} while reading it"
    found["seconds"] = time.monotonic() - begun
    return found


def _count(obj: Any) -> int | None:
    if isinstance(obj, str | os.PathLike):
        return None
    try:
        return len(obj)
    except Exception:
        return None


def _content(obj: Any) -> dict[str, Any]:
    if isinstance(obj, str | os.PathLike):
        return _path(Path(obj))
    tensors = getattr(obj, "tensors", None)
    if _is_tensor_dataset(obj) and isinstance(tensors, tuple):
        return _values(tensors)
    if isinstance(obj, list | tuple | dict) or _as_array(obj) is not None:
        return _values(obj)
    if hasattr(obj, "__getitem__") and _count(obj) is not None:
        return _items(obj)
    raise _Unknown("it has no length, so that its items can't be chosen by a rule")


# -- values in memory


def _values(value: Any) -> dict[str, Any]:
    digest = hashlib.sha256()
    size = _size(value, 0)
    whole = size <= WHOLE_BYTES
    _feed(digest, value, whole, 0)
    return {"sha256": digest.hexdigest(), "bytes": size, "rule": RULE_WHOLE if whole else RULE_BLOCKS}


def _size(value: Any, depth: int) -> int:
    """Bytes of all arrays below; also refuses what can't be hashed before anything is."""
    if depth > 8:
        raise _Unknown("it is nested too deeply")
    if isinstance(value, dict):
        return sum(_size(key, depth + 1) + _size(one, depth + 1) for key, one in value.items())
    if isinstance(value, list | tuple):
        return sum(_size(one, depth + 1) for one in value)
    if isinstance(value, str | bytes):
        return len(value)
    if value is None or isinstance(value, int | float | complex):
        return 8
    array = _as_array(value)
    if array is None:
        raise _Unknown(f"it holds a {type(value).__name__}")
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
    array = _as_array(value)
    if array is None:
        raise _Unknown(f"it holds a {type(value).__name__}")
    if array.dtype.hasobject:
        raise _Unknown("it holds an array of Python objects")
    digest.update(f"array{array.dtype.str}{array.shape};".encode())
    import numpy as np

    raw: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    if whole:
        digest.update(raw)
        return
    for start in _spaced(len(raw), BLOCK, BLOCKS):
        digest.update(raw[start : start + BLOCK])


def _as_array(value: Any) -> Any:
    """A NumPy view of an array, a tensor or an image; None for anything else."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        plain = value.detach()
        plain = plain.to_dense() if plain.layout is not torch.strided else plain
        plain = plain.cpu()
        if plain.dtype is torch.bfloat16:
            plain = plain.view(torch.int16)
        return plain.resolve_conj().resolve_neg().numpy()
    if hasattr(value, "__array_interface__") or hasattr(value, "dtype"):
        import numpy as np

        return np.asarray(value)
    return None


def _is_tensor_dataset(obj: Any) -> bool:
    module = sys.modules.get("torch.utils.data")
    return module is not None and type(obj) is module.TensorDataset


# -- files


def _path(path: Path) -> dict[str, Any]:
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())
    elif path.is_file():
        files = [path]
    else:
        raise _Unknown("there is no such file")
    sizes = [one.stat().st_size for one in files]
    whole = sum(sizes) <= WHOLE_BYTES
    share = BLOCKS if len(files) == 1 else max(1, BLOCKS // max(1, len(files)))
    digest = hashlib.sha256()
    for file, size in zip(files, sizes, strict=True):
        name = file.name if file == path else file.relative_to(path).as_posix()
        label = "" if file == path else name
        digest.update(f"{label}\0{size}\0".encode("utf-8", "surrogateescape"))
        if whole or len(files) <= BLOCKS:
            _feed_file(digest, file, size, whole, share)
    rule = RULE_WHOLE if whole else RULE_BLOCKS if len(files) <= BLOCKS else "sha256 of names and sizes"
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


def _items(obj: Any) -> dict[str, Any]:
    from guardrun.recording.rng import capture_rng, generators_within, restore_rng, set_back

    state, own = capture_rng(), generators_within(obj)
    try:
        return _sampled(obj, len(obj))
    finally:
        restore_rng(state)
        set_back(own)


def _sampled(obj: Any, count: int) -> dict[str, Any]:
    from guardrun.recording.rng import capture_rng, restore_rng

    chosen = sorted({(count - 1) * index // (ITEMS - 1) for index in range(ITEMS)}) if count else []
    digest = hashlib.sha256(b"count%d;" % count)
    deadline = time.monotonic() + SECONDS
    for index in chosen:
        item = obj[index]
        _size(item, 0)
        _feed(digest, item, True, 0)
        if time.monotonic() > deadline:
            raise _Unknown(f"{ITEMS} items take more than {SECONDS:g} s to read")
    if chosen:
        before = capture_rng()
        first, again = _hash_of(obj[chosen[0]]), _hash_of(obj[chosen[0]])
        restore_rng(before)
        if first != again:
            raise _Unknown("its items are random: the same index gives other values each time")
    return {"sha256": digest.hexdigest(), "rule": RULE_ITEMS}


def _hash_of(item: Any) -> str:
    digest = hashlib.sha256()
    _feed(digest, item, True, 0)
    return digest.hexdigest()
