"""nanoGPT: ``iter 100: loss 2.34, time 20.11ms, mfu 3.00%``, ``step 250: train loss 2.12, val loss 2.23``.

At a ``step`` both losses are the means of several batches in evaluation mode.
"""

from __future__ import annotations

import re
from typing import Final

from guardrun.reading.foreign.dialects.base import NUMBER, WHOLE, Dialect, evaluated, number
from guardrun.reading.foreign.model import ForeignRow

_ITER: Final = re.compile(rf"iter ({WHOLE}): loss ({NUMBER}), time ({NUMBER})(ms|s)(?:, mfu (-?{NUMBER})%)?")
_STEP: Final = re.compile(rf"step ({WHOLE}): train loss ({NUMBER}), val loss ({NUMBER})")


class NanoGpt(Dialect):
    """One line every ``log_interval`` steps, and one an evaluation."""

    name = "nanoGPT"
    needles = ("loss ",)

    def rows(self, line: str) -> list[ForeignRow] | None:
        found = _ITER.match(line)
        if found is not None:
            seconds = number(found[3]) / (1000.0 if found[4] == "ms" else 1.0)
            values = {"train/loss": number(found[2]), "step_time": seconds}
            if found[5] and number(found[5]) >= 0:
                values["mfu_percent"] = number(found[5])
            return [ForeignRow("metrics", int(found[1]), None, None, values)]
        found = _STEP.match(line)
        if found is None:
            return None
        losses = {"train/loss": number(found[2]), "val/loss": number(found[3])}
        return evaluated(int(found[1]), None, None, losses)
