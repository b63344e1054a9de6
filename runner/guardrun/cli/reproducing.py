"""``guard repeat RUN``: the run again, from its recorded code and configuration, and whether it is equal."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from guardrun.cli.launch import Launch, attempts_of, read_attempt
from guardrun.cli.repeat_words import earlier_config, refuse_hidden, renamed
from guardrun.cli.sibling_runs import Ended, GroupRun, Sibling
from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.events.schema import SEEDS
from guardrun.events.untrusted import open_regular
from guardrun.following.run_follower import RunFollower
from guardrun.provenance.clean_tree import CleanTree, build_tree
from guardrun.provenance.environment_changes import environment_changes
from guardrun.provenance.import_paths import import_paths
from guardrun.reading.discovery import run_name
from guardrun.series.difference import Curves, Verdict, compare_curves, final_course, of_the_machine
from guardrun.state.model import RunState, Status
from guardrun.supervising import sealing


class Past(NamedTuple):
    """The run that is to be repeated."""

    paths: RunPaths
    attempt: Mapping[str, Any]
    state: RunState
    curves: Curves
    machine_curves: tuple[str, ...]
    """Curves of time, speed and memory, which no two runs have alike."""
    seed: int | None
    """The seed that its training told; None: none, or several."""
    seeded: bool
    """Whether it called run.seed() at all."""
    joined: bool
    """Whether it used the library: its script can read the seed, as run.config["seed"]."""


class Repeated(NamedTuple):
    """What a repeat came to."""

    past: Past
    tree: CleanTree
    ended: Ended
    verdict: Verdict
    changes: tuple[str, ...]
    """Of the environment."""
    sealed: bool
    """Whether the original was kept read-only by the kernel."""
    wrote: tuple[str, ...]
    """Linked files that changed meanwhile."""


def look_back(path: Path) -> Past:
    """Everything that a repeat starts from. Raises UserError for a run that lives, or logged nothing."""
    paths = RunPaths(path.resolve())
    numbers = attempts_of(paths)
    if not numbers:
        raise UserError(f"{path.name} recorded neither command nor configuration: it can't be repeated")
    follower = RunFollower(paths.root, judge=False)
    follower.catch_up()
    state = follower.state()
    if state.status.live:
        raise UserError(f"{path.name} is still {state.status.value}", hint=f"guard stop {path}, or wait")
    curves, machine = curves_of(follower)
    joined = follower.has_library
    follower.close()
    seeds = list(_seeds(paths))
    seed = seeds[0] if len(set(seeds)) == 1 else None
    attempt = read_attempt(paths, numbers[-1])
    return Past(paths, attempt, state, curves, machine, seed, bool(seeds), joined)


_LONGEST_LINE = 64 * 1024 * 1024


def curves_of(follower: RunFollower) -> tuple[Curves, tuple[str, ...]]:
    """Rank 0's curves, and the names of those that are of the machine."""
    names = follower.series.names()
    machine = tuple(name for name in names if of_the_machine(name))
    return {name: final_course(follower.series.get(name)) for name in names if name not in machine}, machine


def _seeds(paths: RunPaths) -> Iterator[int]:
    from guardrun.events.decode import decode

    mark = f'"{SEEDS}"'.encode()
    try:
        with open(open_regular(paths.events()), "rb") as file:
            while line := file.readline(_LONGEST_LINE):
                event = decode(line) if mark in line[:200] else None
                if event is not None and event["kind"] == SEEDS and isinstance(event.get("seed"), int):
                    yield event["seed"]
    except OSError:
        return


