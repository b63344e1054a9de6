"""Items 5 to 7, 14 and 16 of the checklist: whether a result can be believed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from guardrun.judging.check_records import Check
from guardrun.judging.checklist_model import (
    EVENTS,
    Answer,
    Around,
    failed,
    of_check,
    passed,
    unknown,
    worst,
)
from guardrun.judging.checklist_origin import LEAKS, findings_of, never_compared
from guardrun.judging.efficiency import mode_of_metric
from guardrun.judging.facts import Baseline, Mode, RunFacts, best_index


def baseline(facts: RunFacts, around: Around) -> Answer:
    """5: a simple baseline first, and the run beats it."""
    known = facts.baseline
    checked = of_check(around, 5, "baseline", "baseline")
    if known is None:
        return checked or unknown("no baseline was measured", "guard check CONFIG --only baseline", EVENTS)
    measured = around.check is not None and _measured(around.check) == known
    if measured and around.check is not None and not around.check.same_code:
        return checked or unknown("measured with other code", "guard check CONFIG --only baseline")
    file = str(around.check.path) if measured and around.check is not None else EVENTS
    name, reached, mode = known.model or "the baseline", _reached(facts, known), _mode(facts, known)
    if reached is None or mode is None:
        what = "never logged it" if reached is None else "does not tell whether less or more of it is better"
        return unknown(
            f"{name} reaches {known.metric} {known.value:.4g}; this run {what}",
            f"log {known.metric} in run.evaluate(), or make it the monitor",
            file,
            known.value,
        )
    gain = reached - known.value if mode == "max" else known.value - reached
    text = f"{known.metric} {reached:.4g} against {known.value:.4g} of {name}"
    if gain <= 0:
        return failed(
            f"{text}: not better than the baseline",
            "look at the data and the loss before anything else",
            file,
            {"run": reached, "baseline": known.value},
        )
    return passed(text, file, {"run": reached, "baseline": known.value, "margin": gain})


def _measured(check: Check) -> Baseline | None:
    """The baseline that a kept `guard check` holds."""
    item = next((item for item in check.items() if item.get("seed_item") == 5), {})
    evidence = item.get("evidence")
    if not isinstance(evidence, Mapping):
        return None
    metric, value, model = evidence.get("metric"), evidence.get("value"), evidence.get("model")
    if not isinstance(metric, str) or not isinstance(value, int | float):
        return None
    return Baseline(metric, float(value), model if isinstance(model, str) else "")


def _mode(facts: RunFacts, known: Baseline) -> Mode | None:
    if facts.monitor is not None and facts.monitor.name == known.metric:
        return facts.monitor.mode
    return mode_of_metric(known.metric)


def _reached(facts: RunFacts, known: Baseline) -> float | None:
    """The run's value of the baseline's metric: at the best step where it is the monitor, else its best."""
    if facts.monitor is not None and facts.best is not None and facts.monitor.name == known.metric:
        return facts.best.value
    series = facts.curves.get(known.metric)
    if series is None:
        return None
    if facts.best is not None:
        at = np.flatnonzero(series.step == facts.best.step)
        if len(at) and np.isfinite(series.value[at[-1]]):
            return float(series.value[at[-1]])
    index = best_index(series, _mode(facts, known) or "max")
    return None if index is None else float(series.value[index])


def shuffled_labels(facts: RunFacts, around: Around) -> Answer:
    """6: with shuffled labels the validation falls to chance."""
    checked = of_check(around, 6, "shuffled-labels", "shuffled labels")
    return checked or unknown("not tried with shuffled labels", "guard check CONFIG --only shuffled-labels")


def overfit_batch(facts: RunFacts, around: Around) -> Answer:
    """7: one small batch can be learnt by heart."""
    checked = of_check(around, 7, "overfit", "overfit one batch")
    return checked or unknown("not tried on one batch", "guard check CONFIG --only overfit")


def no_leakage(facts: RunFacts, around: Around) -> Answer:
    """14: the test set decides nothing, splits share nothing, nothing was fitted on what is measured."""
    answers = [
        failed(_text(found.get("message")), _text(found.get("next")), EVENTS, found.get("evidence"))
        for found in findings_of(facts)
        if found.get("id") in LEAKS and found.get("severity") == "act"
    ]
    answers += [answer for answer in (_test_decides(facts), _test_use(facts)) if answer is not None]
    checked = of_check(around, 14, "leakage", "leakage")
    if checked is not None:
        answers.append(checked)
    compared = [name for name, record in facts.data.items() if record.get("duplicates_with")]
    apart = never_compared(facts.data)
    if apart or not compared:
        what = (
            "no data set was recorded"
            if not facts.data
            else "no two splits were compared example by example"
            if not compared
            else f"{', '.join(apart)} could not be compared example by example"
        )
        answers.append(
            unknown(
                f"{what}, so shared examples would not show",
                'call run.data("train", ...) and run.data("val", ...) with arrays or data sets',
                EVENTS,
            )
        )
    uses = _times(_test_times(facts))
    text = f"splits share no example; nothing fitted outside train shows; test {uses}"
    return worst(answers, passed(text, EVENTS, {"test_uses": _test_times(facts), "compared": compared}))


def _test_decides(facts: RunFacts) -> Answer | None:
    if facts.monitor is None or not facts.monitor.name.startswith("test/"):
        return None
    return failed(
        f"{facts.monitor.name} decides which checkpoint is best",
        "choose by a validation metric: monitor: {metric: val/loss}",
        EVENTS,
        facts.monitor.name,
    )


def _test_use(facts: RunFacts) -> Answer | None:
    """The test set measured more than once, or before the last evaluation on validation data."""
    times = _test_times(facts)
    if times > 1:
        return failed(
            f"the test set was measured {times} times in this run",
            "measure it once, after the last decision; tune on a validation split",
            EVENTS,
            times,
        )
    if not times or facts.monitor is None:
        return None
    first = min(float(facts.curves[name].step[0]) for name in facts.curves if name.startswith("test/"))
    if facts.last is not None and first < facts.last.step and not facts.monitor.name.startswith("test/"):
        return failed(
            f"the test set was measured at step {first:.0f}, before the last evaluation at {facts.last.step}",
            "measure it after the training",
            EVENTS,
            first,
        )
    return None


def _test_times(facts: RunFacts) -> int:
    return facts.test_points


def _times(count: int) -> str:
    return {0: "not used", 1: "measured once, at the end"}.get(count, f"measured {count} times")


def audited(facts: RunFacts, around: Around) -> Answer:
    """16: an audit before the result is declared."""
    way = "guard audit RUN"
    if facts.status.live:
        return unknown("the run is not over", "audit it when it has ended", EVENTS, facts.status.value)
    state = around.audited_now
    if state is None:
        if around.audited is None:
            return unknown("not audited yet", way)
        if around.grown_since_audit:
            return unknown("the run has grown since it was audited", way, "audit.json")
        verdict = around.audited.get("verdict")
        state = verdict if verdict in ("pass", "fail") else "unknown"
        file = "audit.json"
    else:
        file = ""
    if state == "pass":
        return passed("every question of the audit is answered with yes", file, "pass")
    if state == "fail":
        return failed("the audit says no", "see what `guard audit RUN` asks for", file, "fail")
    return unknown("the audit leaves a question open", "see what `guard audit RUN` asks for", file, "unknown")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
