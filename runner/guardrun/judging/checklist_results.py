"""Items 9 to 13 and 15 of the checklist: how a result was made, repeated and paid for. Pure."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from guardrun.judging.checklist_model import (
    ATTEMPT,
    EVENTS,
    SUPERVISOR,
    Answer,
    Around,
    failed,
    of_check,
    passed,
    standing,
    unknown,
    worst,
)
from guardrun.judging.facts import RunFacts, flattened
from guardrun.judging.group_settings import unlike
from guardrun.state.model import Status
from guardrun.state.money import money_words

ENOUGH_SEEDS: Final = 3
HEADROOM: Final = 0.95
"""A larger share of the memory in use leaves no head-room."""
_ENDED_WELL: Final = (Status.FINISHED, Status.STOPPED)
_MAY_DIFFER: Final = ("name", "group", "seed", "cost.per_hour", "cost.currency", "python")
_VALIDATION: Final = ("val/", "valid/", "validation/", "eval/", "dev/")


def curves_and_spread(facts: RunFacts, around: Around) -> Answer:
    """9: curves of training and validation, best and last checkpoint, mean and deviation over seeds."""
    if facts.status.live:
        return unknown("the run is not over", "wait for its end", EVENTS, facts.status.value)
    if facts.status not in _ENDED_WELL:
        reason = f" ({facts.reason})" if facts.reason else ""
        verb = {Status.FAILED: "failed", Status.HUNG: "hangs"}.get(facts.status, f"was {facts.status}")
        return failed(
            f"the run {verb}{reason}",
            f"guard run --resume {facts.run_id}",
            EVENTS,
            facts.status.value,
        )
    mode = sanity_mode(facts)
    if mode is not None:
        return failed(f"a sanity check ({mode}), not a result", "audit the training itself", EVENTS, mode)
    train = [name for name in facts.curves if name.startswith("train/") and len(facts.curves[name]) > 1]
    held = [name for name in facts.curves if name.startswith(_VALIDATION) and len(facts.curves[name]) > 1]
    if not train or not held:
        what = " and ".join(name for name, got in (("training", train), ("validation", held)) if not got)
        return failed(
            f"no curve of {what}",
            "log the loss with run.log() and the validation with run.evaluate()",
            EVENTS,
        )
    absent = [
        role
        for role, ref in (("best", facts.best_checkpoint), ("last", facts.last_checkpoint))
        if ref is None
    ]
    if absent:
        return failed(
            f"no {' and no '.join(absent)} checkpoint",
            "call run.track(model=..., optimizer=...), or run.register_checkpoint()",
            "checkpoints",
            absent,
        )
    values = _best_values(facts, around)
    if len(values) < 2:
        return unknown(
            "train and val curves, best and last checkpoint; one seed only",
            f"guard repeat {facts.run_id} --seeds 1,2,3",
            EVENTS,
            values,
        )
    mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
    name = facts.monitor.name if facts.monitor else ""
    text = f"{name} {mean:.4g} ± {std:.2g} over {len(values)} seeds; best and last checkpoint"
    return passed(text, EVENTS, {"values": values, "mean": mean, "std": std})


def sanity_mode(facts: RunFacts) -> str | None:
    """The mode of `guard check` in which this training ran; None: it is a training of its own right."""
    modes = [str(event.get("mode")) for event in facts.sanity if event.get("acknowledged") is True]
    return next((mode for mode in modes if mode != "baseline"), None)


def _best_values(facts: RunFacts, around: Around) -> list[float]:
    by_seed = {
        each.seed: each.best.value for each in (facts, *(around.siblings or ())) if each.best is not None
    }
    return [value for value in by_seed.values() if math.isfinite(value)]


def stopping_rule(facts: RunFacts, around: Around) -> Answer:
    """10: limits are set beforehand, and validation chooses the best."""
    way = "monitor: {metric: val/loss, mode: min} in the configuration"
    if facts.monitor is None:
        return failed("no metric decides which checkpoint is best", way, EVENTS)
    name = facts.monitor.name
    if name.startswith(("test/", "train/")):
        return failed(f"{name} decides which checkpoint is best", way, EVENTS, name)
    if facts.best is None:
        return failed(f"{name} has no finite value", "evaluate with run.evaluate()", EVENTS, name)
    flat = flattened(facts.config)
    limits = {key: flat[key] for key in _LIMITS if flat.get(key) is not None}
    planned = facts.total_steps
    if not limits and not planned:
        return unknown(
            f"best by {name}; no limit was set beforehand",
            "stop: {patience: 10} or budget: {time: 2h} in the configuration",
            ATTEMPT,
        )
    rules = [f"{key} {value}" for key, value in limits.items()] or [f"{planned:,} steps planned"]
    delta = flat.get("stop.min_delta")
    if "stop.patience" in limits and delta is not None:
        rules.append(f"min_delta {delta}")
    text = f"best by {name} ({facts.monitor.mode}); {', '.join(rules)}"
    return passed(text, EVENTS, {"monitor": name, "mode": facts.monitor.mode, **limits})


_LIMITS: Final = (
    "stop.patience",
    "budget.time",
    "budget.steps",
    "budget.epochs",
    "budget.cost",
)


def batch_size(facts: RunFacts, around: Around) -> Answer:
    """11: the effective batch is known, the memory has head-room, nothing ran out."""
    out = standing(facts, "out_of_memory", "memory_near_limit")
    if out:
        return failed(
            f"signal {out[0]}: memory ran short",
            "a smaller batch with accumulation: run.steps(accumulate=n)",
            SUPERVISOR,
            out,
        )
    checked = of_check(around, 11, "batch-size", "batch size")
    if checked is not None and checked.state == "fail":
        return checked
    if facts.effective_batch is None and facts.accumulate is None:
        return unknown("the effective batch was not measured", "take batches from run.steps(loader)", EVENTS)
    batch = f"effective batch {facts.effective_batch:g}" if facts.effective_batch else "batch unknown"
    if facts.accumulate and facts.accumulate > 1:
        batch += f" ({facts.accumulate} batches a step)"
    share = _memory_share(facts)
    if share is None:
        return checked or unknown(
            f"{batch}; memory was not measured",
            "launch with `guard run`, or guard check CONFIG --only batch-size",
            "system.jsonl",
            facts.effective_batch,
        )
    text = f"{batch}; at most {share:.0%} of the memory in use"
    if share > HEADROOM:
        return failed(f"{text}: no head-room", "a smaller batch with accumulation", "system.jsonl", share)
    return passed(text, "system.jsonl", {"effective_batch": facts.effective_batch, "memory": share})


def _memory_share(facts: RunFacts) -> float | None:
    """The largest share of a memory that was ever in use: of the GPUs, else of the host's."""
    shares = []
    places = [f"gpu{index}/memory" for index in range(facts.gpus or 0)] or ["memory"]
    for place in places:
        used = facts.system.get(f"{place}_bytes" if place != "memory" else "memory/used_bytes")
        total = facts.system.get(f"{place}_total_bytes" if place != "memory" else "memory/total_bytes")
        if used is None or total is None:
            continue
        most, of = float(np.nanmax(used.value)), float(np.nanmax(total.value))
        if of > 0:
            shares.append(most / of)
    return max(shares, default=None)


