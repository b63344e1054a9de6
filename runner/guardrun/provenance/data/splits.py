"""Split files: which example belongs to which split, written once; and the ledger of the test split's uses.

A split file is a JSON object ``{"train": [ids], "val": [ids], "test": [ids]}``, of whole numbers or text.
Beside it lies its ledger, ``<name>.ledger.jsonl``: its first line seals the content by a hash, every further
line is a use of the test split. Lines are only ever appended, one write each.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from guardrun.errors import UserError
from guardrun.events.atomic import write_atomic
from guardrun.provenance.data.findings import TEST, TRAIN, VAL, Finding, finding, role_of
from guardrun.provenance.data.hashing import LEDGER_END

Parts = dict[str, list[Any]]
MOST_BYTES = 1024 * 1024 * 1024
LEDGER_BYTES = 16 * 1024 * 1024
SHOWN = 10


def ledger_of(path: Path) -> Path:
    """Where the seal and the uses of a split file are kept."""
    return path.with_name(f"{path.name}{LEDGER_END}")


def normal(parts: Mapping[str, Sequence[Any]]) -> Parts:
    """Ids as plain whole numbers and text. Raises UserError for anything else."""
    found: Parts = {}
    for name, ids in parts.items():
        listed = ids.tolist() if hasattr(ids, "tolist") else list(ids)
        for index, one in enumerate(listed):
            if isinstance(one, bool) or not isinstance(one, int | str):
                number = getattr(one, "item", lambda: None)()
                if not isinstance(number, int) or isinstance(number, bool):
                    raise UserError(
                        f"the split {name} holds a {type(one).__name__} that is no id",
                        hint="ids are whole numbers (positions in the data) or text (names of examples)",
                    )
                listed[index] = number
        found[str(name)] = listed
    return found


def split_hash(parts: Parts) -> str:
    """SHA-256 of names and ids, in the order in which they are; the file's spaces do not count."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        ids = parts[name]
        digest.update(f"{name!r};{len(ids)};".encode("utf-8", "backslashreplace"))
        digest.update(json.dumps(ids, separators=(",", ":")).encode())
    return digest.hexdigest()


def read_split(path: Path) -> Parts:
    """The ids of each split. Raises UserError for a file that is no split."""
    wrong = 'a split file is a JSON object of lists: {"train": [0, 1], "val": [2], "test": [3]}'
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path} is larger than 1 GiB: that is no split file", hint=wrong)
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"there is no split file {path}", hint="`guard data split` makes one") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} can't be read as a split: {error}", hint=wrong) from None
    if not isinstance(content, dict) or not content or not all(isinstance(v, list) for v in content.values()):
        raise UserError(f"{path} is no split file", hint=wrong)
    return normal(content)


