"""DeepSpeed's own lines, and those of its examples (DeepSpeed-Chat).

``[Rank 0] step=10, skipped=6, lr=[9.6e-06], mom=[(0.9, 0.95)]``; ``epoch=0/micro_step=10/global_step=10,
RunningAvgSamplesPerSec=..., CurrSamplesPerSec=..., MemAllocated=3.96GB``; ``OVERFLOW! Rank 0 Skipping step.
Attempted loss scale: 65536, reducing to 32768``; ``steps: 10 loss: 6.9 iter time (s): 0.5 samples/sec: 32``.
"""

from __future__ import annotations

import re
from typing import Final

from guardrun.reading.foreign.dialects.base import NUMBER, WHOLE, Dialect, evaluated, number, stamp_of
from guardrun.reading.foreign.model import Facts, ForeignRow

_GIGABYTE: Final = 2**30
_STEP: Final = re.compile(rf"\[Rank \d+\] step=({WHOLE}), skipped=({WHOLE}), lr=\[({NUMBER})")
_TIMER: Final = re.compile(
    rf"(?:epoch=({WHOLE})/micro_step={WHOLE}/global_step=({WHOLE})|\b\d+/({WHOLE})), (.*)"
)
_TIMED: Final = re.compile(rf"(\w+)=({NUMBER})(GB)?")
_OVERFLOW: Final = re.compile(rf"Attempted loss\s+scale: ({NUMBER})(?:, reducing to ({NUMBER}))?")
_RESCALED: Final = re.compile(rf"(?:Reducing|Increasing) dynamic loss scale from {NUMBER} to ({NUMBER})")
_PIPELINE: Final = re.compile(
    rf"steps: ({WHOLE}) loss: ({NUMBER}) iter time \(s\): ({NUMBER})(?: samples/sec: ({NUMBER}))?"
)
_PPO: Final = re.compile(
    rf"epoch: ({WHOLE})\|step: ({WHOLE})\|ppo_ep: \d+\|act_loss: ({NUMBER})\|cri_loss: ({NUMBER})"
)
_REWARD: Final = re.compile(rf"average reward score: ({NUMBER})")
_LATENCY: Final = re.compile(rf"\|E2E latency=({NUMBER})s.*CurSamplesPerSec=({NUMBER})")
_CHAT: Final = re.compile(rf"Epoch: ({WHOLE}), Step: ({WHOLE}), Rank: \d+, loss = ({NUMBER})")
_PERPLEXITY: Final = re.compile(rf"ppl: ({NUMBER})(?:, loss: ({NUMBER}))?\s*")
_RANKING: Final = re.compile(
    rf"chosen_last_scores \(higher is better\) : ({NUMBER}),.*?acc \(higher is better\) : ({NUMBER})"
)
_TIMES: Final = {
    "CurrSamplesPerSec": "samples_per_s", "SamplesPerSec": "samples_per_s",
    "MemAllocated": "gpu/memory_allocated_bytes", "MaxMemAllocated": "gpu/memory_peak_bytes",
}  # fmt: skip
_MARKS: Final = (
    "SamplesPerSec",
    "loss scale",
    "skipped=",
    "ppl: ",
    "_loss: ",
    "iter time",
    "reward",
    "Rank: ",
)


class DeepSpeed(Dialect):
    """Each kind of line gives what it has; an overflow is the skipping of a step, with the scale after it."""

    name = "DeepSpeed"
    needles = (*_MARKS, "(higher is better)")

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._step = 0
        self._epoch: int | None = None
        self._before = 0
        """Steps before this epoch, where batches are counted anew in each."""
        self._scale: float | None = None

    def is_sure(self, line: str) -> bool:
        """A bare perplexity or reward is printed by others too."""
        return not (_PERPLEXITY.fullmatch(line) or _RANKING.search(line) or _REWARD.match(line))

    def rows(self, line: str) -> list[ForeignRow] | None:
        if "loss scale" in line:
            return self._scaled(line)
        found = _STEP.search(line)
        if found is not None:
            self._step = int(found[1])
            values = {"skipped_steps": float(found[2]), "lr": number(found[3])}
            return self._row(line, values)
        if "SamplesPerSec" in line:
            return self._timed(line)
        return self._lossy(line) or self._judged(line)

    def _row(self, line: str, values: dict[str, float]) -> list[ForeignRow]:
        return [ForeignRow("metrics", self._step, self._epoch, stamp_of(line), values)]

    def _within(self, epoch: int, batch: int) -> None:
        """Count a batch, from 0 in each epoch, through all epochs, as the engine counts its steps."""
        if self._epoch is not None and epoch > self._epoch:
            self._before = self._step
        elif self._epoch is not None and epoch < self._epoch:
            self._before = 0
        self._epoch, self._step = epoch, self._before + batch + 1

    def _scaled(self, line: str) -> list[ForeignRow] | None:
        found = _OVERFLOW.search(line)
        if found is not None:
            self._scale = number(found[2] or found[1])
            return self._row(line, {"overflow": 1.0, "loss_scale": self._scale})
        found = _RESCALED.search(line)
        if found is None:
            return None
        # Every rank says so.
        before, self._scale = self._scale, number(found[1])
        return [] if before == self._scale else self._row(line, {"loss_scale": self._scale})

    def _timed(self, line: str) -> list[ForeignRow] | None:
        found = _LATENCY.match(line)
        if found is not None:
            return self._row(line, {"step_time": number(found[1]), "samples_per_s": number(found[2])})
        found = _TIMER.search(line)
        if found is None:
            return None
        self._step = int(found[2] or found[3])
        self._epoch = int(found[1]) if found[1] else self._epoch
        values = {
            _TIMES[raw]: number(value) * (_GIGABYTE if unit else 1)
            for raw, value, unit in _TIMED.findall(found[4])
            if raw in _TIMES
        }
        return self._row(line, values) if values else None

    def _lossy(self, line: str) -> list[ForeignRow] | None:
        found = _PPO.match(line)
        if found is not None:
            self._within(int(found[1]), int(found[2]))
            self.facts.renamed["cri_loss"] = "train/loss"
            return self._row(line, {"act_loss": number(found[3]), "train/loss": number(found[4])})
        found = _CHAT.search(line)
        if found is not None:
            self._within(int(found[1]), int(found[2]))
            return self._row(line, {"train/loss": number(found[3])})
        found = _PIPELINE.search(line)
        if found is None:
            return None
        self._step = int(found[1])
        values = {"train/loss": number(found[2]), "step_time": number(found[3])}
        if found[4]:
            values["samples_per_s"] = number(found[4])
        return self._row(line, values)

    def _judged(self, line: str) -> list[ForeignRow] | None:
        t = stamp_of(line)
        found = _PERPLEXITY.fullmatch(line)
        if found is not None:
            values = {"val/ppl": number(found[1])}
            if found[2]:
                values["val/loss"] = number(found[2])
            return evaluated(self._step, self._epoch, t, values)
        found = _RANKING.search(line)
        if found is not None:
            values = {"val/score": number(found[1]), "val/accuracy": number(found[2])}
            return evaluated(self._step, self._epoch, t, values)
        found = _REWARD.match(line)
        return self._row(line, {"reward": number(found[1])}) if found is not None else None
