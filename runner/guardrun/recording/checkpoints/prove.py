"""Prove a checkpoint from a process of its own.

``python -m guardrun.recording.checkpoints.prove RUN_DIR best|last|FOLDER [--level full|hash]`` prints one
JSON line and ends with 0 (proven), 1 (damaged) or 2 (no such checkpoint). Files are hashed in blocks and
mapped, tensors looked at in chunks: memory stays bounded however large the model is.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.finite import first_nonfinite
from guardrun.recording.checkpoints.foreign import examine
from guardrun.recording.checkpoints.layout import Damage, file_path, relative
from guardrun.recording.checkpoints.load import Found, NoSuchCheckpoint, find, first_damage, load_part
from guardrun.recording.checkpoints.pointers import ROLES, read_pointer

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROVEN, _DAMAGED, _ABSENT = 0, 1, 2


def prove(paths: RunPaths, which: str, level: str = "full") -> dict[str, Any]:
    """Examine "best", "last" or a folder; the fields of the JSON line.

    Level "hash": metadata and every file are as recorded, and the pointer's metric is the checkpoint's.
    "full" also loads every part as tensors and plain Python, and wants each model's weights finite; the
    training's own files as far as they can be opened so (``foreign``). ``remarks`` tells of other states that
    are not finite, and of files that were not opened. Raises NoSuchCheckpoint.
    """
    begun = time.monotonic()
    while True:
        before = read_pointer(paths, which) if which in ROLES else None
        answer = _examine(paths, which, level)
        # A training that goes on may have moved the pointer and deleted the old folder under our hands.
        if answer["verified"] or which not in ROLES or read_pointer(paths, which) == before:
            answer["seconds"] = round(time.monotonic() - begun, 3)
            return answer


def _examine(paths: RunPaths, which: str, level: str) -> dict[str, Any]:
    found = find(paths, which)
    answer: dict[str, Any] = {
        "role": which if which in ROLES else None,
        "path": "",
        "verified": False,
        "level": level,
        "problem": "",
        "step": None,
        "metric": None,
        "remarks": [],
    }
    if isinstance(found, Damage):
        pointer = read_pointer(paths, which) if which in ROLES else None
        folder = getattr(pointer, "folder", which)
        return {**answer, "path": f"checkpoints/{folder}", "problem": str(found)}
    answer.update(path=relative(found.folder), step=found.meta["step"], metric=found.meta.get("metric"))
    problem = _metric_problem(found) or str(first_damage(found) or "")
    if not problem and level == "full":
        if _has_torch():
            problem = _content_problem(found, answer)
        else:
            answer["level"] = "hash"
            answer["remarks"].append(
                "PyTorch is not installed in this Python: hashes only, nothing was loaded"
            )
    return {**answer, "verified": not problem, "problem": problem}


def _metric_problem(found: Found) -> str:
    """The metric stands in three places; they must agree."""
    metric, monitor = found.meta.get("metric"), found.meta.get("monitor") or {}
    recorded = (found.meta.get("metrics") or {}).get(monitor.get("name"), metric)
    if metric is not None and recorded != metric:
        return f"meta.json has the metric {metric!r}, and {recorded!r} as {monitor.get('name')}"
    if found.pointer is not None and found.pointer.metric != metric:
        return f"the pointer has the metric {found.pointer.metric!r}, meta.json {metric!r}"
    return ""


def _content_problem(found: Found, answer: dict[str, Any]) -> str:
    own = [entry["path"] for entry in found.meta["files"] if entry["external"]]
    problem = examine(own, answer)
    if problem:
        return problem
    for entry in found.meta["files"]:
        if entry["external"]:
            continue
        name = f"{found.folder.name}/{entry['path']}"
        try:
            payload = load_part(file_path(found.folder, entry), mmap=True)
        except ValueError as error:
            return f"{name} {error}"
        if payload.get("step") != found.meta["step"]:
            return f"{name} is of step {payload.get('step')!r}, meta.json of step {found.meta['step']}"
        problem = _weights_problem(payload, answer)
        if problem:
            return f"{name}: {problem}"
    return ""


def _weights_problem(payload: dict[str, Any], answer: dict[str, Any]) -> str:
    kinds = payload.get("kinds") or {}
    for name, state in payload["objects"].items():
        kind = kinds.get(name) or {}
        bad = first_nonfinite(state, frozenset(kind.get("constants") or ()))
        if bad and kind.get("kind") == "module":
            return f"{name}.{bad}"
        if bad:
            answer["remarks"].append(f"{name}.{bad}")
    return ""


def _has_torch() -> bool:
    try:
        import torch  # noqa: F401
    except Exception:  # also a broken installation
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m guardrun.recording.checkpoints.prove", description=prove.__doc__
    )
    parser.add_argument("run_dir")
    parser.add_argument("which", metavar="best|last|FOLDER")
    parser.add_argument("--level", choices=("full", "hash"), default="full")
    asked = parser.parse_args(arguments)
    try:
        answer = prove(RunPaths(asked.run_dir), asked.which, asked.level)
        code = _PROVEN if answer["verified"] else _DAMAGED
    except NoSuchCheckpoint as error:
        answer, code = _failure(asked, error), _ABSENT
    except (UserError, OSError, ValueError, RuntimeError, MemoryError) as error:
        answer, code = _failure(asked, error), _DAMAGED
    print(json.dumps(answer))
    return code


def _failure(asked: argparse.Namespace, error: BaseException) -> dict[str, Any]:
    problem = getattr(error, "message", "") or f"{type(error).__name__}: {error}"
    role = asked.which if asked.which in ROLES else None
    return {
        "role": role, "path": "", "verified": False, "level": asked.level, "problem": problem, "step": None,
        "metric": None, "remarks": [], "seconds": 0.0,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
