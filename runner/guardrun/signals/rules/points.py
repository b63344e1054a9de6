"""How rules name their numbers, and how they spell them for a person."""

from __future__ import annotations

TRAIN_LOSS = "train/loss"
VAL_LOSS = "val/loss"
GRAD_NORM = "grad_norm"
LOSS_SCALE = "loss_scale"
STEP_TIME = "step_time"
DATA_TIME = "data_time"
WEIGHTS = "weights/nonfinite"
"""How many tensors of the weights hold a NaN or an infinity, where somebody looked."""


def number(value: float) -> str:
    """Four significant digits: 0.0312, 1.204, 3.1e+05."""
    return f"{value:.4g}"
