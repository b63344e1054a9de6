"""Whether the log, the best checkpoint and its pointer tell one story. Pure.

What was changed afterwards in one place and not in the others is told with both values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from guardrun.judging.checklist_model import EVENTS, Answer, Around, Proof, failed, passed, unknown, worst
from guardrun.judging.facts import RunFacts, flattened

_SAME: Final = 1e-6
"""Relative difference of two spellings of one number."""


def log_is_whole(facts: RunFacts, around: Around) -> Answer:
    """No line was taken out of the logs."""
    seal = around.seal
    if seal is None:
        return unknown("not looked through", "guard audit RUN", EVENTS)
    if not seal.missing:
        return passed("no line is missing", EVENTS, 0)
    file, count = max(seal.missing.items(), key=lambda pair: pair[1])
    lines = "1 line is" if count == 1 else f"{count:,} lines are"
    again = f"train again: guard repeat {facts.run_id}"
    lost = facts.dropped_events + facts.bad_lines
    if count <= lost:
        return unknown(f"{lines} missing: they could not be written, or not read", again, file, count)
    return failed(f"{lines} missing: taken out after they were written", again, file, count)


def same_story(facts: RunFacts, around: Around) -> Answer:
    """What the best checkpoint says of itself is what the log says of it."""
    proof = around.proof
    if proof is None or not proof.verified:
        return unknown("there is no intact checkpoint to hold against the log", "", EVENTS)
    answers = [answer for check in _CHECKS for answer in check(facts, proof, around)]
    return worst(
        answers, passed("the log tells of this very checkpoint, and of its metric", EVENTS, proof.metric)
    )


def _origin(facts: RunFacts, proof: Proof, around: Around) -> Iterator[Answer]:
    told = proof.meta.get("run_id")
    if isinstance(told, str) and told and told != facts.run_id:
        yield failed(
            f"the best checkpoint is of the run {told}", _again(facts), proof.file, told,
        )  # fmt: skip
    data = proof.meta.get("data")
    for name, sha in data.items() if isinstance(data, Mapping) else ():
        known = facts.data.get(name, {}).get("sha256")
        if known and sha and known != sha:
            yield failed(
                f"the best checkpoint was trained with another {name} data set than the log tells",
                _again(facts), proof.file, [str(sha)[:12], str(known)[:12]],
            )  # fmt: skip


def _announced(facts: RunFacts, proof: Proof, around: Around) -> Iterator[Answer]:
    announced = None if around.seal is None else around.seal.announced
    if not announced or not proof.sha256:
        return
    folder = proof.file.rpartition("/")[0]
    told = announced.get(folder)
    if told is None:
        yield failed(f"the training never told of {folder}", _again(facts), proof.file, folder)
    elif told != proof.sha256:
        yield failed(
            f"{folder} was changed after the training had told of it", _again(facts), proof.file,
            [proof.sha256[:12], told[:12]],
        )  # fmt: skip


def _metric(facts: RunFacts, proof: Proof, around: Around) -> Iterator[Answer]:
    """The monitor's value at the checkpoint's step, and no better one without a checkpoint."""
    if facts.monitor is None or facts.best is None or proof.metric is None or proof.step is None:
        return
    logged = facts.best.value if facts.best.step == proof.step else _logged(facts, proof.step)
    if logged is not None and not _alike(logged, proof.metric):
        yield failed(
            f"at step {proof.step:,} the log has {facts.monitor.name} {logged:.6g}, the checkpoint "
            f"{proof.metric:.6g}: one of them was changed",
            _again(facts), EVENTS, [logged, proof.metric],
        )  # fmt: skip
        return
    gain = proof.metric - facts.best.value if facts.monitor.mode == "min" else facts.best.value - proof.metric
    least = flattened(facts.config).get("stop.min_delta")
    if gain > max(_SAME * abs(proof.metric), least if isinstance(least, int | float) else 0.0):
        yield unknown(
            f"the log has {facts.monitor.name} {facts.best.value:.6g} at step {facts.best.step:,}, the best "
            f"checkpoint {proof.metric:.6g} at step {proof.step:,}: the best value has no checkpoint",
            "declare the checkpoint's value, or save at every evaluation", EVENTS,
            [facts.best.value, proof.metric],
        )  # fmt: skip


def _logged(facts: RunFacts, step: int) -> float | None:
    series = facts.curves.get(facts.monitor.name) if facts.monitor is not None else None
    if series is None:
        return None
    at = np.flatnonzero((series.step == step) & np.isfinite(series.value))
    return float(series.value[at[-1]]) if len(at) else None


def _alike(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=1e-12)


def _again(facts: RunFacts) -> str:
    return f"train again: guard repeat {facts.run_id}"


_CHECKS: Final[tuple[Any, ...]] = (_origin, _announced, _metric)
