"""Exponential averages of noisy curves. Pure.

The debiased form is the one TensorBoard draws (``resmoothDataset`` in its vz_line_chart, Apache-2.0), and
the bias correction of Adam (Kingma and Ba, 2015, arXiv:1412.6980, section 3): the average starts at zero
and is divided by ``1 - weight**n``, so that the first values aren't pulled towards a starting value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 256


def debiased_ema(y: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """The debiased exponential average of ``y``, of the same length.

    A non-finite value stays what it is (a NaN is evidence) and leaves the average untouched: the values
    around it are averaged as if it weren't there.

    Args:
        weight: of the past, in [0, 1): 0 returns the values themselves, 0.99 averages about 100 values.

    Raises:
        ValueError: ``weight`` is outside [0, 1).
    """
    if not 0.0 <= weight < 1.0:
        raise ValueError(f"weight must be in [0, 1), not {weight}")
    finite = np.isfinite(y)
    smooth = np.array(y, np.float64)
    values = smooth[finite]
    if values.size == 0 or weight == 0.0:
        return smooth
    smooth[finite] = _average(values, weight)
    return smooth


def _average(values: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """The average of finite values, block by block: a lower triangular matrix in place of a Python loop."""
    size = min(_BLOCK, values.size)
    lags = np.arange(size)[:, None] - np.arange(size)[None, :]
    kernel = np.where(lags >= 0, (1.0 - weight) * weight ** np.maximum(lags, 0), 0.0)
    decay = weight ** np.arange(1, size + 1)
    biased = np.empty_like(values)
    carried = 0.0
    for start in range(0, values.size, size):
        block = values[start : start + size]
        n = block.size
        biased[start : start + n] = kernel[:n, :n] @ block + decay[:n] * carried
        carried = float(biased[start + n - 1])
    # -expm1(n log w) is 1 - w**n without the cancellation near w = 1.
    unbias: NDArray[np.float64] = -np.expm1(np.arange(1, values.size + 1) * np.log(weight))
    return biased / unbias
