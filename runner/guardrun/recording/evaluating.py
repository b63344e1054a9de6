"""``run.evaluate``: which evaluation is the best, and when patience is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guardrun.events.encode import nonfinite_word
from guardrun.events.names import canonical_metric
from guardrun.events.schema import EVAL
from guardrun.recording.early_stopping import EarlyStopping
from guardrun.recording.values import SKIP, OnDevice, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from guardrun.recording.saving import Saver
    from guardrun.recording.session import Session
    from guardrun.recording.stopping import StopWish


class Evaluations:
    """Judges evaluations by the monitored metric. Only rank 0's decide."""

    def __init__(self, session: Session, saver: Saver, wish: StopWish) -> None:
        stop = session.config["stop"]
        self.stopping = EarlyStopping(session.mode, stop.get("patience"), float(stop.get("min_delta") or 0.0))
        self._session = session
        self._saver = saver
        self._wish = wish
        self.on_test: Callable[[str, str, int], None] | None = None
        """Called with name, "evaluate" and step whenever metrics of the test split are recorded."""

    def take(self, metrics: Mapping[str, Any], step: int | None) -> bool:
        """Record one evaluation; True when it is the best so far."""
        session = self._session
        session.evaluating = False
        values = self._numbers(metrics)
        at = session.progress.now() if step is None else int(step)
        value = values.get(session.monitor)
        judgement = None
        if value is None:
            self._tell_missing(values)
        else:
            judgement = self.stopping.judge(value)
        best = judgement is not None and judgement.best
        logged = {k: v if v - v == 0.0 else nonfinite_word(v) for k, v in values.items()}
        session.emit(EVAL, step=at, epoch=session.progress.epoch, **logged, improved=best)
        if self.on_test is not None and any(name.startswith("test/") for name in values):
            self.on_test("test", "evaluate", at)
        if session.rank.rank == 0:
            self._saver.evaluated(values, best)
            if judgement is not None and judgement.stop:
                session.note(judgement.reason)
                self._wish.ask("patience")
        return best

    def _numbers(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Metrics by their stored names, as floats: an evaluation may wait for its device."""
        found: dict[str, float] = {}
        for raw, value in metrics.items():
            # A bare loss of an evaluation is no training loss; that one is named: train/loss, train_loss.
            name = "val/loss" if raw == "loss" else canonical_metric(str(raw))
            if name in ("t", "seq", "kind", "step", "epoch", "improved"):
                name = f"metric/{name}"
            number = plain(value)
            if type(number) is OnDevice:
                number = number.tensor.item()
            if number is SKIP or type(number) is str:
                number = _word_as_float(number)
            if type(number) is int and abs(number) >= 2**1023:  # beyond the floats
                number = None
            if number is None:
                self._session.note_once(f"{name} is not recorded: a {type(value).__name__} is not one number")
            else:
                found[name] = float(number)
        return found

    def _tell_missing(self, values: dict[str, float]) -> None:
        monitor = self._session.monitor
        if values and not any(name.startswith("test/") for name in values):
            self._session.note_once(
                f"the monitor {monitor} is not among an evaluation's metrics ({', '.join(sorted(values))}): "
                "it decides neither best nor patience"
            )


def _word_as_float(word: Any) -> float | None:
    return float(word) if word in ("NaN", "Infinity", "-Infinity") else None