def write_split(path: Path, parts: Mapping[str, Sequence[Any]]) -> tuple[Parts, str]:
    """Write a split file and seal it; what was written, and its hash. Raises UserError where one is."""
    if path.exists():
        raise UserError(
            f"{path} exists: a split is written once", hint="use it as it is, or choose another name"
        )
    plain = normal(parts)
    lines = [f"{json.dumps(name)}: {json.dumps(ids, separators=(',', ':'))}" for name, ids in plain.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
    return plain, _seal(path, plain)


def open_split(path: Path) -> tuple[Parts, str]:
    """Read a split file, and seal it at its first use. Raises UserError when it changed since then."""
    parts = read_split(path)
    now = split_hash(parts)
    sealed = sealed_hash(path)
    if sealed is None:
        return parts, _seal(path, parts)
    if now != sealed:
        raise UserError(
            f"{path} changed after it was sealed: it has the hash {now[:12]}, not {sealed[:12]}",
            hint="bring the old file back (git checkout), or give the new split a name of its own:\n"
            "results on two splits are results on two data sets",
        )
    return parts, now


def use_split(path: Path, parts: Mapping[str, Sequence[Any]] | None) -> tuple[Parts, str]:
    """The split of a file, made of ``parts`` when there is none yet. Raises UserError when they differ."""
    if parts is None or path.exists():
        found, sha256 = open_split(path)
        if parts is not None and split_hash(normal(parts)) != sha256:
            raise UserError(
                f"this split is not the one of {path}",
                hint="take the ids that run.split returns (those of the file), or choose another file name",
            )
        return found, sha256
    return write_split(path, parts)


def _seal(path: Path, parts: Parts) -> str:
    sha256 = split_hash(parts)
    append_line(ledger_of(path), {
        "event": "sealed", "sha256": sha256, "counts": {name: len(ids) for name, ids in parts.items()},
    })  # fmt: skip
    return sha256


def append_line(ledger: Path, line: Mapping[str, Any]) -> None:
    data = json.dumps({"t": time.time(), **line}, separators=(",", ":")).encode() + b"\n"
    fd = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """The lines of a split file's ledger; what is no line is skipped."""
    return read_lines(ledger_of(path))


def read_lines(ledger: Path) -> list[dict[str, Any]]:
    """The lines of a ledger, none where there is no such file; what is no line is skipped."""
    try:
        with ledger.open("rb") as opened:
            data = opened.read(LEDGER_BYTES)
    except OSError:
        return []
    found = []
    for line in data.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def sealed_hash(path: Path) -> str | None:
    """The hash under which a split file was sealed; None when it never was."""
    for entry in read_ledger(path):
        if entry.get("event") == "sealed" and isinstance(entry.get("sha256"), str):
            return str(entry["sha256"])
    return None


# -- what is wrong with a split


def overlaps(parts: Parts) -> dict[tuple[str, str], list[Any]]:
    """Ids that two splits share, by pair of names."""
    names = list(parts)
    sets = {name: set(ids) for name, ids in parts.items()}
    found = {}
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            both = sets[one] & sets[other]
            if both:
                found[one, other] = sorted(both, key=lambda value: (isinstance(value, str), value))
    return found


def judge_split(parts: Parts) -> list[Finding]:
    """Overlapping splits, ids that are there twice, splits without an example."""
    found = []
    for (one, other), ids in overlaps(parts).items():
        shown = ", ".join(str(value)[:40] for value in ids[:SHOWN])
        more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
        found.append(finding(
            "split_overlap", "act" if {role_of(one), role_of(other)} & {TEST, VAL} else "warn",
            f"{one} and {other} share {len(ids)} {'id' if len(ids) == 1 else 'ids'}: {shown}{more}",
            f"take them out of {one if role_of(one) == TRAIN else other}, under a new file name: "
            "what was measured on this split counts too much",
            splits=[one, other], count=len(ids), ids=ids[:100],
        ))  # fmt: skip
    for name, ids in parts.items():
        twice = len(ids) - len(set(ids))
        if twice:
            found.append(finding(
                "split_repeats", "warn", f"{twice} ids of {name} are in it twice",
                "write each id once", split=name, count=twice,
            ))  # fmt: skip
        if not ids:
            found.append(finding("no_examples", "act", f"{name} holds no example", "split anew", split=name))
    return found


def random_parts(count: int, shares: Mapping[str, float], seed: int, labels: Any = None) -> Parts:
    """Positions 0 … count - 1 dealt to splits by share; with ``labels`` class by class (stratified).

    Raises UserError for shares that do not make 1.
    """
    if not shares or any(share < 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise UserError(
            "the shares of the splits must add up to 1", hint="--parts train=0.8,val=0.1,test=0.1"
        )
    import numpy as np

    generator = np.random.default_rng(seed)
    codes = np.zeros(count, dtype=np.int64)
    if labels is not None:
        codes = np.unique(np.asarray(labels).astype(str), return_inverse=True)[1].reshape(-1)
    parts: dict[str, list[Any]] = {name: [] for name in shares}
    edges = np.cumsum([0.0, *shares.values()])
    for code in range(int(codes.max(initial=-1)) + 1):
        members = generator.permutation(np.flatnonzero(codes == code))
        cuts = np.round(edges * len(members)).astype(int)
        for name, begin, end in zip(shares, cuts[:-1], cuts[1:], strict=True):
            parts[name] += members[begin:end].tolist()
    return {name: sorted(ids) for name, ids in parts.items()}
