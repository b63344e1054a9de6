"""modded-nanogpt: ``step:10/1750 train_loss:4.1 train_time:3950ms step_avg:395.0ms``."""

from __future__ import annotations

import re
from typing import Final

from guardrun.reading.foreign.dialects.base import NUMBER, WHOLE, Dialect, number
from guardrun.reading.foreign.model import ForeignRow

_LINE: Final = re.compile(rf"\s*s(?:tep)?:({WHOLE})/({WHOLE}) (.*)")
_PAIR: Final = re.compile(rf"(\w+):({NUMBER})(ms|s)?(?![\w.])")
_NAMES: Final = {"train_loss": "train/loss", "val_loss": "val/loss", "grad_norm": "grad_norm", "lr": "lr"}


class ModdedNanoGpt(Dialect):
    """One line a step, and one an evaluation."""

    name = "modded-nanogpt"
    needles = ("_loss:", "train_time:")

    def rows(self, line: str) -> list[ForeignRow] | None:
        found = _LINE.match(line)
        if found is None:
            return None
        step, total = int(found[1]), int(found[2])
        self.facts.total_steps = max(total, self.facts.total_steps or 0)
        trained: dict[str, float] = {}
        evaluated: dict[str, float] = {}
        for raw, value, unit in _PAIR.findall(found[3]):
            if raw == "step_avg":
                # "nan" by design until the clock is warm: no evidence of anything.
                if number(value) > 0:
                    trained["step_time"] = number(value) / (1000.0 if unit == "ms" else 1.0)
            elif raw in _NAMES:
                into = evaluated if raw.startswith("val_") else trained
                into[_NAMES[raw]] = number(value)
        if evaluated:
            # Its step time is that of the training before it.
            trained.pop("step_time", None)
        rows = [ForeignRow("metrics", step, None, None, trained)] if trained else []
        return rows + ([ForeignRow("eval", step, None, None, evaluated)] if evaluated else [])
