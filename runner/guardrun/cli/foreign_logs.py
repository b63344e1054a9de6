"""Logs of other tools where a command expects a run: found, shown, and refused where nothing can be asked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guardrun.errors import UserError

if TYPE_CHECKING:
    from guardrun.following.foreign_follower import ForeignFollower
    from guardrun.following.run_follower import RunFollower
    from guardrun.reading.foreign.searching import FoundLog
    from guardrun.state.model import RunState

_LISTED: Final = 8


def logs_below(paths: Sequence[Path]) -> Mapping[Path, FoundLog]:
    """Every log of another tool at or below the paths, by its file or folder."""
    from guardrun.reading.foreign.searching import LogSearch

    search = LogSearch([Path(os.path.realpath(path)) if os.path.isfile(path) else path for path in paths])
    while not search.done:
        search.turn(1.0)
    return search.found


def states_below(paths: Sequence[Path], runs: Iterable[RunFollower]) -> list[RunState]:
    """Those logs as runs, read and judged; without those that are shown as one of ``runs`` already."""
    from guardrun.following.foreign_fleet import claims_of
    from guardrun.following.foreign_follower import ForeignFollower

    found = logs_below(paths)
    owned = claims_of(runs).of(found.values())
    states = []
    for key, log in found.items():
        if key not in owned:
            follower = ForeignFollower(log)
            follower.catch_up()
            states.append(follower.state())
            follower.close()
    return states


def the_log_at(spec: str) -> ForeignFollower | None:
    """The log that a path means; None where it is no path, or one of runs. Raises UserError for several."""
    from guardrun.events.paths import is_run_directory
    from guardrun.following.foreign_follower import ForeignFollower
    from guardrun.reading.discovery import find_runs, unreadable

    path = Path(spec).expanduser()
    if unreadable(path) or not path.exists():
        return None
    run = path if path.is_dir() else path.parent
    if is_run_directory(run) or (path.is_dir() and find_runs([path])):
        return None
    found = logs_below([path])
    if len(found) > 1:
        raise UserError(
            f"{path} holds {len(found)} logs of other tools", hint="say which one:\n" + _listing(found)
        )
    return next((ForeignFollower(log) for log in found.values()), None)


def refuse_to_stop(spec: str) -> None:
    """Raise UserError, before anything is asked, when the path is a log of another tool."""
    from guardrun.state.log_words import log_words

    log = the_log_at(spec)
    if log is not None:
        raise UserError(
            f"{spec} is a {log_words(log.format)}: guard did not start its training and cannot stop it",
            hint="stop it where it was started; `guard run -- COMMAND` starts one that guard can stop",
        )


def check_file(path: Path) -> None:
    """Raise UserError, which says what a file holds, when it is no log."""
    if not logs_below([path]):
        from guardrun.reading.foreign import read_foreign

        read_foreign(path)
        raise UserError(f"{path} is too large for a document that is watched", hint="`guard import` reads it")


def _listing(found: Mapping[Path, FoundLog]) -> str:
    from guardrun.reading.plain_text import plain

    lines = [f"  {plain(os.path.relpath(key))}" for key in sorted(found)[:_LISTED]]
    more = len(found) - _LISTED
    return "\n".join([*lines, *([f"  ... and {more} more: `guard ls` lists them"] if more > 0 else [])])
