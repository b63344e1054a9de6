"""A training loop that a framework runs: what its callbacks tell becomes the events of a run."""

from __future__ import annotations

import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from guardrun.errors import UserError
from guardrun.events.names import canonical_metric
from guardrun.events.schema import PHASE, RESUME
from guardrun.recording.ranks import distributed_ready

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardrun.recording.run import Run


class Boundary(NamedTuple):
    """What is to happen at a step boundary of the framework's loop."""

    stop: bool
    """Training ends here, on every rank."""
    save: bool
    """A checkpoint is due: training stops, somebody asked, or its time has come."""
    hurried: bool
    """Nothing may come before the end, no evaluation either."""


class OuterLoop:
    """Stands between a framework's callbacks and a run. The framework counts, saves and deletes."""

    def __init__(self, run: Run, framework: str, *, timed: bool = True) -> None:
        """``timed``: the framework tells when a batch has come, so that waiting for data can be measured."""
        self.run = run
        self._framework = framework
        self._session = run._session
        self._measure = run._meter.measure if timed else run._meter.measure_plain
        self._save_due = False
        self._since = perf_counter()
        self._waited = 0.0
        self._evaluated: tuple[int, dict[str, Any]] = (-1, {})
        self._damaged = False
        self._session.progress.count_by_loops()
        run._saver.elsewhere = self._due
        run._saver.tell_can_save(True)

    # -- the course of training

    def begin(
        self,
        *,
        step: int,
        epoch: int,
        total_steps: int | None = None,
        total_epochs: int | None = None,
        accumulate: int = 1,
        resumed_from: str = "",
        best: float | None = None,
    ) -> None:
        """Training begins, or goes on at ``step``; ``best`` is the monitored metric's best until then."""
        session, progress = self._session, self._session.progress
        progress.step, progress.epoch = step, epoch
        progress.total_steps, progress.total_epochs = total_steps, total_epochs
        if best is not None:
            self.run._evaluations.stopping.load_state_dict({"best": best, "reference": best})
        if step or resumed_from:
            session.emit(
                RESUME, **{"from": resumed_from or self._framework}, attempt=session.attempt, step=step,
                epoch=epoch, exact=None, problems=[],
            )  # fmt: skip
        fields: dict[str, Any] = {"accumulate": accumulate}
        fields |= {} if total_steps is None else {"total_steps": total_steps}
        fields |= {} if total_epochs is None else {"total_epochs": total_epochs}
        session.emit(PHASE, phase="train", epoch=epoch, framework=self._framework, **fields)
        self.run._metric_log.before_first = None
        self.run._meter.begin()
        self.looked()

    def watch(self, *, model: Any = None, optimizers: list[Any] | None = None, norms: bool = True) -> None:
        """Settings of these go into the record; with ``norms`` optimizers tell their gradients' norm too."""
        named = {"model": model} if model is not None else {}
        for index, optimizer in enumerate(optimizers or []):
            named["optimizer" if index == 0 else f"optimizer{index}"] = optimizer
            if norms:
                self.run._gradients.watch(optimizer)
        self.run._surroundings.track(named)

    @property
    def hears_norms(self) -> bool:
        """Whether the gradients' norm goes into each step's event anyway."""
        return self.run._gradients.learning_rate() is not None

    @property
    def optimizer_steps(self) -> int:
        """How often the watched optimizers have stepped."""
        return self.run._gradients.steps

    def scaled_by(self, scaler: Any) -> None:
        """The gradient scaler of mixed precision, whose scale goes into every event."""
        self.run._meter.scaler = scaler

    def looked(self) -> None:
        """What the framework does from here on until ``batch_came`` is waiting for data."""
        self._since = perf_counter()

    def batch_came(self) -> None:
        self._waited += perf_counter() - self._since

    def consumed(self, samples: int, tokens: int) -> None:
        """A batch of so many samples and tokens goes through the model."""
        self.run._meter.fetched(self._waited, samples, tokens)
        self._waited = 0.0

    def step(self, step: int, epoch: int, values: Mapping[str, Any]) -> None:
        """An optimizer step is complete; ``values`` are its numbers, tensors of any device among them."""
        progress, meter = self._session.progress, self.run._meter
        meter.steps = max(1, step - progress.step)
        progress.step, progress.epoch = step, epoch
        self.run._metric_log.meter = self._measure
        self.run.log(values)

    def begin_evaluation(self) -> None:
        session = self._session
        session.evaluating = session.cuttable
        session.emit(PHASE, phase="eval", epoch=session.progress.epoch, discardable=session.evaluating)

    def listen(self) -> None:
        """In the middle of an evaluation: commands are seen and acknowledged, and wait."""
        self.run._control.poll()

    def end_evaluation(self, metrics: Mapping[str, Any] | None) -> bool:
        """An evaluation is over; True when it is the best so far. None: it came before training, and counts
        for nothing.
        """
        session = self._session
        session.evaluating = False
        best = False
        if metrics:
            step, seen = self._evaluated
            now = session.progress.step
            self._evaluated = (now, {**(seen if step == now else {}), **metrics})
            best = self.run.evaluate(metrics)
        session.emit(PHASE, phase="setup" if metrics is None else "train", epoch=session.progress.epoch)
        self.run._meter.begin()
        self.looked()
        return best

    def boundary(self) -> Boundary:
        """Between two steps. With several ranks each must come here after the same step."""
        stop = self.run.should_stop
        due, self._save_due = self._save_due, False
        return Boundary(stop, due, stop and not self.run._wish.can_wait)

    def take_sigterm(self) -> None:
        """Let SIGTERM mean a safe stop, where the framework would leave without saving."""
        self.run._signals.retake()

    def interrupted(self) -> None:
        """The framework itself has seen SIGTERM."""
        self.run._wish.ask("stop:sigterm")

    def end(self, error: BaseException | None = None) -> None:
        self.run.finish(error)

    # -- checkpoints

    def worth_saving(self, model: Any) -> bool:
        """False, and told, when weights are not finite: such a checkpoint would only push out a sound one.

        With several ranks each must ask, and all get the same answer.
        """
        damage = _damage(model)
        if distributed_ready():
            answers: list[Any] = [None] * self.run.world_size
            sys.modules["torch"].distributed.all_gather_object(answers, damage)
            damage = next((one for one in answers if one), "")
        if damage and not self._damaged:
            self._session.tell(f"last stays as it is: {damage}")
            self.run._saver._tell_weights(1)
        self._damaged = bool(damage)
        return not damage

    def saved(self, path: str | os.PathLike[str], *, step: int | None = None, ranked: bool = True) -> None:
        """The framework has saved a checkpoint, whole by now; those that it has deleted since are told.

        The newest evaluation's metrics are the checkpoint's when it is of the same step and ``ranked``.
        """
        at = self._session.progress.step if step is None else step
        evaluated, metrics = self._evaluated
        try:
            self.run.register_checkpoint(path, metrics if ranked and at == evaluated else None, at)
        except UserError as error:  # deleted by somebody since
            self._session.note(error.message)
        else:
            self.run._saver._last_saved = max(self.run._saver._last_saved, at)
        self.tell_deleted()

    def tell_deleted(self) -> None:
        """Checkpoints that the framework's rotation has deleted: no pointer names them any more; of best and
        last it is told.
        """
        store = self.run._saver._make_store()
        if store is None or self._session.rank.rank != 0:
            return
        try:
            gone = store.drop_vanished()
        except OSError as error:
            self._session.trouble("deleted checkpoints could not be looked for", error)
            return
        for text in gone:
            self._session.note(f"{self._framework}: {text}")

    def _due(self, wanted: bool) -> bool:
        self._save_due = self._save_due or wanted
        return wanted


def numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a framework's log; texts and bookkeeping (epoch, step) stay behind."""
    return {
        str(name): value
        for name, value in values.items()
        if not isinstance(value, str | bool) and value is not None and name not in ("epoch", "step")
    }


def evaluated(name: str) -> bool:
    """Whether a metric of this name is measured in evaluations.

    >>> [evaluated(name) for name in ("eval_loss", "val/acc", "test_f1", "loss", "lr")]
    [True, True, True, False, False]
    """
    return canonical_metric(name).startswith(("val/", "test/"))


def _damage(model: Any) -> str:
    """What is not finite in a model, in words; "" when all is well, or when it can't be looked at."""
    from guardrun.recording.checkpoints.finite import first_nonfinite

    try:
        found = {}
        for name, value in model.named_parameters():
            local = getattr(value, "to_local", None)  # the own part of what is sharded
            found[name] = value if local is None else local()
        return first_nonfinite(found) or ""
    except Exception:  # parameters of a kind of their own (quantised, offloaded): the framework saves them
        return ""
