"""Runs below folders, and the run that somebody means by a word."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from guardrun.errors import UserError
from guardrun.events.paths import is_run_directory
from guardrun.events.untrusted import read_bounded

MAX_DEPTH: Final = 4
"""Folders below a given path that are searched: runs/, and a few levels of grouping above it."""
MAX_ENTRIES: Final = 200_000
"""Entries looked at in one search, so that a folder of a million images costs a moment, not minutes."""
_MARKS: Final = frozenset(("run.json", "events.jsonl"))
_LISTED: Final = 8


def find_runs(paths: Iterable[Path | str], known: Collection[Path] = ()) -> list[Path]:
    """Run directories at or below the paths, sorted, each once. Never raises.

    Symbolic links to folders are followed, a loop only once; nothing is searched inside a run. Folders in
    ``known`` are taken as runs without looking into them (a sweep over a thousand runs then costs one
    scandir). Hidden folders are skipped.
    """
    budget = [MAX_ENTRIES]
    seen: set[tuple[int, int]] = set()
    # The very same paths come back: who asks every second compares two hundred runs in no time.
    by_name = {os.fspath(path): path for path in known}
    found: dict[str, None] = {}
    for path in paths:
        top = os.fspath(Path(path))
        if top in by_name and not os.path.isdir(top):
            continue
        for run in _below(top, MAX_DEPTH, by_name, seen, budget):
            found[run] = None
    return sorted(by_name.get(run) or Path(run) for run in found)


def _below(
    folder: str, depth: int, known: Collection[str], seen: set[tuple[int, int]], budget: list[int]
) -> Iterator[str]:
    if folder in known:
        yield folder
        return
    folders: list[str] = []
    try:
        facts = os.stat(folder)
        if (facts.st_dev, facts.st_ino) in seen:
            return
        seen.add((facts.st_dev, facts.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                budget[0] -= 1
                if budget[0] < 0:
                    break
                if entry.name in _MARKS and entry.is_file():
                    yield folder
                    return
                if depth > 0 and not entry.name.startswith(".") and entry.is_dir():
                    folders.append(entry.path)
    except OSError:
        return
    for child in sorted(folders):
        yield from _below(child, depth - 1, known, seen, budget)


def resolve_runs(spec: str, runs_dir: Path | str = "runs") -> list[Path]:
    """Every run that ``spec`` means: as ``resolve_run``, and also all runs at or below a folder, and all runs
    that share a name or a group.

    A bare word that is both, such as the project's own folder ``digits``, means the runs that are called so;
    ``./digits`` means the folder.

    Raises UserError (exit code 2) when there is none, or when only a prefix fits several.
    """
    path = Path(spec).expanduser()
    if _is_word(spec, path, runs_dir):
        runs = find_runs([runs_dir])
        named, grouped = (
            [run for run in runs if _identity_word(run, what) == spec] for what in ("name", "group")
        )
        if sharing := (named if len(named) > 1 else grouped or named):
            return sharing
    if os.path.isdir(path) and not is_run_directory(path) and not unreadable(path):
        below = find_runs([path])
        if below:
            return below
    return [resolve_run(spec, runs_dir)]


def _is_word(spec: str, path: Path, runs_dir: Path | str) -> bool:
    """Whether a name may be meant: no separator in it, and neither a run of its own nor the runs folder."""
    if os.sep in spec or path.name != spec:
        return False
    return not os.path.isdir(path) or not (is_run_directory(path) or _same_folder(path, runs_dir))


def _same_folder(one: Path, other: Path | str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def resolve_run(spec: str, runs_dir: Path | str = "runs") -> Path:
    """The run directory that ``spec`` means: a path, a run id, a name, a unique prefix of either, or the
    end of an id after its date (``digits_a1b2``, as `guard ls` prints it). A name goes before a folder or a
    file of the same name that is no run.

    Raises UserError (exit code 2) that names close or matching runs when there is none, or several.
    """
    path = Path(spec).expanduser()
    if os.path.isdir(path) and is_run_directory(path):
        return path
    if os.path.isfile(path) and is_run_directory(path.parent):
        return path.parent
    taken = os.path.exists(path)
    word = _is_word(spec, path, runs_dir)
    runs = {run: run_name(run) for run in find_runs([runs_dir])} if word or not taken else {}
    exact = (
        [run for run in runs if run.name == spec],
        [run for run, name in runs.items() if name == spec],
    )
    if not any(exact):
        if unreadable(path):
            raise UserError(f"{path} cannot be read: permission denied")
        if taken or os.sep in spec.rstrip(os.sep):
            raise _no_run_there(path)
    for matches in (
        *exact,
        [run for run, name in runs.items() if run.name.startswith(spec) or name.startswith(spec)],
        [run for run in runs if run.name.endswith(f"_{spec}")],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UserError(
                f"{spec!r} means {len(matches)} runs", hint="say which one:\n" + _listing(matches, runs)
            )
    raise _no_such_run(spec, Path(runs_dir), runs)


def unreadable(path: Path) -> bool:
    """Whether this is a folder that we may not look into, or lies in one."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode) and not os.access(path, os.R_OK | os.X_OK)
    except PermissionError:
        return True
    except OSError:
        return False


