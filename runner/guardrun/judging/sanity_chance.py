"""What chance is, and whether a metric is above it: exact binomial tails, entropies, variances. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from guardrun.judging.sanity_model import Trial

ALPHA: Final = 0.001
"""A sound training is wrongly accused once in a thousand."""
_ACCURACIES: Final = ("accuracy", "acc", "top1", "acc1", "top1_accuracy")
_NOT_VALIDATION: Final = ("train/", "test/")
_APART: Final = 4.0
"""So many times a squared error must be an absolute one, or the other way round, to be told from it."""


class Against(NamedTuple):
    """A metric held against chance."""

    metric: str
    value: float
    chance: float
    examples: int
    better: bool
    """Clearly better than chance can be."""
    worse: bool
    """Clearly worse than a model that ignores its input."""
    p: float | None
    """Probability of a value this good by chance; None where only a bound is known."""

    def words(self) -> str:
        how = f", p = {self.p:.2g}" if self.p is not None else ""
        of = f"{self.examples} examples{how}"
        return f"{self.metric} {self.value:.4g} where chance is {self.chance:.4g} ({of})"


def upper_tail(successes: int, trials: int, p: float) -> float:
    """P(X >= successes) of a binomial distribution, summed exactly.

    >>> round(upper_tail(9, 10, 0.5), 6)
    0.010742
    """
    if successes <= 0:
        return 1.0
    if successes > trials or p <= 0.0:
        return 0.0
    if p >= 1.0:
        return 1.0
    log_p, log_q = math.log(p), math.log1p(-p)
    whole = math.lgamma(trials + 1)
    total = 0.0
    for k in range(successes, trials + 1):
        term = whole - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * log_p + (trials - k) * log_q
        total += math.exp(term)
        if k > trials * p and term < -745.0:
            break
    return min(1.0, total)


def lower_tail(successes: int, trials: int, p: float) -> float:
    """P(X <= successes)."""
    return upper_tail(trials - successes, trials, 1.0 - p)


def accuracy_of(trial: Trial) -> str | None:
    """The name of an accuracy among its validation metrics; None: it has none."""
    names = [name for name in trial.curves if not name.startswith(_NOT_VALIDATION)]
    return next((n for n in names if n.rpartition("/")[2].lower() in _ACCURACIES), None)


def loss_of(trial: Trial) -> str | None:
    """The name of a validation loss; None: it has none."""
    names = [name for name in trial.curves if not name.startswith(_NOT_VALIDATION) and "/" in name]
    if trial.monitor in names and "loss" in trial.monitor:
        return trial.monitor
    return next((n for n in names if n.rpartition("/")[2] in ("loss", "nll", "cross_entropy", "mse")), None)


def against_chance(trial: Trial, *, independent: int | None = None) -> Against | str:
    """The trial's last evaluation against chance on its validation labels; in words why that can't be told.

    ``independent``: at most so many examples count as independent draws. A network that has learnt a few
    examples errs alike on all that look like one of them.
    """
    told = trial.told_of("val", "valid", "dev", "eval", "train")
    labels = told.get("labels")
    if not isinstance(labels, Mapping):
        return 'guard saw no labels to know chance by: hand the validation data to run.data("val", …) too'
    examples = int(told.get("examples") or labels.get("count") or 0)
    trials = max(1, min(examples, independent or examples))
    accuracy, loss = accuracy_of(trial), loss_of(trial)
    name = accuracy if labels.get("kind") == "classes" and accuracy is not None else loss
    if name is not None and not math.isfinite(trial.values(name)[-1]):
        return f"{name} is NaN or infinite"
    if labels.get("kind") == "classes" and accuracy is not None:
        return _of_accuracy(accuracy, trial.values(accuracy)[-1], float(labels["share"]), examples, trials)
    if loss is None:
        return "no val/accuracy and no val/loss was logged by run.evaluate()"
    value = trial.values(loss)[-1]
    if labels.get("kind") in ("classes", "tokens"):
        return _of_entropy(loss, value, labels, examples, trials)
    return _of_errors(loss, value, labels, examples, trials, absolute_error(trial, loss))


def _of_accuracy(name: str, value: float, share: float, examples: int, trials: int) -> Against:
    fraction = value / 100 if value > 1.0 else value
    right = round(min(1.0, max(0.0, fraction)) * trials)
    above, below = upper_tail(right, trials, share), lower_tail(right, trials, share)
    return Against(
        name, value, share * (100 if value > 1.0 else 1), examples, above < ALPHA, below < ALPHA, above
    )


def _of_entropy(name: str, value: float, labels: Mapping[str, Any], examples: int, trials: int) -> Against:
    """No model that ignores its input has a cross entropy below the entropy of the labels.

    The slack: 5 %, and what fitting the shares on so few examples may gain.
    """
    entropy = float(labels["entropy"])
    slack = 0.05 * entropy + (float(labels["classes"]) - 1) / (2 * trials) * (labels["kind"] == "classes")
    return Against(name, value, entropy, examples, value < entropy - slack, value > 2 * entropy + 1, None)


def absolute_error(trial: Trial, loss: str) -> bool:
    """Whether a loss of numbers is an absolute error rather than a squared one.

    Told by its name; by another metric of such a name that has the very same value; else by the first
    training loss, which is near to what answering 0 costs, where targets are of a size that tells the two
    apart.
    """
    if _named_absolute(loss):
        return True
    value, named = trial.last(loss), [name for name in trial.curves if _named_absolute(name)]
    if value and any(math.isclose(value, trial.last(name) or 0.0, rel_tol=1e-5) for name in named):
        return True
    labels, first = trial.told_of("train").get("labels"), trial.values("train/loss")[:1]
    if loss.rpartition("/")[2] != "loss" or not isinstance(labels, Mapping) or not first or not first[0] > 0:
        return False
    squared, plain = float(labels.get("mean_square") or 0.0), float(labels.get("mean_abs") or 0.0)
    if not (squared > 0 and plain > 0 and math.isfinite(first[0])) or 1 / _APART < squared / plain < _APART:
        return False
    return abs(math.log(first[0] / plain)) < abs(math.log(first[0] / squared))


def _named_absolute(name: str) -> bool:
    return any(word in name.lower() for word in ("mae", "l1", "abs"))


def _of_errors(
    name: str, value: float, labels: Mapping[str, Any], examples: int, trials: int, absolute: bool
) -> Against:
    """Three standard errors are allowed: those of a normal deviation, squared or absolute."""
    chance = float(labels["mean_abs" if absolute else "variance"])
    slack = min(0.9, 3 * math.sqrt((math.pi / 2 - 1 if absolute else 2) / trials))
    return Against(name, value, chance, examples, value < chance * (1 - slack), value > 2 * chance, None)