class Reproduction:
    """The repeat, from the clean tree to the verdict."""

    def __init__(self, past: Past, overrides: list[str], *, group: str | None, runs_dir: Path) -> None:
        if not past.curves:
            raise UserError(f"{past.paths.root.name} logged no numbers: nothing could be compared")
        self._past = past
        self._runs_dir = runs_dir
        self.loaded = earlier_config(
            past.attempt, [*overrides, *self._settled(group)], name=run_name(past.paths.root)
        )
        refuse_hidden(self.loaded, "guard repeat RUN")
        self.loaded = renamed(self.loaded, f"{run_name(past.paths.root)}-repeat")

    def _settled(self, group: str | None) -> Iterator[str]:
        config = self._past.attempt.get("config")
        config = config if isinstance(config, Mapping) else {}
        if config.get("seed") is None and self._past.seed is not None:
            yield f"seed={self._past.seed}"
        state = self._past.state
        # One that was stopped is repeated as far as it came.
        if state.status is not Status.FINISHED and state.step and self._past.attempt.get("library"):
            yield f"budget.steps={state.step}"
        yield "group=" if group is None else f'group="{group}"'

    def build(self) -> CleanTree:
        """The code as it was, and links to what no version control holds."""
        past = self._past
        git = past.attempt.get("git")
        workdir = Path(str(past.attempt.get("workdir") or "."))
        data = [workdir / path for path in self.loaded.config.data.values()]
        return build_tree(
            git if isinstance(git, Mapping) else {}, past.paths, data=data,
            started=float(past.attempt.get("created") or 0.0), exclude=past.paths.root.parent,
        )  # fmt: skip

    def sibling(self, tree: CleanTree) -> Sibling:
        """The launch in the tree: what was executed then, with its sources there."""
        attempt = self._past.attempt
        workdir = Path(tree.mapped(str(attempt.get("workdir") or ".")))
        words = [str(word) for word in attempt.get("command") or []]
        command = [*words[:1], *(_mapped_word(word, tree) for word in words[1:])]
        python = str(attempt.get("python") or (command[0] if command else ""))
        script = next((workdir / word for word in command[1:] if word.endswith(".py")), None)
        facts = {
            "repeats": {
                "run": self._past.paths.root.name, "attempt": attempt.get("attempt"),
                "linked": list(tree.linked), "left_out": list(tree.left_out),
            },
            "read_only": str(tree.original), "writable": [str(tree.scratch)],
            "import_paths": import_paths(python, tree.original, tree.root),
        }  # fmt: skip
        return Sibling("", self.loaded, Launch(command, workdir, python, script), facts)

    def run(
        self, tree: CleanTree, sibling: Sibling, received: Any, tolerance: float
    ) -> tuple[Repeated, int | None]:
        """Train, compare; and the operating-system signal that ended it early, if one did."""
        before = _stamps(tree)
        runs = GroupRun([sibling], runs_dir=self._runs_dir, parallel=1, parent=self._past.paths.root.name)
        (ended,) = runs.run(received)
        after = _stamps(tree)
        wrote = tuple(sorted(name for name in before if after.get(name) != before[name]))
        curves: Curves = {}
        now: Mapping[str, Any] = {}
        if ended.path is not None:
            follower = RunFollower(ended.path, judge=False)
            follower.catch_up()
            curves, _ = curves_of(follower)
            follower.close()
            now = read_attempt(RunPaths(ended.path), 1)
        verdict = compare_curves(self._past.curves, curves, tolerance)
        changes = environment_changes(_table(self._past.attempt, "environment"), _table(now, "environment"))
        repeated = Repeated(self._past, tree, ended, verdict, tuple(changes), sealing.available() > 0, wrote)
        return repeated, runs.stopped_by


def _mapped_word(word: str, tree: CleanTree) -> str:
    name, equals, value = word.partition("=")
    return f"{name}={tree.mapped(value)}" if equals and value.startswith("/") else tree.mapped(word)


def _stamps(tree: CleanTree) -> dict[str, tuple[int, int]]:
    """Size and time of every file that a link leads to."""
    found = {}
    for place, _, files in os.walk(tree.root):
        for name in files:
            path = Path(place, name)
            if path.is_symlink():
                try:
                    facts = path.stat()
                except OSError:
                    continue
                found[str(path.relative_to(tree.root))] = (facts.st_size, facts.st_mtime_ns)
    return found


def _table(facts: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = facts.get(key)
    return value if isinstance(value, Mapping) else {}
