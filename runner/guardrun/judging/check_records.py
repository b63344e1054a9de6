"""Results of ``guard check``, kept so that an audit finds them: by configuration and by code.

They lie in ``.guardrun/checks/`` beside the configuration, outside every runs folder, one file for each pair
of configuration and code; the folder keeps itself out of git.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from guardrun.events.atomic import write_atomic
from guardrun.events.own_folder import OWN, own_folder
from guardrun.following.small_files import read_json
from guardrun.provenance.recipes import recipe_of

FOLDER: Final = Path(OWN, "checks")
_MOST_FILES: Final = 2000
_HASH: Final = re.compile(r"[0-9a-f]{16,64}\Z")


class Check(NamedTuple):
    """One kept result of ``guard check``."""

    result: Mapping[str, Any]
    """``{verdict, items: [{id, seed_item, verdict, evidence, next}]}``, as the command printed it."""
    same_code: bool
    """Whether it was made with the very code that was asked for."""
    commit: str | None
    time: float | None
    path: Path
    intact: bool = True
    """False: what stands there is not what `guard check` wrote."""

    def item(self, name: str) -> Mapping[str, Any] | None:
        """The result of the check with that id."""
        return next((item for item in self.items() if item.get("id") == name), None)

    def items(self) -> list[Mapping[str, Any]]:
        found = self.result.get("items")
        return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def config_fingerprint(config: Mapping[str, Any]) -> str:
    """SHA-256 of what trains, of the effective configuration as launched: parameters, data, command, monitor.

    Its name, seed and limits, and whether a run was launched by ``guard run``, make no difference.
    """
    command = config.get("command") or [config.get("entry"), *(config.get("args") or ())]
    words = command.split() if isinstance(command, str) else [str(word) for word in command if word]
    recipe = recipe_of({"config": config, "command": words})
    monitor = json.dumps(config.get("monitor"), sort_keys=True, default=str)
    return hashlib.sha256(f"{recipe}\n{monitor}".encode("utf-8", "surrogatepass")).hexdigest()


def code_of(git: Mapping[str, Any]) -> str | None:
    """What names the code of a run: its hash with every change, else a clean commit; None: unknown."""
    whole = git.get("code_sha256")
    if isinstance(whole, str) and whole:
        return whole
    commit = git.get("commit")
    return commit if isinstance(commit, str) and commit and git.get("dirty") is False else None


def save_check(config_sha256: str, commit: str | None, result: Mapping[str, Any], folder: Path) -> Path:
    """Keep a result below ``folder`` (the configuration's), in place of an older one of the same pair.

    ``commit`` is what ``code_of`` says of the git facts. Items of an older result of the same configuration
    and code that this one did not run again (``--only``) stay. Raises OSError.
    """
    path = own_folder(folder, FOLDER.name) / _name(config_sha256, commit)
    body = {
        "schema": 1, "config_sha256": config_sha256, "commit": commit, "time": time.time(),
        "result": _merged(_sealed(read_json(path)), result),
    }  # fmt: skip
    body["sha256"] = _seal(json.loads(json.dumps(body, default=str)))
    write_atomic(path, json.dumps(body, indent=1, default=str).encode(), sync=False)
    return path


def find_check(config_sha256: str, commit: str | None, folders: Path | Iterable[Path]) -> Check | None:
    """The newest result for that configuration: of that code where there is one, else of any other."""
    found: list[Check] = []
    for folder in [folders] if isinstance(folders, Path) else folders:
        for path in _candidates(folder / FOLDER, config_sha256):
            body = read_json(path)
            if body is None or body.get("config_sha256") != config_sha256:
                continue
            result, told, when = body.get("result"), body.get("commit"), body.get("time")
            if isinstance(result, dict):
                found.append(Check(
                    result=result,
                    same_code=commit is not None and told == commit,
                    commit=told if isinstance(told, str) else None,
                    time=float(when) if isinstance(when, int | float) else None,
                    path=path,
                    intact=body.get("sha256") == _seal(body),
                ))  # fmt: skip
    return max(found, key=lambda check: (check.same_code, check.time or 0.0), default=None)


def _seal(body: Mapping[str, Any]) -> str:
    """Hash of everything but itself: a hand that changes a verdict is seen."""
    plain = {key: value for key, value in body.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def _sealed(body: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The body where it is as it was written: what was edited gets no new seal by a partial check."""
    return body if body is not None and body.get("sha256") == _seal(body) else None


def _merged(before: Mapping[str, Any] | None, result: Mapping[str, Any]) -> dict[str, Any]:
    """The new result, and the items of the old one that were not run again."""
    old = before.get("result") if before is not None else None
    items = [item for item in result.get("items") or () if isinstance(item, Mapping)]
    known = {item.get("id") for item in items}
    kept = old.get("items") if isinstance(old, Mapping) else None
    if isinstance(kept, list):
        items = [
            *items,
            *(item for item in kept if isinstance(item, Mapping) and item.get("id") not in known),
        ]
    return {**result, "items": items}


def _name(config_sha256: str, commit: str | None) -> str:
    if not _HASH.match(config_sha256):
        raise ValueError(f"{config_sha256!r} is no hash of a configuration")
    code = hashlib.sha256(commit.encode("utf-8", "surrogatepass")).hexdigest()[:12] if commit else "no-commit"
    return f"{config_sha256[:24]}-{code}.json"


def _candidates(place: Path, config_sha256: str) -> list[Path]:
    try:
        names = os.listdir(place)
    except (OSError, ValueError):  # also a folder that no file system could have
        return []
    start = config_sha256[:24] + "-"
    return [place / name for name in names[:_MOST_FILES] if name.startswith(start) and name.endswith(".json")]
