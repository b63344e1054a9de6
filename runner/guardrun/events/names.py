"""One spelling for each metric, whatever the training script calls it."""

from __future__ import annotations

from typing import Final

_ALIASES: Final = {
    "loss": "train/loss",
    "train_loss": "train/loss",
    "training_loss": "train/loss",
    "learning_rate": "lr",
    "gradient_norm": "grad_norm",
}
_SPLIT_PREFIXES: Final = {
    "val_": "val/",
    "valid_": "val/",
    "validation_": "val/",
    "eval_": "val/",
    "test_": "test/",
    "train_": "train/",
    "eval/": "val/",
    "valid/": "val/",
    "validation/": "val/",
}


def canonical_metric(name: str) -> str:
    """The name under which a metric is stored: ``loss`` -> ``train/loss``, ``eval_loss`` -> ``val/loss``.

    >>> [canonical_metric(n) for n in ("loss", "val_acc", "eval/f1", "lr", "train/loss", "my_metric")]
    ['train/loss', 'val/acc', 'val/f1', 'lr', 'train/loss', 'my_metric']
    """
    alias = _ALIASES.get(name)
    if alias is not None:
        return alias
    for prefix, canonical in _SPLIT_PREFIXES.items():
        if name.startswith(prefix) and len(name) > len(prefix):
            return canonical + name[len(prefix) :]
    return name
