"""Which metric of a foreign log its training was probably after. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

_HIGHER: Final = re.compile(
    r"acc|auc|auroc|map|f1|f_1|bleu|rouge|meteor|iou|dice|precision|recall|psnr|ssim|reward|score|ndcg|mrr|"
    r"r2|pearson|spearman|kappa|mcc|top[-_]?[15]|hit|exact_match|\bem\b|\bap\b",
    re.IGNORECASE,
)
_LOWER: Final = re.compile(
    r"loss|error|err\b|ppl|perplexity|mse|mae|rmse|\bwer\b|\bcer\b|\bter\b|nll|bpc|bpb|bits|fid",
    re.IGNORECASE,
)


def guessed_monitor(evaluated: Iterable[str]) -> tuple[str | None, Literal["min", "max"]]:
    """The metric to judge by, among those of the evaluations, and which way is better.

    The validation loss if there is one; then any loss of the validation, then any metric whose better way
    is known by its name; None when there is no such.

    >>> guessed_monitor(["val/bbox_mAP", "val/loss"]), guessed_monitor(["val/f1", "val/runtime"])
    (('val/loss', 'min'), ('val/f1', 'max'))
    """
    names = sorted(name for name in evaluated if name.startswith("val/"))
    names += sorted(name for name in evaluated if name.startswith("test/"))
    if "val/loss" in names:
        return "val/loss", "min"
    losses = [name for name in names if name.startswith("val/") and name.endswith("loss")]
    if losses:
        return losses[0], "min"
    for name in names:
        if _LOWER.search(name.partition("/")[2]):
            return name, "min"
        if _HIGHER.search(name.partition("/")[2]):
            return name, "max"
    return None, "min"
