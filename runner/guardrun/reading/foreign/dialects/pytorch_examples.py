"""PyTorch's examples (word_language_model, mnist, imagenet) and the trainings that began as copies of them.

``| epoch   1 |   200/ 2983 batches | lr 20.00 | ms/batch 10.20 | loss  7.63 | ppl  2050.21``;
``Train Epoch: 1 [640/60000 (1%)]	Loss: 2.345678``;
``Epoch: [0][  10/5005]	Time  0.500 ( 0.6)	Data  0.1 ( 0.2)	Loss 6.9e+00 (7.0e+00)	Acc@1 ...``.
"""

from __future__ import annotations

import re
from typing import Final

from guardrun.reading.foreign.dialects.base import NUMBER, WHOLE, Dialect, evaluated, number
from guardrun.reading.foreign.model import Facts, ForeignRow

_LM: Final = re.compile(
    rf"\| epoch\s+({WHOLE}) \|\s*({WHOLE})/\s*({WHOLE}) batches \| lr\s+({NUMBER}) \| ms/batch\s+({NUMBER})"
    rf" \| loss\s+({NUMBER}) \|(?: ppl\s+({NUMBER}))?"
)
_LM_END: Final = re.compile(
    rf"\|\s*[Ee]nd of (?:epoch\s+({WHOLE})|training)\s*\|(?:.*\|)?\s*(valid|test) loss\s+({NUMBER})\s*"
    rf"(?:\| (?:valid|test) ppl\s+({NUMBER}))?"
)
_MNIST: Final = re.compile(
    rf"Train Epoch:\s+({WHOLE}) \[({WHOLE})/({WHOLE}) \(.{{1,6}}%\)\]\s+Loss: ({NUMBER})"
)
_MNIST_TEST: Final = re.compile(rf"Test set: Average loss: ({NUMBER}), Accuracy: ({WHOLE})/({WHOLE})")
_IMAGENET: Final = re.compile(rf"Epoch: \[({WHOLE})\]\s*\[\s*({WHOLE})/({WHOLE})\]\s*(.*)")
_METER: Final = re.compile(rf"(Time|Data|Loss|Acc@1|Acc@5|Prec@1|Prec@5)\s+({NUMBER})\s+\(\s*{NUMBER}\)")
_IMAGENET_TEST: Final = re.compile(rf"\s*\*\s+(?:Acc|Prec)@1 ({NUMBER})\s+(?:Acc|Prec)@5 ({NUMBER})")
_METERS: Final = {
    "Time": "step_time", "Data": "data_time", "Loss": "train/loss", "Acc@1": "train/acc1",
    "Acc@5": "train/acc5", "Prec@1": "train/acc1", "Prec@5": "train/acc5",
}  # fmt: skip


class PyTorchExamples(Dialect):
    """Steps are counted through the epochs, by batches, or by samples where the log says no batches."""

    name = "PyTorch example"
    needles = ("poch", "Test set:", "@1 ", "nd of training")

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._step = 0
        self._epoch: int | None = None

    def rows(self, line: str) -> list[ForeignRow] | None:
        found = _LM.match(line)
        if found is not None:
            return self._language_model(found)
        found = _MNIST.search(line)
        if found is not None:
            return self._mnist(found)
        found = _IMAGENET.match(line)
        if found is not None:
            return self._imagenet(found)
        return self._evaluated(line)

    def is_sure(self, line: str) -> bool:
        """What ends an epoch is not enough to tell."""
        return bool(_LM.match(line) or _MNIST.search(line) or _IMAGENET.match(line))

    def _language_model(self, found: re.Match[str]) -> list[ForeignRow]:
        self._at(int(found[1]) - 1, int(found[2]), int(found[3]))
        values = {
            "lr": number(found[4]),
            "step_time": number(found[5]) / 1000.0,
            "train/loss": number(found[6]),
        }
        return self._row(values)

    def _mnist(self, found: re.Match[str]) -> list[ForeignRow]:
        self._at(int(found[1]) - 1, int(found[2]), int(found[3]))
        note = "steps are samples seen: the log does not say the size of a batch"
        if note not in self.facts.notes:
            self.facts.notes.append(note)
        return self._row({"train/loss": number(found[4])})

    def _imagenet(self, found: re.Match[str]) -> list[ForeignRow] | None:
        meters = {_METERS[raw]: number(value) for raw, value in _METER.findall(found[4])}
        if "train/loss" not in meters:
            return None
        self._at(int(found[1]), int(found[2]), int(found[3]))
        return self._row(meters)

    def _evaluated(self, line: str) -> list[ForeignRow] | None:
        found = _LM_END.match(line)
        if found is not None:
            side = "val" if found[2] == "valid" else "test"
            values = {f"{side}/loss": number(found[3])}
            if found[4]:
                values[f"{side}/ppl"] = number(found[4])
            return evaluated(self._step, self._epoch, None, values)
        found = _MNIST_TEST.search(line)
        if found is not None:
            share = int(found[2]) / max(1, int(found[3]))
            # The example evaluates on the test set after every epoch: it is its validation.
            return evaluated(
                self._step, self._epoch, None, {"val/loss": number(found[1]), "val/accuracy": share}
            )
        found = _IMAGENET_TEST.match(line)
        if found is None:
            return None
        values = {"val/acc1": number(found[1]), "val/acc5": number(found[2])}
        return evaluated(self._step, self._epoch, None, values)

    def _at(self, epoch: int, done: int, an_epoch: int) -> None:
        self._epoch = max(0, epoch)
        self._step = self._epoch * an_epoch + done

    def _row(self, values: dict[str, float]) -> list[ForeignRow]:
        return [ForeignRow("metrics", self._step, self._epoch, None, values)]
