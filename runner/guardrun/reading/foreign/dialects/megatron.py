"""Megatron-LM and its descendants: `` iteration  100/ 500000 | ... | lm loss: 2.5E+00 | ...``.

The format is that of ``training_log`` and ``evaluate_and_print_results`` in Megatron-LM's training.py.
"""

from __future__ import annotations

import math
import re
from typing import Final

from guardrun.reading.foreign.dialects.base import NUMBER, WHOLE, Dialect, number, stamp_of
from guardrun.reading.foreign.model import Facts, ForeignRow

_TRAIN: Final = re.compile(rf"(?:.*[\]:\s])?iteration\s+({WHOLE})/\s*({WHOLE}) \|(.*)")
_VALID: Final = re.compile(
    rf"(?:.*\s)?(validation|test) loss at (?:iteration ({WHOLE})|[^|]*)( on [^|]*|[^|]*)\|(.*)"
)
_PAIR: Final = re.compile(rf"\s*([^|:]{{1,60}}):\s*({NUMBER})\s*(?:\||$)")
_NAMES: Final = {
    "learning rate": "lr", "loss scale": "loss_scale", "grad norm": "grad_norm", "params norm": "params_norm",
    "number of skipped iterations": "skipped_iterations", "number of nan iterations": "nan_iterations",
    "throughput per GPU (TFLOP/s/GPU)": "tflops_per_gpu", "samples per second": "samples_per_s",
    "tokens per second": "tokens_per_s", "lm loss": "train/loss", "loss": "train/loss",
}  # fmt: skip
_LEFT_OUT: Final = frozenset(("consumed samples", "consumed tokens", "skipped samples", "global batch size"))
_NAN_COUNT: Final = "nan_iterations"


class Megatron(Dialect):
    """One line every ``log_interval`` steps, and one an evaluation.

    A loss that is not above zero is left out of the line, and NaN is not: a line that counts nan iterations
    and has no loss stands for a NaN.
    """

    name = "Megatron-LM"
    needles = ("iteration", "loss at")

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._step = 0

    def rows(self, line: str) -> list[ForeignRow] | None:
        found = _TRAIN.match(line)
        if found is not None:
            return self._trained(found, line)
        found = _VALID.match(line)
        return self._evaluated(found, line) if found is not None else None

    def _trained(self, found: re.Match[str], line: str) -> list[ForeignRow] | None:
        values: dict[str, float] = {}
        for raw, text in _PAIR.findall(found[3]):
            raw, value = raw.strip(), number(text)
            if raw.startswith("elapsed time per iteration"):
                values["step_time"] = value / (1000.0 if "(ms)" in raw else 1.0)
            elif raw not in _LEFT_OUT:
                name = _NAMES.get(raw, raw.replace(" ", "_"))
                values[name] = value
                if name == "train/loss":
                    self.facts.renamed[raw] = name
        if not values:
            return None
        self._step = int(found[1])
        self.facts.total_steps = max(int(found[2]), self.facts.total_steps or 0) or None
        if "train/loss" not in values and values.get(_NAN_COUNT, 0) > 0:
            values["train/loss"] = math.nan
        return [ForeignRow("metrics", self._step, None, stamp_of(line), values)]

    def _evaluated(self, found: re.Match[str], line: str) -> list[ForeignRow] | None:
        split = "test" if found[1] == "test" or "test" in (found[3] or "") else "val"
        values: dict[str, float] = {}
        for raw, text in _PAIR.findall(found[4]):
            raw = raw.strip()
            if raw.endswith(" value"):
                metric = raw.removesuffix(" value")
                values[f"{split}/{'loss' if metric in ('lm loss', 'loss') else metric}"] = number(text)
            elif raw.endswith(" PPL"):
                values[f"{split}/ppl"] = number(text)
        if not values:
            return None
        step = int(found[2]) if found[2] else self._step
        return [ForeignRow("eval", step, None, stamp_of(line), values)]
