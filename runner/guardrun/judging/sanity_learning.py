"""Whether a training can learn, and learns from the right thing: verdicts from its short trials. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from typing import Any, Final

from guardrun.judging.sanity_chance import Against, accuracy_of, against_chance
from guardrun.judging.sanity_model import Item, Trial, troubles

LOSS: Final = "train/loss"
NEAR_ZERO: Final = 0.05
"""Share of the first loss that the last ones may have kept."""
NEAR_CHANCE: Final = 0.30
"""So far from that of equal probabilities the first loss may be, as a share of it."""
_FALLING: Final = 0.8
_FEW: Final = 5


def judge_overfit(trial: Trial) -> Item:
    """A few examples, over and over: the loss must fall close to zero."""
    name = "overfit"
    if (found := troubles(name, trial)) is not None:
        return found
    losses = trial.values(LOSS)
    if losses and not all(map(math.isfinite, losses[-_FEW:])):
        text = f"the loss is NaN or infinite after {trial.steps} steps"
        return Item(name, "fail", text, "a smaller learning rate; a division or a logarithm of zero")
    if len(losses) < 2 * _FEW:
        return Item(
            name, "unknown", f"{len(losses)} training losses were logged", "run.log(loss=loss) in each step"
        )
    first, last = statistics.median(losses[:3]), statistics.median(losses[-max(_FEW, len(losses) // 10) :])
    told = trial.told_of("train")
    what = f"{told.get('distinct', 'few')} {_things(told)}"
    numbers = {"first": first, "last": last, "steps": trial.steps, "threshold": max(NEAR_ZERO * first, 0.01)}
    text = f"the loss on {what} went from {first:.3g} to {last:.3g} in {trial.steps} steps"
    if last <= numbers["threshold"]:
        return Item(name, "pass", text, numbers=numbers)
    quarter = len(losses) // 4
    before = statistics.median(losses[-2 * quarter : -quarter])
    ignoring = "dropout, weight decay and augmentation that ignore run.sanity.memorise"
    if last < _FALLING * before and last < 0.5 * first:
        way = f"more steps: --steps; {ignoring}"
        return Item(name, "unknown", f"{text}, and still falls", way, numbers)
    return Item(
        name, "fail", f"{text}: it can't learn even these by heart",
        "the learning rate, the loss and what reaches it (softmax before it?), what the optimizer was given; "
        + ignoring,
        numbers,
    )  # fmt: skip


def _things(told: Mapping[str, Any]) -> str:
    labels = told.get("labels")
    return "tokens" if isinstance(labels, Mapping) and labels.get("kind") == "tokens" else "examples"


def judge_parameters(trial: Trial, allowed: Sequence[str] = ()) -> Item:
    """Every parameter of the tracked models must have moved; ``allowed``: patterns of those that need not."""
    name = "parameters"
    if not trial.answers or trial.end in ("failed", "out of memory"):
        return troubles(name, trial) or Item(name, "unknown", "the training told nothing of its parameters")
    told = trial.own_end.get("parameters")
    if not isinstance(told, Mapping) or not told.get("count"):
        return Item(name, "unknown", "no model is tracked", "run.track(model=model, optimizer=optimizer)")
    still, frozen = (
        [str(one) for one in told.get(key) or () if not any(fnmatch(str(one), p) for p in allowed)]
        for key in ("still", "frozen")
    )
    count = int(told["count"])
    numbers = {"parameters": count, "still": still[:20], "frozen": frozen[:20], "steps": trial.steps}
    if still:
        return Item(
            name, "fail", f"{_named(still)} of {count} parameters never moved in {trial.steps} steps",
            "was the optimizer given them, does a gradient reach them (detach, no_grad, an unused branch)? "
            "On purpose: check.frozen",
            numbers,
        )  # fmt: skip
    if frozen:
        return Item(
            name, "fail", f"{_named(frozen)} of {count} parameters are frozen (requires_grad is False)",
            f"if that is meant: check: {{frozen: [{frozen[0]!r}, …]}}", numbers,
        )  # fmt: skip
    return Item(name, "pass", f"all {count} parameters moved in {trial.steps} steps", numbers=numbers)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def judge_initial_loss(trial: Trial) -> Item:
    """The first loss, before any update: what equal probabilities give, ln K for K classes."""
    name = "initial-loss"
    if (found := troubles(name, trial)) is not None:
        return found
    losses = trial.values(LOSS)
    labels = trial.told_of("train").get("labels")
    if not losses:
        return Item(name, "unknown", "no training loss was logged", "run.log(loss=loss) in each step")
    if not isinstance(labels, Mapping):
        return Item(name, "unknown", f"the first loss is {losses[0]:.3g}; guard saw no labels to judge it by",
                    "no classes here? check: {skip: [initial-loss]}")  # fmt: skip
    first = losses[0]
    if labels.get("kind") == "numbers":
        return _initial_of_numbers(first, labels)
    classes = int(labels["classes"])
    low = (1 - NEAR_CHANCE) * min(math.log(max(2, classes)), float(labels["entropy"]))
    high = (1 + NEAR_CHANCE) * math.log(max(2, classes, int(labels.get("highest") or 0)))
    expected = math.log(max(2, classes))
    numbers = {"first": first, "expected": expected, "classes": classes, "low": low, "high": high}
    text = f"the first loss is {first:.3g}; ln {classes} = {expected:.3g} for {classes} classes"
    if math.isfinite(first) and low <= first <= high:
        return Item(name, "pass", text, numbers=numbers)
    if first > high or not math.isfinite(first):
        way = (
            "the last layer's initial weights are large, or inputs are not scaled; labels beyond the classes?"
        )
    else:
        way = "the loss is not the mean cross entropy of these classes, or the model knows the answer"
    return Item(name, "fail", text, way, numbers)


def _initial_of_numbers(first: float, labels: Mapping[str, Any]) -> Item:
    scale = max(float(labels["mean_square"]), float(labels["mean_abs"]))
    numbers = {"first": first, "mean_square": labels["mean_square"], "mean_abs": labels["mean_abs"]}
    costs = f"{float(labels['mean_square']):.3g} as a squared error"
    text = f"the first loss is {first:.3g}; answering 0 costs {costs}"
    if math.isfinite(first) and first <= 10 * scale:
        return Item("initial-loss", "pass", text, numbers=numbers)
    return Item("initial-loss", "fail", text, "scale the targets, or begin with smaller weights", numbers)


def judge_shuffled(trial: Trial, plain: Trial | None, name: str) -> Item:
    """Trained on labels (or inputs) that belong to other examples: the validation must be at chance."""
    if (found := troubles(name, trial)) is not None:
        return found
    told = trial.told_of("train")
    what = "labels" if name == "shuffled-labels" else "inputs"
    if not told.get("shuffled") and told:
        return Item(
            name, "unknown", f"the {what} could not be shuffled", "hand examples with labels to run.data"
        )
    independent = int(told.get("distinct") or 0) or None
    labels = told.get("labels")
    if isinstance(labels, Mapping) and labels.get("kind") == "tokens":
        independent = None
    against = against_chance(trial, independent=independent)
    if isinstance(against, str):
        return Item(
            name, "unknown", against, "run.evaluate({'val/loss': …, 'val/accuracy': …}) after each epoch"
        )
    numbers = {**against._asdict(), "steps": trial.steps, "train_loss": trial.last(LOSS)}
    text = f"with shuffled {what} {against.words()}"
    if plain is not None and (real := plain.last(against.metric)) is not None:
        numbers["with_real"] = real
        text += f"; with the real ones {real:.4g}"
    if not against.better:
        return Item(name, "pass", text, numbers=numbers)
    return Item(
        name, "fail", f"{text}: what was learnt from wrong {what} is measured as right",
        "is the validation measured on training data? does an input hold the label (an id, a file name, a "
        "column)? is the metric computed from the label itself?",
        numbers,
    )  # fmt: skip


def judge_baseline(trial: Trial, baselines: Sequence[tuple[str, str, float]], note: str = "") -> Item:
    """The short training must beat a model that ignores its input.

    ``baselines``: (model, metric, value) on the same validation data, trivial ones first. The strongest is
    what the full training has to beat; it is kept with the result.
    """
    name = "baseline"
    if (found := troubles(name, trial)) is not None:
        return found
    against = against_chance(trial)
    if isinstance(against, str):
        return Item(
            name, "unknown", against, "run.evaluate({'val/loss': …, 'val/accuracy': …}) after each epoch"
        )
    same = [one for one in baselines if one[1] == against.metric]
    higher = against.metric == accuracy_of(trial)
    best = max(same, key=lambda one: one[2] if higher else -one[2], default=None)
    numbers: dict[str, Any] = {
        "metric": against.metric, "value": best[2] if best else against.chance,
        "model": best[0] if best else "chance", "run": against.value, "chance": against.chance,
        "p": against.p, "examples": against.examples, "steps": trial.steps,
        "baselines": [dict(zip(("model", "metric", "value"), one, strict=True)) for one in baselines],
    }  # fmt: skip
    text = f"after {trial.steps} steps {against.words()}" + _others(same) + note
    if against.better:
        return Item(name, "pass", text, _to_beat(against, best, higher), numbers)
    if against.worse and higher:
        return Item(
            name, "fail", f"{text}: clearly worse than chance",
            "are the labels of one split inverted or numbered otherwise?", numbers,
        )  # fmt: skip
    learnable = best is not None and best[0] not in ("majority class", "mean", "unigram") and (
        best[2] > 1.2 * against.chance if higher else best[2] < 0.9 * against.chance
    )  # fmt: skip
    way = (
        f"{best[0]} learns from this data, so look at the model, the loss and the learning rate"
        if learnable and best is not None
        else "do inputs and labels belong together (order, shuffling, joins)? look at a few examples by eye"
    )
    return Item(name, "fail", f"{text}: nothing was learnt", way, numbers)


def _others(same: Sequence[tuple[str, str, float]]) -> str:
    return "".join(f"; {model} {value:.4g}" for model, _, value in same)


def _to_beat(against: Against, best: tuple[str, str, float] | None, higher: bool) -> str:
    if best is None:
        return ""
    behind = against.value <= best[2] if higher else against.value >= best[2]
    return f"the full training has to beat {best[0]}: {best[1]} {best[2]:.4g}" if behind else ""
