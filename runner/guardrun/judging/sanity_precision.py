"""Precision: fp32 against bf16 and fp16, from short trials of the same training. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from guardrun.judging.sanity_chance import accuracy_of, loss_of
from guardrun.judging.sanity_machine import peak, step_time
from guardrun.judging.sanity_model import Item, Trial, troubles

_NAME: Final = "precision"
_PAYS: Final = 1.2
"""From so many times the speed on a reduced precision is worth a word."""


class Measured(NamedTuple):
    """One reduced precision beside fp32."""

    value: float
    speed: float | None
    """Times that of fp32; None: not measured."""
    memory: float | None
    finite: bool
    harms: bool


def judge_precision(full: Trial, reduced: Mapping[str, Trial]) -> Item:
    """fp32 against each reduced precision: the final metric, time and memory.

    What the device can't do is said and judges nothing. fp16 alone is no fault of a training that has bf16:
    without a gradient scaler its gradients vanish.
    """
    if (found := troubles(_NAME, full)) is not None:
        return found
    metric = accuracy_of(full) or loss_of(full)
    mine = None if metric is None else full.last(metric)
    if metric is None or mine is None:
        return Item(_NAME, "unknown", "no validation metric to compare", "run.evaluate({'val/loss': …})")
    measured: dict[str, Measured] = {}
    left_out: dict[str, Item] = {}
    for name, trial in reduced.items():
        beside = troubles(_NAME, trial) or _beside(full, trial, metric, mine)
        if isinstance(beside, Item):
            left_out[name] = beside
        else:
            measured[name] = beside
    not_told = [f"{name} was not measured: {_why(item)}" for name, item in left_out.items()]
    numbers: dict[str, Any] = {
        "metric": metric, "fp32": mine,
        "reduced": {name: one._asdict() for name, one in measured.items()},
        "not_measured": {name: _why(item) for name, item in left_out.items()},
    }  # fmt: skip
    if not measured:
        first = next(iter(left_out.values()))
        return Item(_NAME, "unknown", "; ".join(not_told), first.next, numbers)
    told = [f"{metric} {mine:.4g} in fp32", *(_told(name, one) for name, one in measured.items()), *not_told]
    return _verdict("; ".join(told), measured, numbers)


def _verdict(text: str, measured: Mapping[str, Measured], numbers: dict[str, Any]) -> Item:
    harmful = [name for name, one in measured.items() if one.harms]
    if "bf16" in harmful or len(harmful) == len(measured):
        way = "stay with fp32, or keep the sensitive part (a loss, a norm, a softmax) in fp32"
        return Item(_NAME, "fail", text, way, numbers)
    if harmful:
        way = "fp16 needs a gradient scaler (torch.amp.GradScaler); bf16 and fp32 do without"
        return Item(_NAME, "pass", text, way, numbers)
    faster = {name: one.speed for name, one in measured.items() if one.speed and one.speed > _PAYS}
    best = max(faster, key=lambda name: faster[name], default="")
    return Item(_NAME, "pass", text, f"{best} would pay here" if best else "", numbers)


def _beside(full: Trial, trial: Trial, metric: str, mine: float) -> Measured | Item:
    theirs = trial.last(metric)
    if theirs is None:
        return Item(_NAME, "unknown", f"the training logged no {metric}", "run.evaluate({'val/loss': …})")
    times, memory = (step_time(full), step_time(trial)), (peak(full), peak(trial))
    if metric == accuracy_of(full):
        worse = mine - theirs > max(0.05, 0.05 * abs(mine))
    else:
        worse = theirs - mine > 0.1 * abs(mine) + 0.05
    finite = all(map(math.isfinite, trial.values("train/loss"))) and math.isfinite(theirs)
    return Measured(
        value=theirs,
        speed=times[0] / times[1] if times[0] and times[1] else None,
        memory=memory[1] / memory[0] if memory[0] and memory[1] else None,
        finite=finite,
        harms=worse or not finite,
    )


def _told(name: str, one: Measured) -> str:
    text = f"{one.value:.4g} in {name}"
    if one.speed is not None:
        text += f", {one.speed:.2f} times the speed"
    if one.memory is not None:
        text += f", {one.memory:.2f} times the memory"
    if one.harms:
        text += f": {name} harms this training" + ("" if one.finite else " (NaN or inf)")
    return text


def _why(item: Item) -> str:
    return item.text.removeprefix("the training did not acknowledge the mode: ")
