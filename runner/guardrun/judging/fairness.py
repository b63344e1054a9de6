"""What makes a comparison of groups unfair, or leaves open whether it is fair. Pure."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from guardrun.judging.aspects import ASPECTS, MOST_NAMED, SHOULD_BE_KNOWN, Level, by_value, listed, sha_of
from guardrun.judging.facts import RunFacts
from guardrun.judging.group_settings import change_with_seed, keys_that_vary
from guardrun.judging.groups import Group, settings_of
from guardrun.series.store import Series

_MUCH: Final = 1.1
"""Two numbers this far apart differ."""
_FEWEST_POINTS: Final = 3
"""Equal curves of fewer points prove nothing."""
_VALIDATION: Final = frozenset(("val", "valid", "validation", "dev", "eval"))
_TEST: Final = frozenset(("test", "testing"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not the same."""

    id: str
    level: Level
    text: str
    blocks: bool = False
    """It takes every claim its ground: the values do not measure the same thing."""


def findings(groups: Sequence[Group], metric: str) -> list[Finding]:
    """Everything that is not the same between or within the groups; what blocks a claim first."""
    found = [
        *_seed_unreached(groups),
        *_data(groups, metric),
        *_aspects(groups),
        *_code(groups),
        *_amounts(groups),
        *_test_used(groups, metric),
        *_seeds(groups),
        *_configuration(groups),
        *_not_recorded(groups),
    ]
    order = {"unfair": 0, "note": 1, "unknown": 2}
    return sorted(found, key=lambda each: (not each.blocks, order[each.level]))


def _aspects(groups: Sequence[Group]) -> Iterator[Finding]:
    for aspect in ASPECTS:
        values = by_value(groups, aspect.value)
        if len(values) > 1:
            yield Finding(aspect.id, aspect.level, f"{aspect.what}: {listed(values)}")


# -- data


def _data(groups: Sequence[Group], metric: str) -> Iterator[Finding]:
    names = dict.fromkeys(name for group in groups for run in group.runs for name in run.data)
    for name in names:
        hashes = by_value(groups, lambda run, name=name: sha_of(run.data.get(name)))  # type: ignore[misc]
        counts = by_value(groups, lambda run, name=name: _count(run.data.get(name)))  # type: ignore[misc]
        blocks = _measured_on(name, metric)
        told, what = (hashes, f"{name} data (sha256)") if len(hashes) > 1 else (counts, f"{name} data")
        if len(told) > 1 and all(len(letters) == len(groups) for letters in told.values()):
            yield Finding("data", "note", f"{name} data varies from run to run, alike in every group")
        elif len(told) > 1:
            yield Finding("data", "unfair", f"{what}: {listed(told)}", blocks=blocks)
    without = [group.letter for group in groups if any(not run.data for run in group.runs)]
    if without:
        text = f"data: not recorded by {', '.join(without)} (run.data() in the script records it)"
        yield Finding("data", "unknown", text)


def _count(record: Mapping[str, Any] | None) -> str | None:
    count = (record or {}).get("count")
    return f"{count:,} samples" if isinstance(count, int) else None


def _measured_on(name: str, metric: str) -> bool:
    """Whether the metric is measured on the data of that name."""
    words = frozenset(name.lower().replace("-", "_").replace("/", "_").split("_"))
    prefix = metric.partition("/")[0]
    return bool(words & (_TEST if prefix == "test" else _VALIDATION if prefix == "val" else frozenset()))


# -- code


def _code(groups: Sequence[Group]) -> Iterator[Finding]:
    commits = by_value(groups, _version)
    if len(commits) > 1:
        yield Finding("code", "unfair", f"code: {listed(commits)}")
    dirty = [group.letter for group in groups if any(run.git.get("dirty") is True for run in group.runs)]
    if dirty:
        yield Finding("dirty", "unfair", f"uncommitted changes: {', '.join(dirty)} (each run's git.diff)")
    without = [group.letter for group in groups if any(_version(run) is None for run in group.runs)]
    if without:
        yield Finding("code", "unknown", f"code: no commit recorded by {', '.join(without)}")


def _version(run: RunFacts) -> str | None:
    """The commit, and behind a plus the hash of code that no commit holds."""
    commit, code = run.git.get("commit"), run.git.get("code_sha256")
    clean = run.git.get("dirty") is not True
    parts = [commit[:10] if isinstance(commit, str) and commit else ""]
    if isinstance(code, str) and code and not (parts[0] and clean):
        parts.append(code[:10])
    return "+".join(filter(None, parts)) or None


# -- amounts


def _amounts(groups: Sequence[Group]) -> Iterator[Finding]:
    looks = {group.letter: statistics.median(run.evaluations for run in group.runs) for group in groups}
    if _apart(list(looks.values())):
        text = ", ".join(f"{letter} {value:g}" for letter, value in list(looks.items())[:MOST_NAMED])
        about = "evaluations that the best was chosen among (more looks, more luck)"
        yield Finding("evaluations", "unfair", f"{about}: {text}")
    steps = {group.letter: statistics.median(run.step for run in group.runs) for group in groups}
    if _apart(list(steps.values())):
        text = ", ".join(f"{letter} {value:,.0f}" for letter, value in list(steps.items())[:MOST_NAMED])
        yield Finding("steps", "unfair", f"steps trained: {text}")


