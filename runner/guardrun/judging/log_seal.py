"""Whether the log of a run is as its writers left it, as far as its lines can show.

Every line has the number of its writer's turn. A line that was taken out afterwards leaves a gap.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from guardrun.events.paths import RunPaths
from guardrun.events.schema import CHECKPOINT
from guardrun.events.untrusted import open_regular

_SEQUENCE: Final = re.compile(rb'^\{[^{}\[\]\n]{0,64}?"seq":\s?(\d{1,15})[,}]', re.MULTILINE)
_LARGEST: Final = 1 << 30
"""Bytes of a log beyond which nobody waits for an audit to read it line by line."""
_BLOCK: Final = 4 << 20
_LONGEST: Final = 64 << 20
"""Bytes of a line; no reader takes a longer one for an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSeal:
    """What the lines themselves tell."""

    missing: Mapping[str, int] = field(default_factory=dict)
    """File -> lines whose turn is missing; files without a gap are left out."""
    announced: Mapping[str, str] | None = None
    """Folder of a checkpoint -> hash of its meta.json by the training's newest event; None: not read."""


def read_seal(paths: RunPaths) -> LogSeal:
    """Look through the logs of all writers; a file that cannot be read, or is too large, tells nothing."""
    missing: dict[str, int] = {}
    announced: dict[str, str] | None = None
    for path in _logs(paths.root):
        gap, last, told = 0, None, dict[str, str]()
        try:
            for lines in _whole_lines(path):
                turns = [int(found) for found in _SEQUENCE.findall(lines)]
                gap += missing_turns(turns if last is None else (last, *turns))
                last = turns[-1] if turns else last
                if path == paths.events():
                    told.update(_announced(lines))
        except OSError:
            continue
        if gap:
            missing[path.name] = gap
        if path == paths.events():
            announced = told
    return LogSeal(missing=missing, announced=announced)


def missing_turns(numbers: Iterable[int]) -> int:
    """How many turns are missing between lines; each attempt counts from its own header on.

    >>> missing_turns([0, 1, 2, 0, 1, 4])
    2
    """
    turns = np.fromiter(numbers, dtype=np.int64)
    steps = np.diff(turns)
    return int(np.sum(steps[steps > 1] - 1))


def _logs(root: Path) -> list[Path]:
    try:
        names = os.listdir(root)
    except OSError:
        return []
    wanted = (name for name in names if name.startswith("events") or name == "supervisor.jsonl")
    return [root / name for name in sorted(wanted) if name.endswith(".jsonl")]


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a log, some megabytes at once; one that is too long to be an event is left out."""
    with open(open_regular(path), "rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size > _LARGEST:
            return
        rest, skipping = b"", False
        while block := file.read(_BLOCK):
            cut = block.rfind(b"\n") + 1
            if cut:
                begin = block.find(b"\n") + 1 if skipping else 0
                yield rest + block[begin:cut]
                rest, skipping = b"", False
            rest += block[cut:]
            if skipping or len(rest) > _LONGEST:
                rest, skipping = b"", True
        yield rest


def _announced(data: bytes) -> Iterable[tuple[str, str]]:
    needle = b'"kind":"' + CHECKPOINT.encode() + b'"'
    for line in data.splitlines() if needle in data else ():
        if needle not in line:
            continue
        try:
            event: Any = orjson.loads(line)
        except ValueError:
            continue
        path, sha = event.get("path"), event.get("meta_sha256")
        if isinstance(path, str) and isinstance(sha, str):
            yield path, sha
