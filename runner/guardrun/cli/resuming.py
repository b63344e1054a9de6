"""Take up an earlier run: its configuration, its folder, and the checkpoint to go on from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from guardrun.cli.launch import Launch, attempts_of, plan, read_attempt, write_attempt
from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.provenance.config import Loaded, config_from_earlier
from guardrun.reading.discovery import run_name

_ROLES = ("last", "best")


def prepare_resume(paths: RunPaths, overrides: Sequence[str]) -> int:
    """Write the next attempt of a run and return its number.

    Raises UserError: nothing was ever launched there, no checkpoint, or the script has gone.
    """
    number, loaded, launch, checkpoint = plan_resume(paths, overrides)
    write_attempt(paths, number, loaded, launch, resume_from=checkpoint)
    return number


def plan_resume(paths: RunPaths, overrides: Sequence[str]) -> tuple[int, Loaded, Launch, str]:
    """The next attempt's number, configuration, launch and checkpoint; nothing is written."""
    numbers = attempts_of(paths)
    if not numbers:
        raise UserError(f"{paths.root.name} has no attempt that could be resumed")
    earlier = read_attempt(paths, numbers[-1])
    checkpoint = choose_checkpoint(paths)
    loaded = _configuration(earlier, overrides, run_name(paths.root))
    # The same base as at first, so that relative paths mean the same again.
    base = loaded.source.parent if loaded.source else Path(str(earlier.get("workdir") or "."))
    return numbers[-1] + 1, loaded, plan(loaded.config, base), checkpoint


def _configuration(earlier: dict[str, Any], overrides: Sequence[str], name: str) -> Loaded:
    raw = earlier.get("config_raw")
    source = Path(earlier["config_source"]) if earlier.get("config_source") else None
    if not isinstance(raw, dict):
        # Started by a script on its own: its command line is all that there is.
        command = earlier.get("command")
        if not command:
            raise UserError(
                f"{name} was not started by guard, and its command is unknown",
                hint="start it again by `guard run`",
            )
        raw = {"command": [str(word) for word in command]}
    loaded = config_from_earlier(raw, overrides, source=source, name=name)
    return loaded._replace(
        overrides=[*map(str, earlier.get("overrides") or ()), *overrides],
        text=str(earlier.get("config_text") or ""),
    )


def choose_checkpoint(paths: RunPaths) -> str:
    """The checkpoint to resume from, relative to the run: the last, or the best when the last is damaged.

    Only the small meta.json is hashed here; the training checks the big files while it loads them.
    """
    problems: list[str] = []
    for role in _ROLES:
        pointer = paths.pointer(role)
        if not pointer.exists():
            continue
        try:
            facts = json.loads(pointer.read_bytes())
            folder = str(facts["folder"])
            if Path(folder).name != folder or folder in (".", ".."):
                raise ValueError(f"names {folder!r}, which is no folder here")
            found = hashlib.sha256((paths.checkpoints / folder / "meta.json").read_bytes()).hexdigest()
            if found != facts["meta_sha256"]:
                raise ValueError(f"{folder}/meta.json is not the one that was written")
        except (OSError, ValueError, KeyError, TypeError) as error:
            problems.append(f"{role}: {getattr(error, 'strerror', None) or error}")
            continue
        return f"checkpoints/{folder}"
    name = paths.root.name
    if problems:
        raise UserError(f"{name} has no checkpoint that can be used", hint="\n".join(problems))
    raise UserError(
        f"{name} has no checkpoint to resume from",
        hint="start it anew with `guard run`; run.track(model=…, optimizer=…) makes a training resumable",
    )