def run_name(run: Path) -> str:
    """The name in run.json, or the folder's own name where there is none that can be read."""
    return _identity_word(run, "name") or run.name


def _identity_word(run: Path, key: str) -> str:
    import orjson

    try:
        word = orjson.loads(read_bounded(run / "run.json"))[key]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return word if isinstance(word, str) else ""


def _no_run_there(path: Path) -> UserError:
    if not path.exists():
        return UserError(f"no such path: {path}", hint="`guard ls PATH` lists the runs below a folder")
    if not path.is_dir():
        return UserError(
            f"{path} is not a run directory", hint="a run is a folder with run.json or events.jsonl"
        )
    below = find_runs([path])
    if below:
        return UserError(
            f"{path} is not a run directory, but holds {len(below)}",
            hint="say which one:\n" + _listing(below, {}),
        )
    return UserError(f"{path} is not a run directory", hint="a run is a folder with run.json or events.jsonl")


def _no_such_run(spec: str, runs_dir: Path, runs: dict[Path, str]) -> UserError:
    if unreadable(runs_dir):
        return UserError(f"no run {spec!r}: {runs_dir} cannot be read: permission denied")
    if not runs:
        place = f"no runs in {runs_dir}" if runs_dir.is_dir() else f"there is no folder {runs_dir}"
        return UserError(f"no run {spec!r}: {place}", hint="give the path of a run, or use --runs-dir")
    words: dict[str, Path] = {}
    for run, name in runs.items():
        words.setdefault(name, run)
        words[run.name] = run
    close = list(
        dict.fromkeys(words[w] for w in difflib.get_close_matches(spec, words, n=_LISTED, cutoff=0.5))
    )
    inside = [run for run, name in runs.items() if spec in run.name or spec in name]
    listed = list(dict.fromkeys(inside + close))
    hint = "did you mean\n" + _listing(listed, runs) if listed else f"`guard ls {runs_dir}` lists them"
    return UserError(f"no run {spec!r} in {runs_dir}", hint=hint)


def _listing(matches: list[Path], runs: dict[Path, str]) -> str:
    from guardrun.reading.plain_text import plain

    newest_first = sorted(matches, key=lambda run: run.name, reverse=True)
    lines = []
    for run in newest_first[:_LISTED]:
        name = runs.get(run, run.name)
        lines.append(f"  {plain(run.name)}" + (f"  ({plain(name)})" if name not in run.name else ""))
    if len(newest_first) > _LISTED:
        lines.append(f"  ... and {len(newest_first) - _LISTED} more")
    return "\n".join(lines)