def precision(facts: RunFacts, around: Around) -> Answer:
    """12: no NaN or inf, a sound loss scale, siblings at the same precision."""
    bad = standing(facts, "nan", "loss_explosion", "grad_explosion", "loss_scale", "hidden_nan")
    if bad:
        return failed(
            f"signal {bad[0]} stands", f"guard show {facts.run_id} says what to do about it", SUPERVISOR, bad
        )
    told = [each for each in around.siblings or () if each.precision is not None]
    other = next((each for each in told if facts.precision and each.precision != facts.precision), None)
    if other is not None:
        return failed(
            f"{facts.precision} here, {other.precision} in {other.run_id}",
            "compare runs of one precision",
            EVENTS,
            facts.precision,
        )
    checked = of_check(around, 12, "precision", "precision")
    if checked is not None and checked.state == "fail":
        return checked
    if facts.precision is None:
        return checked or unknown(
            "no NaN or inf; the precision is not recorded", "call run.track(model=...)", EVENTS
        )
    scale = f", loss scale {facts.loss_scale:g}" if facts.loss_scale is not None else ""
    return passed(f"{facts.precision}{scale}; no NaN or inf", EVENTS, facts.precision)


def efficiency(facts: RunFacts, around: Around) -> Answer:
    """13: what the result cost."""
    absent = []
    if facts.hours is None:
        absent.append("total time")
    if facts.step_time is None:
        absent.append("step time")
    if facts.peak_gpu_bytes is None and facts.peak_host_bytes is None:
        absent.append("peak memory")
    if facts.gpus and facts.gpu_hours is None:
        absent.append("GPU hours")
    if absent:
        return unknown(
            f"not measured: {', '.join(absent)}",
            "launch with `guard run` and take batches from run.steps(loader)",
            "system.jsonl",
            absent,
        )
    hours, step = facts.hours or 0.0, facts.step_time or 0.0
    money = f", {money_words(facts.cost, facts.currency)}" if facts.cost is not None else ", no price"
    gpu = f", {facts.gpu_hours:.3g} GPU h" if facts.gpu_hours else ""
    spent = f"{hours:.3g} h" if hours >= 0.1 else f"{hours * 3600:.0f} s"
    return passed(
        f"{spent} of training{gpu}{money}; {step * 1000:.3g} ms a step",
        EVENTS,
        {
            "hours": facts.hours,
            "gpu_hours": facts.gpu_hours,
            "cost": facts.cost,
            "step_time": facts.step_time,
        },
    )