def _apart(values: Sequence[float]) -> bool:
    return bool(values) and max(values) > _MUCH * min(values)


# -- test data


def _test_used(groups: Sequence[Group], metric: str) -> Iterator[Finding]:
    chosen = _letters(groups, lambda run: run.monitor is not None and run.monitor.name.startswith("test/"))
    if chosen:
        text = f"test data chose the checkpoints of {chosen}: it measures nothing any more"
        yield Finding("test", "unfair", text, blocks=metric.startswith("test/"))
    looked = _letters(groups, lambda run: run.test_points > 1)
    if looked and looked != chosen:
        yield Finding("test", "unfair", f"test metrics were looked at more than once: {looked}")
    if metric.startswith("test/") and len(groups) > 1:
        text = "the groups are told apart by test data: choosing among them uses it up"
        yield Finding("test", "note", text)


def _letters(groups: Sequence[Group], holds: Callable[[RunFacts], bool]) -> str:
    return ", ".join(group.letter for group in groups if any(map(holds, group.runs)))


# -- seeds


def _seed_unreached(groups: Sequence[Group]) -> Iterator[Finding]:
    """By the training loss, where runs have one: a coarse validation metric may be equal by chance."""
    for group in groups:
        seen: dict[tuple[str, bytes], int] = {}
        for run in group.runs:
            curve = run.curves.get("train/loss") or run.curves.get(run.monitor.name if run.monitor else "")
            if run.seed is None or curve is None or len(curve) < _FEWEST_POINTS or _flat(curve):
                continue
            mark = (curve.name, hashlib.sha256(curve.value.tobytes()).digest())
            known = seen.setdefault(mark, run.seed)
            if known != run.seed:
                text = (
                    f"{group.letter}: seeds {known} and {run.seed} give the same {curve.name}, value by "
                    "value: the seed does not reach the script, so these are no repeats"
                )
                yield Finding("seed_unreached", "unfair", text, blocks=True)
                break


def _flat(curve: Series) -> bool:
    return bool(curve.value.min() == curve.value.max())


def _seeds(groups: Sequence[Group]) -> Iterator[Finding]:
    unknown = [group.letter for group in groups if any(run.seed is None for run in group.runs)]
    if unknown:
        yield Finding("seeds", "unknown", f"seeds: not recorded by {', '.join(unknown)}")
    sets = {group.letter: tuple(sorted(group.seeds)) for group in groups if group.seeds}
    if len(set(sets.values())) > 1:
        by_seeds: dict[str, list[str]] = {}
        for letter, seeds in sets.items():
            by_seeds.setdefault(" ".join(map(str, seeds[:8])), []).append(letter)
        yield Finding("seeds", "unfair", f"seeds: {listed(by_seeds)}")


# -- configuration


def _configuration(groups: Sequence[Group]) -> Iterator[Finding]:
    for group in groups:
        keys = keys_that_vary([settings_of(run) for run in group.runs])
        if keys:
            text = f"{group.letter}: its runs differ in more than the seed: {_some(keys)}"
            yield Finding("config", "unfair", text)
    differing = groups[0].differing if groups else {}
    apart = [key for key in differing if len({repr(group.differing.get(key)) for group in groups}) > 1]
    yield from _with_the_seed(groups)
    if len(apart) > 1:
        text = f"several settings differ at once: {', '.join(apart[:MOST_NAMED])}"
        yield Finding("settings", "note", text)


def _with_the_seed(groups: Sequence[Group]) -> Iterator[Finding]:
    """Runs that somebody put into one group, as seeds of one configuration, and that have several."""
    for name in dict.fromkeys(run.group for group in groups for run in group.runs if run.group):
        parts = {
            group.letter: [run for run in group.runs if run.group == name and run.seed is not None]
            for group in groups
        }
        if not change_with_seed((letter, run.seed) for letter, runs in parts.items() for run in runs):
            continue
        keys = keys_that_vary([settings_of(run) for runs in parts.values() for run in runs])
        seeds = {
            " ".join(str(run.seed) for run in runs[:8]): [letter] for letter, runs in parts.items() if runs
        }
        text = (
            f"group {name}: {_some(keys) or 'the command'} {'change' if len(keys) > 1 else 'changes'} with "
            f"the seed, {listed(seeds)}; guard repeat RUN --seeds 1,2,3 keeps one configuration"
        )
        yield Finding("config", "unfair", text)


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return ", ".join(keys[:MOST_NAMED]) + more


def _not_recorded(groups: Sequence[Group]) -> Iterator[Finding]:
    """One line for everything that nobody wrote down: it may be the same or not."""
    missing = [
        aspect.what for aspect in ASPECTS
        if aspect.id in SHOULD_BE_KNOWN
        and any(aspect.value(run) is None for group in groups for run in group.runs)
    ]  # fmt: skip
    if missing:
        yield Finding("not_recorded", "unknown", f"not recorded by every run: {', '.join(missing)}")
