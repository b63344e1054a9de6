"""fairseq, with ``--log-format json`` (its default in a file) or ``simple``.

``2020-01-01 10:00:00 | INFO | train_inner | {"epoch": 1, "loss": "10.2", "num_updates": "100", ...}``;
``... | INFO | valid | {"epoch": 1, "valid_loss": "8.1", "valid_num_updates": "1000"}``;
``epoch 001:    100 / 1000 loss=10.2, ppl=1200, num_updates=100, lr=5e-05, gnorm=2.1``.
"""

from __future__ import annotations

import re
from typing import Any, Final

from guardrun.reading.foreign.dialects.base import NUMBER, WHOLE, Dialect, stamp_of
from guardrun.reading.foreign.model import Facts, ForeignRow
from guardrun.reading.foreign.values import as_value, json_of, whole

_JSON: Final = re.compile(r".*\| (train_inner|train|valid\w*|test\w*) \| (\{.*\})\s*")
_SIMPLE: Final = re.compile(rf"(?:.*\| )?epoch ({WHOLE}):\s+({WHOLE}) / ({WHOLE}) (\w.*)")
_SUBSET: Final = re.compile(rf"(?:.*\| )?epoch ({WHOLE}) \| valid on '[^']*' subset \| (.*)")
_EQUALS: Final = re.compile(rf"(\w+)=({NUMBER})")
_BARS: Final = re.compile(rf"(\w+) ({NUMBER})(?: \||\s*$)")
_NAMES: Final = {
    "loss": "train/loss", "gnorm": "grad_norm", "lr": "lr", "loss_scale": "loss_scale",
    "nll_loss": "train/nll_loss", "ppl": "train/ppl", "wps": "tokens_per_s", "clip": "clip_percent",
}  # fmt: skip
_VALID: Final = ("loss", "nll_loss", "ppl", "accuracy", "bleu")


class Fairseq(Dialect):
    """Rows of ``train_inner`` (each log interval) and of the evaluations; sums over an epoch are left out."""

    name = "fairseq"
    needles = ("num_updates",)

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._step = 0

    def rows(self, line: str) -> list[ForeignRow] | None:
        found = _JSON.match(line)
        if found is not None:
            record = json_of(found[2])
            return self._record(found[1], record, line) if isinstance(record, dict) else None
        found = _SIMPLE.match(line)
        if found is not None:
            pairs: dict[str, Any] = dict(_EQUALS.findall(found[4]))
            return self._record("train_inner", {"epoch": int(found[1]), **pairs}, line)
        found = _SUBSET.match(line)
        if found is None:
            return None
        bars = {f"valid_{raw}": value for raw, value in _BARS.findall(found[2])}
        return self._record("valid", {"epoch": int(found[1]), **bars}, line)

    def _record(self, kind: str, record: dict[str, Any], line: str) -> list[ForeignRow]:
        if kind == "train":
            return []
        epoch = whole(as_value(record.get("epoch")))
        epoch = None if epoch is None else max(0, epoch - 1)
        step = next((whole(as_value(v)) for k, v in record.items() if k.endswith("num_updates")), None)
        self._step = self._step if step is None else step
        values: dict[str, float] = {}
        for raw, value in record.items():
            name = _NAMES.get(raw) if kind == "train_inner" else _valid_name(raw)
            found = as_value(value)
            if name is not None and found is not None:
                values[name] = found
        if not values:
            return []
        return [
            ForeignRow(
                "metrics" if kind == "train_inner" else "eval", self._step, epoch, stamp_of(line), values
            )
        ]


def _valid_name(raw: str) -> str | None:
    metric = raw.partition("_")[2]
    return f"val/{metric}" if metric in _VALID else None