def repeated(facts: RunFacts, around: Around) -> Answer:
    """15: three to five seeds, and nothing but the seed differs."""
    way = f"guard repeat {facts.run_id} --seeds 1,2,3"
    if around.siblings is None or not facts.config:
        return unknown(
            "which runs have the same configuration cannot be told",
            "launch with `guard run CONFIG.yaml`",
            ATTEMPT,
        )
    ended = [each for each in (facts, *around.siblings) if each.status in _ENDED_WELL]
    known = sorted({each.seed for each in ended if each.seed is not None})
    answers = [answer for other in ended[1:] if (answer := _unlike(facts, other)) is not None]
    answers += [
        failed(
            f"{run_id} holds the checkpoint of {origin}: it is a copy, no repeat", way, "checkpoints", run_id
        )
        for run_id, origin in around.copied.items()
    ]
    if len(known) < ENOUGH_SEEDS:
        seeds = f"{len(known)} {'seed' if len(known) == 1 else 'seeds'}" if known else "no seed"
        answers.append(
            failed(f"{seeds} of this configuration ended well{_beside(around)}", way, "run.json", known)
        )
    names = ", ".join(map(str, known[:8]))
    return worst(answers, passed(f"{len(known)} seeds: {names}{_beside(around)}", "run.json", known))


def _beside(around: Around) -> str:
    """Of its group, what looks like a repeat and is none."""
    if not around.unlike:
        return ""
    run_id, keys = next(iter(around.unlike.items()))
    more = f" and {len(around.unlike) - 1} more" if len(around.unlike) > 1 else ""
    return f"; {run_id}{more} of the same group differs by more than its seed: {', '.join(keys[:3])}"


def _unlike(facts: RunFacts, other: RunFacts) -> Answer | None:
    """What differs between two runs that should only differ by their seed."""
    mine, theirs = flattened(facts.config), flattened(other.config)
    keys = [
        key
        for key in sorted({*mine, *theirs})
        if key not in _MAY_DIFFER
        and "seed" not in key
        and not key.startswith(("args", "command"))
        and unlike(key, (mine, theirs))
    ]
    if keys:
        values: dict[str, Any] = {key: [mine.get(key), theirs.get(key)] for key in keys[:10]}
        return failed(
            f"{other.run_id} differs by more than its seed: {', '.join(keys[:3])}",
            f"repeat it with one configuration: guard repeat {facts.run_id} --seeds ...",
            ATTEMPT,
            values,
        )
    ours, others = (
        facts.git.get("code_sha256") or facts.git.get("commit"),
        (other.git.get("code_sha256") or other.git.get("commit")),
    )
    if ours and others and ours != others:
        return failed(
            f"{other.run_id} ran with other code",
            "repeat all seeds from one commit",
            ATTEMPT,
            [str(ours)[:12], str(others)[:12]],
        )
    return None
