"""The name under which a column of a foreign log is stored. Pure."""

from __future__ import annotations

import re
from typing import Final

from guardrun.events.names import canonical_metric
from guardrun.events.schema import ENVELOPE

STEP_NAMES: Final = (
    "step", "global_step", "iteration", "iter", "_step", "trainer/global_step", "train/global_step",
    "global step", "steps", "iterations", "num_steps", "num_updates", "update", "updates", "n_iter",
)  # fmt: skip
"""Columns that hold the step, the surest first."""
EPOCH_NAMES: Final = ("epoch", "epochs", "train/epoch", "current_epoch", "_epoch")
TIME_NAMES: Final = ("_timestamp", "timestamp", "wall_time", "wall time", "walltime", "unix_time", "time")
"""Columns that hold unix seconds, if their values can be such."""
_SIDES: Final = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "eval": "val",
    "evaluation": "val", "dev": "val", "test": "test",
}  # fmt: skip
_SIDE_FIRST: Final = re.compile(rf"({'|'.join(_SIDES)})[ ./_-]+(\S.*)", re.IGNORECASE)
_SIDE_LAST: Final = re.compile(rf"(\S.*?)[ ./_-]+({'|'.join(_SIDES)})", re.IGNORECASE)
_LOSSES: Final = frozenset(("loss", "total_loss", "cost", "nll", "nll_loss", "lm_loss", "xent", "ce_loss"))
_PLAIN: Final = {
    "total_loss": "train/loss", "lm loss": "train/loss", "running_loss": "train/loss",
    "learning rate": "lr", "grad norm": "grad_norm", "gnorm": "grad_norm", "grad-norm": "grad_norm",
    "global_grad_norm": "grad_norm", "total_norm": "grad_norm", "loss scale": "loss_scale",
    "trainloss": "train/loss", "valloss": "val/loss", "testloss": "test/loss",
}  # fmt: skip
"""Spellings that only foreign logs have, in small letters."""
_BELOW_TRAIN: Final = {"train/learning_rate": "lr", "train/lr": "lr", "train/grad_norm": "grad_norm"}
"""Hugging Face's names in TensorBoard and W&B."""
_TELLING: Final = frozenset(("lr", "grad_norm", "loss_scale"))
_TELLING_AXES: Final = frozenset(("step", "global_step", "iteration", "iter", "epoch"))
_OWN_PREFIXES: Final = ("train/", "val/", "test/")


def stored_name(raw: str, split: str = "") -> str:
    """The name under which a foreign column is stored; ``split`` is the row's own ("val", "test" or "").

    Lightning's two spellings of one metric are the one that is meant: of training each step, of an
    evaluation the whole epoch.

    >>> [stored_name(n) for n in ("loss", "eval_loss", "train_loss_step", "train_loss_epoch", "val_f1_epoch")]
    ['train/loss', 'val/loss', 'train/loss', 'train/loss_epoch', 'val/f1']
    >>> [stored_name(n) for n in ("Loss/train", "Validation Loss", "Learning Rate", "my_metric")]
    ['train/loss', 'val/loss', 'lr', 'my_metric']
    """
    raw = raw.strip()
    name = _canonical(raw)
    if split and not name.startswith(("val/", "test/")) and (name == raw or raw.lower() == "loss"):
        return f"{split}/{raw}"
    if raw.endswith("_step") and _canonical(raw[:-5]).startswith("train/"):
        return _canonical(raw[:-5])
    if raw.endswith("_epoch") and _canonical(raw[:-6]).startswith(("val/", "test/")):
        return _canonical(raw[:-6])
    return f"metric/{name}" if name in ENVELOPE or not name else name


def _canonical(raw: str) -> str:
    """As our own library spells it, or as one of the many spellings of others means it."""
    if raw.startswith(_OWN_PREFIXES):
        return _BELOW_TRAIN.get(raw, raw)
    name = canonical_metric(raw)
    if name != raw:
        return name
    small = raw.lower()
    if small in _PLAIN:
        return _PLAIN[small]
    if small != raw and canonical_metric(small) != small:
        return canonical_metric(small)
    return _sided(raw) or raw


def _sided(raw: str) -> str:
    """``Loss/train``, ``Validation Loss``: a side and a metric in either order; "" when it is neither."""
    found = _SIDE_FIRST.fullmatch(raw)
    if found is not None:
        side, metric = found[1], found[2]
    else:
        found = _SIDE_LAST.fullmatch(raw)
        if found is None:
            return ""
        metric, side = found[1], found[2]
    metric = metric.strip().lower().replace(" ", "_") or metric
    return f"{_SIDES[side.lower()]}/{'loss' if metric in _LOSSES else metric}"


def side_of(name: str) -> str:
    """``train``, ``val`` or ``test`` for a folder or a split of that name; "" for another."""
    return _SIDES.get(name.lower(), "")


def tells_of_training(stored: set[str], raw: set[str]) -> bool:
    """Whether these names are those of a training's log, not of just any table of numbers."""
    losses = (name for name in stored if name.startswith(_OWN_PREFIXES) and name.endswith("loss"))
    if next(losses, None) is not None or not stored.isdisjoint(_TELLING):
        return True
    return any(name.strip().lower() in _TELLING_AXES for name in raw)
