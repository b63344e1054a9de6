"""Items 1 to 4 and 8 of the checklist: where a result comes from. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from guardrun.judging.checklist_model import (
    ATTEMPT,
    EVENTS,
    Answer,
    Around,
    failed,
    of_check,
    passed,
    unknown,
    worst,
)
from guardrun.judging.facts import RunFacts
from guardrun.provenance.data.findings import role_of

LEAKS: Final = frozenset(
    (
        "duplicates_across_splits",
        "near_duplicates_across_splits",
        "examples_moved",
        "label_leak",
        "normalised_on_other_data",
        "fitted_on_other_data",
        "split_overlap",
        "test_used_twice",
        "test_used_early",
        "test_every_epoch",
    )
)
"""Findings about data that are leakage; all others are about its state."""
_HELD_OUT: Final = ("val", "valid", "validation", "dev", "eval", "test", "holdout")
_ENVIRONMENT: Final = {
    "python": ("python", "python_version"),
    "packages": ("packages",),
    "operating system": ("os", "platform"),
    "CPU": ("cpu",),
    "host": ("host", "hostname"),
}
_SEEDED: Final = ("python", "numpy", "torch", "cuda")
_SAME: Final = 8
"""So many equal points of a curve are no chance."""


def seeds(facts: RunFacts, around: Around) -> Answer:
    """1: one call seeds everything, it is recorded, and the seed reaches the script."""
    twin = around.twin
    if twin is not None:
        return failed(
            f"seeds {facts.seed} and {twin.seed} gave the very same curve: it does not reach the script",
            "hand the seed to run.seed(), or read ${seed} in the command",
            EVENTS,
            twin.run_id,
        )
    measured = of_check(around, 1, "determinism", "determinism")
    if measured is not None and measured.state == "fail":
        return measured
    call = "call run.seed(SEED) before anything random is made"
    if facts.seed is None:
        return failed("no seed was recorded", call, EVENTS)
    if not facts.seeds:
        return unknown(
            f"seed {facts.seed} is configured; whether the script uses it is not recorded",
            call,
            ATTEMPT,
            facts.seed,
        )
    configured = facts.config.get("seed")
    if type(configured) is int and configured != facts.seed:
        return unknown(
            f"the configuration says seed {configured}, the training used {facts.seed}",
            "hand the configured seed on: run.seed(run.config.seed)",
            EVENTS,
            [configured, facts.seed],
        )
    names = [name for name in _SEEDED if facts.seeds.get(name) not in (None, False)]
    how = (
        "deterministic algorithms" if facts.seeds.get("deterministic") is True else "not forced deterministic"
    )
    more = f"; {measured.text}" if measured is not None and measured.state == "pass" else ""
    return passed(f"seed {facts.seed} ({', '.join(names)}), {how}{more}", EVENTS, facts.seed)


def twins(runs: Sequence[RunFacts]) -> dict[str, RunFacts]:
    """Run id -> a run of another seed with the very same curve, point by point."""
    by_curve: dict[bytes, list[RunFacts]] = {}
    for run in runs:
        for mark in _curve_marks(run):
            by_curve.setdefault(mark, []).append(run)
    return {
        run.run_id: other
        for alike in by_curve.values()
        for run in alike
        for other in alike
        if run.seed is not None and other.seed is not None and run.seed != other.seed
    }


def _curve_marks(run: RunFacts) -> Iterator[bytes]:
    """A mark of the training loss and one of the monitor; none of a curve that may be equal by chance."""
    for name in {"train/loss", run.monitor.name if run.monitor else "val/loss"}:
        series = run.curves.get(name)
        if series is not None and len(series) >= _SAME and len(np.unique(series.value)) > 1:
            yield hashlib.sha256(name.encode() + b"\0" + series.value.tobytes()).digest()


def configuration(facts: RunFacts, around: Around) -> Answer:
    """2: the effective configuration and the environment."""
    launch = "launch it with `guard run CONFIG.yaml`, or hand the values to guardrun.start(config=...)"
    if not facts.config:
        return failed("no configuration was recorded", launch, ATTEMPT)
    environment = facts.environment
    absent = [name for name, keys in _ENVIRONMENT.items() if not any(environment.get(key) for key in keys)]
    if absent:
        return failed(
            f"the environment lacks {', '.join(absent)}",
            "run it with this version of guardrun",
            ATTEMPT,
            absent,
        )
    values = len(facts.config.get("params") or ())
    origin = "file, overrides and defaults told apart" if facts.config_origins else "as the script told it"
    packages = environment.get("packages")
    count = len(packages) if isinstance(packages, Mapping | list) else 0
    return passed(
        f"{values} parameters, {origin}; {count} packages with versions",
        ATTEMPT,
        facts.config_source or "guardrun.start(config=...)",
    )


def data_and_split(facts: RunFacts, around: Around) -> Answer:
    """3: every data set and the split are hashed; the held-out part is the same in every run."""
    call = 'record each split: run.data("train", ...), run.data("val", ...), run.data("test", ...)'
    if not facts.data:
        return failed("no data set was recorded", call, EVENTS)
    unhashed = [name for name, record in facts.data.items() if not record.get("sha256")]
    if unhashed:
        return failed(
            f"no hash of {', '.join(unhashed)}",
            "give run.data() the arrays, the data set or its path",
            EVENTS,
            unhashed,
        )
    for other in around.siblings or ():
        changed = [name for name in facts.data if _hash(other, name) not in (None, _hash(facts, name))]
        if changed:
            return failed(
                f"{', '.join(changed)} is not what {other.run_id} had",
                "repeat both with one split that is frozen: the seed of the training must not draw it",
                EVENTS,
                {name: [_hash(facts, name), _hash(other, name)] for name in changed},
            )
    held = [name for name in facts.data if _role(name) in _HELD_OUT]
    if facts.split is None and not held:
        return unknown("the held-out split is not recorded", call, EVENTS, sorted(facts.data))
    frozen = "the split file is hashed" if facts.split is not None else f"{', '.join(held)} by its hash"
    hashes = {name: str(_hash(facts, name))[:12] for name in facts.data}
    return passed(f"{len(facts.data)} data sets with hashes; {frozen}", EVENTS, hashes)


def _hash(facts: RunFacts, name: str) -> str | None:
    found = facts.data.get(name, {}).get("sha256")
    return str(found) if found else None


def _role(name: str) -> str:
    return name.lower().replace("-", "_").replace("/", "_").split("_")[0]


def code(facts: RunFacts, around: Around) -> Answer:
    """4: the commit and what differs from it; the checkpoint tells the same."""
    git = facts.git
    commit, sources = _text(git.get("commit")), _text(git.get("code_sha256"))
    way = "commit the code, and launch with `guard run`"
    if not commit and not sources:
        why = _text(git.get("problem")) or "nothing was recorded"
        return failed(f"no commit and no hash of the sources: {why}", way, ATTEMPT)
    dirty = git.get("dirty") is True
    if dirty and (git.get("diff_truncated") is True or around.kept_diff is False):
        what = "only a part of" if git.get("diff_truncated") is True else "nothing of"
        return failed(f"uncommitted changes, and {what} their difference was kept", way, "git.diff", commit)
    lost = git.get("untracked_left_out")
    if commit and isinstance(lost, list) and lost:
        names = ", ".join(str(name) for name in lost[:3]) + (", …" if len(lost) > 3 else "")
        return unknown(
            f"code that is neither committed nor kept, for its size or number: {names}",
            way,
            ATTEMPT,
            lost[:50],
        )
    if around.proof is not None and commit:
        told = _text(around.proof.meta.get("commit"))
        if told and told != commit:
            return failed(
                f"the best checkpoint is of commit {told[:12]}, the run of {commit[:12]}",
                "repeat the run from one commit",
                around.proof.file,
                told,
            )
        absent = [key for key in ("commit", "config_sha256") if not around.proof.meta.get(key)]
        if absent:
            return unknown(
                f"the best checkpoint does not tell its {' and '.join(absent)}",
                "save it with run.track() or run.register_checkpoint()",
                around.proof.file,
                absent,
            )
    if not commit:
        return passed(f"no git; the sources' hash is {sources[:12]}", ATTEMPT, sources)
    state = "with changes, kept in git.diff" if dirty else "clean"
    return passed(f"commit {commit[:12]}, {state}", ATTEMPT, commit)


def data_statistics(facts: RunFacts, around: Around) -> Answer:
    """8: counts, classes, ranges, missing values, duplicates."""
    if not facts.data:
        return unknown(
            "no data set was recorded",
            'call run.data("train", ...) for each split: it looks for all of these',
            EVENTS,
        )
    bad = [found for found in findings_of(facts) if found.get("id") not in LEAKS]
    answers = [
        failed(_text(found.get("message")), _text(found.get("next")), EVENTS, found.get("evidence"))
        for found in bad
        if found.get("severity") == "act"
    ]
    checked = of_check(around, 8, "data", "data")
    if checked is not None:
        answers.append(checked)
    blind = [name for name, record in facts.data.items() if not _has_statistics(record)]
    if blind and not (checked is not None and checked.state == "pass"):
        answers.append(
            unknown(
                f"no statistics of {', '.join(blind)}",
                "give run.data() arrays, tensors, a table or a data set whose items are numbers",
                EVENTS,
                blind,
            )
        )
    counts = ", ".join(f"{name} {_count(record)}" for name, record in facts.data.items())
    warned = sum(found.get("severity") == "warn" for found in bad)
    more = (
        f"; {warned} {'remark' if warned == 1 else 'remarks'}"
        if warned
        else "; nothing missing, no class absent"
    )
    return worst(answers, passed(counts + more, EVENTS, [found.get("id") for found in bad]))


def findings_of(facts: RunFacts) -> Iterator[Mapping[str, Any]]:
    """Everything that was found about data and its use, of every event that tells findings."""
    told = [record for events in facts.told.values() for record in events]
    for record in (*facts.data.values(), *facts.preprocessing, *facts.test_uses, *told, facts.split or {}):
        found = record.get("findings")
        for each in found if isinstance(found, list) else ():
            if isinstance(each, Mapping):
                yield each


def never_compared(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Splits that were compared with no other: their items are random or can't be read, or are one row."""
    compared: set[str] = set()
    for name, record in records.items():
        others = record.get("duplicates_with")
        if isinstance(others, Mapping) and others:
            compared |= {name, *map(str, others)}
    splits = [name for name in records if role_of(name)] or list(records)
    return [name for name in splits if name not in compared]


def _has_statistics(record: Mapping[str, Any]) -> bool:
    return record.get("classes") is not None or bool(record.get("fields")) or record.get("ranges") is not None


def _count(record: Mapping[str, Any]) -> str:
    count, classes = record.get("count"), record.get("classes")
    number = f"{count:,}" if isinstance(count, int) else "of unknown size"
    return f"{number} in {len(classes)} classes" if isinstance(classes, Mapping) and classes else number


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
