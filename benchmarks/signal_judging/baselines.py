"""Published stopping rules, each as a function: curve -> index of the evaluation at which it stops, or None.

Written anew from their definitions, which each docstring names.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

Stopper = Callable[[Sequence[float], Sequence[float]], int | None]
"""(training losses, validation losses), one of each per evaluation, nan where not finite."""

STRIP: Final = 5
"""Prechelt's k: evaluations in a training strip."""
SPIKE_WINDOW: Final = 100
SPIKE_LEAST: Final = 5


def early_stopping(patience: int) -> Stopper:
    """Keras, Lightning and HF early stopping with ``min_delta`` 0.

    Stops at the ``patience``-th evaluation in a row that is not below the best (Keras 3
    ``EarlyStopping.on_epoch_end``, HF ``EarlyStoppingCallback``). A non-finite value is no improvement, as in
    Keras; Lightning would stop at once (``check_finite``).
    """

    def stop(train: Sequence[float], val: Sequence[float]) -> int | None:
        best, wait = math.inf, 0
        for index, value in enumerate(val):
            if value < best:
                best, wait = value, 0
                continue
            wait += 1
            if wait >= patience and index > 0:
                return index
        return None

    return stop


def generalisation_loss(alpha: float) -> Stopper:
    """Prechelt's GL: 100 * (val / lowest val so far - 1) > alpha (Early Stopping - But When?, 1998)."""

    def stop(train: Sequence[float], val: Sequence[float]) -> int | None:
        lowest = math.inf
        for index, value in enumerate(val):
            lowest = min(lowest, value) if math.isfinite(value) else lowest
            if _generalisation_loss(value, lowest) > alpha:
                return index
        return None

    return stop


def progress_quotient(alpha: float) -> Stopper:
    """Prechelt's PQ: at the end of a strip, GL / P > alpha.

    P = 1000 * (mean of train over the strip / lowest train in it - 1).
    """

    def stop(train: Sequence[float], val: Sequence[float]) -> int | None:
        lowest = math.inf
        for index, value in enumerate(val):
            lowest = min(lowest, value) if math.isfinite(value) else lowest
            if (index + 1) % STRIP:
                continue
            strip = train[index + 1 - STRIP : index + 1]
            smallest = min(strip)
            if not smallest or not all(map(math.isfinite, strip)):
                continue
            progress = 1000 * (sum(strip) / (STRIP * smallest) - 1)
            loss = _generalisation_loss(value, lowest)
            if (loss / progress > alpha) if progress else loss > 0:
                return index
        return None

    return stop


def successive_rises(strips: int) -> Stopper:
    """Prechelt's UP: at the end of a strip, val is above its value one strip ago, in s successive strips."""

    def stop(train: Sequence[float], val: Sequence[float]) -> int | None:
        ends = [index for index in range(len(val)) if (index + 1) % STRIP == 0]
        rises = 0
        for before, index in pairwise(ends):
            rises = rises + 1 if val[index] > val[before] else 0
            if rises >= strips:
                return index
        return None

    return stop


def sagemaker_overfit(ratio: float = 0.1, patience: int = 1) -> Stopper:
    """SageMaker Debugger's Overfit: (val - train) / train above ``ratio`` for ``patience`` evaluations.

    The body is closed; the definition and its defaults are those of Amazon's developer guide.
    """

    def stop(train: Sequence[float], val: Sequence[float]) -> int | None:
        above = 0
        for index, (fitted, value) in enumerate(zip(train, val, strict=True)):
            over = bool(fitted) and (value - fitted) / fitted > ratio
            above = above + 1 if over else 0
            if above >= patience:
                return index
        return None

    return stop


def spike(times: float = 2.0) -> Stopper:
    """A training loss of ``times`` the mean of the values before it (at most 100, at least 5)."""

    def stop(train: Sequence[float], val: Sequence[float]) -> int | None:
        return first_spike(train, times)

    return stop


def first_spike(losses: Sequence[float], times: float = 2.0) -> int | None:
    """The index of the first loss that is at least ``times`` the running mean, or None."""
    window: deque[float] = deque(maxlen=SPIKE_WINDOW)
    for index, value in enumerate(losses):
        if not math.isfinite(value):
            continue
        if len(window) >= SPIKE_LEAST:
            mean = math.fsum(window) / len(window)
            if mean > 0 and value >= times * mean:
                return index
        window.append(value)
    return None


def _generalisation_loss(value: float, lowest: float) -> float:
    """nan (which is above nothing) where the ratio has no meaning."""
    if not math.isfinite(value) or not math.isfinite(lowest) or not lowest:
        return math.nan
    return 100 * (value / lowest - 1)


BASELINES: Final[Mapping[str, Stopper]] = {
    "EarlyStopping patience 1": early_stopping(1),
    "EarlyStopping patience 3": early_stopping(3),
    "EarlyStopping patience 10": early_stopping(10),
    "EarlyStopping patience 20": early_stopping(20),
    "Prechelt GL5": generalisation_loss(5),
    "Prechelt PQ0.75": progress_quotient(0.75),
    "Prechelt UP3": successive_rises(3),
    "SageMaker Overfit": sagemaker_overfit(),
    "spike 2x running mean": spike(2.0),
}
