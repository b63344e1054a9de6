"""What an audit needs beside a run's own facts: siblings, kept checks, the checkpoint's hash as it is now."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from guardrun.errors import UserError
from guardrun.events.atomic import write_atomic
from guardrun.events.paths import RunPaths, is_run_directory
from guardrun.following.small_files import read_json
from guardrun.judging.baselines import kept_check
from guardrun.judging.checklist_model import Around, Proof, State
from guardrun.judging.checklist_origin import twins
from guardrun.judging.checklist_results import sanity_mode
from guardrun.judging.facts import RunFacts, flattened
from guardrun.judging.gathering import gather_facts
from guardrun.judging.group_settings import change_with_seed, keys_that_vary
from guardrun.judging.log_seal import read_seal
from guardrun.provenance.recipes import recipe_of, tells_a_recipe
from guardrun.provenance.tracked import kept_by_git
from guardrun.recording.checkpoints.layout import named_folder
from guardrun.recording.checkpoints.load import NoSuchCheckpoint
from guardrun.recording.checkpoints.pointers import Pointer, read_pointer
from guardrun.recording.checkpoints.prove import prove
from guardrun.state.values import table, whole, words

AUDIT_FILE: Final = "audit.json"
_MOST_SIBLINGS: Final = 32
_NO_LAUNCH: Final[Mapping[str, Any]] = {}
_NOTHING_UNLIKE: Final[Mapping[str, tuple[str, ...]]] = {}

Known = tuple[RunFacts, Around]


def around_one(facts: RunFacts) -> Around:
    """What is around one run whose facts are known; its best checkpoint is not hashed again."""
    own = Path(facts.path).resolve()
    launches = {path: launch_of(path) for path in _with_neighbours([own])}
    recipe = _recipe(launches[own])
    alike = [path for path in launches if recipe and path != own and _recipe(launches[path]) == recipe]
    siblings = newest_of_each_seed(gather_facts(path, judge=False) for path in alike[-_MOST_SIBLINGS:])
    unlike = unlike_in_group(own, launches, {path: _recipe(launch) for path, launch in launches.items()})
    return around_of(facts, launches[own], siblings if recipe else None, False, unlike)


def gather_around(paths: Sequence[Path], *, prove_now: bool = True) -> Iterator[Known]:
    """The facts of every run with what is around it, in the order of the paths.

    Siblings are looked for in the same runs folders and among the paths. Raises UserError where there is no
    run to read.
    """
    launches = {path: launch_of(path) for path in _with_neighbours(paths)}
    recipes = {path: _recipe(launch) for path, launch in launches.items()}
    cache: dict[Path, RunFacts] = {}
    last_use = {recipes[path.resolve()]: number for number, path in enumerate(paths)}
    given = {path.resolve(): path for path in paths}
    for number, path in enumerate(paths):
        own = path.resolve()
        recipe = recipes[own]
        alike = [other for other in launches if recipe and recipes[other] == recipe and other != own]
        for each in (own, *alike[-_MOST_SIBLINGS:]):
            if each not in cache:
                cache[each] = gather_facts(given.get(each, each))
        siblings = newest_of_each_seed(cache[each] for each in alike[-_MOST_SIBLINGS:])
        unlike = unlike_in_group(own, launches, recipes)
        yield (
            cache[own],
            around_of(cache[own], launches[own], siblings if recipe else None, prove_now, unlike),
        )
        for other in [each for each in cache if last_use.get(recipes[each], -1) <= number]:
            del cache[other]


def around_of(
    facts: RunFacts,
    launch: Mapping[str, Any],
    siblings: Sequence[RunFacts] | None,
    prove_now: bool,
    unlike: Mapping[str, tuple[str, ...]] = _NOTHING_UNLIKE,
) -> Around:
    """What lies on the disk about a run whose siblings are known."""
    paths = RunPaths(facts.path)
    kept = read_json(paths.root / AUDIT_FILE)
    proof = prove_best(paths) if prove_now else recorded_proof(facts, paths)
    return Around(
        siblings=None if siblings is None else tuple(siblings),
        unlike=unlike,
        twin=twins([facts, *siblings]).get(facts.run_id) if siblings else None,
        check=kept_check(launch, paths.root),
        proof=proof,
        seal=read_seal(paths) if prove_now else None,
        copied=copies(siblings or ()),
        kept_diff=_has_content(paths.git_diff),
        audited=kept,
        grown_since_audit=kept is not None and kept.get("events_bytes") != _size(paths.events()),
    )


def unlike_in_group(
    own: Path, launches: Mapping[Path, Mapping[str, Any]], recipes: Mapping[Path, str]
) -> dict[str, tuple[str, ...]]:
    """Run id -> differing settings, of the runs of its group, where each configuration has its own seeds."""
    configs = {path: table(launch.get("config")) for path, launch in launches.items()}
    group = configs[own].get("group")
    members = [path for path in configs if group and configs[path].get("group") == group and recipes[path]]
    if not change_with_seed((recipes[path], whole(configs[path].get("seed"))) for path in members):
        return {}
    settings = {
        path: {key: value for key, value in flattened(configs[path]).items() if key not in ("name", "group")}
        for path in members
    }
    return {
        path.name: tuple(keys_that_vary([settings[own], settings[path]])) or ("command",)
        for path in members
        if recipes[path] != recipes[own]
    }


def newest_of_each_seed(runs: Iterable[RunFacts]) -> list[RunFacts]:
    """Two runs of one seed are one repeat: the newest counts. Trainings of `guard check` are no results."""
    newest: dict[Any, RunFacts] = {}
    results = [run for run in runs if sanity_mode(run) is None]
    for run in sorted(results, key=lambda each: (each.status.live, each.created or 0.0)):
        newest[run.run_id if run.seed is None else run.seed] = run
    return list(newest.values())


def launch_of(path: Path) -> Mapping[str, Any]:
    """attempts/<n>.json of the newest attempt; empty when nothing was recorded."""
    paths = RunPaths(path)
    try:
        names = os.listdir(paths.attempts)
    except OSError:
        return _NO_LAUNCH
    stems = [name.removesuffix(".json") for name in names if name.endswith(".json")]
    newest = max((int(stem) for stem in stems if stem.isascii() and stem.isdigit()), default=None)
    return _NO_LAUNCH if newest is None else read_json(paths.attempt(newest)) or _NO_LAUNCH


def _recipe(launch: Mapping[str, Any]) -> str:
    """What its siblings have alike; "" when it says nothing by which they could be told."""
    return recipe_of(launch) if tells_a_recipe(launch) else ""


def _with_neighbours(paths: Sequence[Path]) -> list[Path]:
    """The runs, and those of the folders that they lie in, oldest first by their names."""
    own = [path.resolve() for path in paths]
    found = set(own)
    for folder in {path.parent for path in own}:
        try:
            found.update(folder / name for name in os.listdir(folder) if not name.startswith("."))
        except OSError:
            continue
    wanted = set(own)
    return sorted(each for each in found if each in wanted or is_run_directory(each))


# -- the best checkpoint


def prove_best(paths: RunPaths) -> Proof | None:
    """Hash the best checkpoint's files now; None when there is none."""
    try:
        answer = prove(paths, "best", "hash")
    except NoSuchCheckpoint:
        return None
    except (UserError, OSError, ValueError, RuntimeError) as error:
        return Proof(verified=False, file="checkpoints/best.json", problem=str(error))
    folder = words(answer.get("path"))
    pointer = read_pointer(paths, "best")
    return Proof(
        sha256=pointer.meta_sha256 if isinstance(pointer, Pointer) else "",
        verified=answer["verified"] is True,
        file=f"{folder}/meta.json",
        problem=words(answer.get("problem")),
        step=answer.get("step"),
        metric=answer.get("metric"),
        meta=_meta(paths, folder),
    )


def _meta(paths: RunPaths, told: str) -> Mapping[str, Any]:
    """meta.json of the checkpoint that a log names; a name that leads out of the run is none."""
    folder = named_folder(paths, told)
    return {} if folder is None else read_json(folder / "meta.json") or {}


def copies(siblings: Iterable[RunFacts]) -> dict[str, str]:
    """Run id -> the run whose checkpoint it holds, of each that holds another run's."""
    found = {}
    for run in siblings:
        if run.best_checkpoint is not None:
            meta = _meta(RunPaths(run.path), run.best_checkpoint.path)
            origin = words(meta.get("run_id"))
            if origin and origin != run.run_id:
                found[run.run_id] = origin
    return found


def recorded_proof(facts: RunFacts, paths: RunPaths) -> Proof | None:
    """The proof that the supervisor made, without looking again."""
    best = facts.best_checkpoint
    if best is None or best.verified is None:
        return None
    return Proof(
        verified=best.verified,
        file=f"{best.path}/meta.json",
        problem=best.problem,
        step=best.step,
        metric=best.metric,
        meta=_meta(paths, best.path),
    )


# -- the answer that is kept


def keep_verdict(facts: RunFacts, verdict: State) -> str:
    """Write audit.json into the run's folder, so that `guard show` knows; else why that may not be.

    A run that git tracks is a record that others share: nothing is added to it.
    """
    if facts.status.live:
        return "the run is not over"
    import orjson

    paths = RunPaths(facts.path)
    if kept_by_git(paths.root):
        return "git tracks this run"
    body = {
        "schema": 1,
        "time": time.time(),
        "verdict": verdict,
        "events_bytes": _size(paths.events()),
    }
    try:
        write_atomic(paths.root / AUDIT_FILE, orjson.dumps(body) + b"\n", sync=False)
    except OSError as error:
        return f"the folder cannot be written: {error.strerror or error}"
    return ""


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _has_content(path: Path) -> bool:
    return bool(_size(path))
