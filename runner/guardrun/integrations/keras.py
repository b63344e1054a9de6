"""Keras 3 on PyTorch: ``model.fit(..., callbacks=[guardrun.integrations.keras.GuardCallback()])``."""

from __future__ import annotations

import math
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guardrun.errors import UserError
from guardrun.integrations.joining import NeedsPackage, Resumes, in_notebook, join, resumable, resumable_epoch
from guardrun.integrations.keras_model import ModelWatch
from guardrun.recording.outer_loop import OuterLoop, numbers

try:
    import keras
except ImportError as error:
    raise NeedsPackage("keras", error) from error

if TYPE_CHECKING:
    from guardrun.recording.run import Run

_resumed: weakref.WeakSet[Run] = weakref.WeakSet()
"""Runs whose checkpoint has been loaded: a second fit() in the same run goes on with what the first left."""


class GuardCallback(Resumes, keras.callbacks.Callback):  # type: ignore[misc]
    """Records a fit, stops it at step boundaries, ranks and proves what its callbacks save.

    The arguments are those of guardrun.start(). Under `guard run --resume` the newest checkpoint of the run
    is loaded into the model when fit() begins, and training goes on with its epoch.
    """

    def __init__(self, **start_arguments: Any) -> None:
        super().__init__()
        self._start = start_arguments
        self._loop: OuterLoop | None = None
        self._own_run = False
        self._stopping = self._begun = self._evaluating = False
        self._step = self._batches = self._epoch = 0
        self._kept = -1
        self._in_batch = False
        self._resumed = ""
        self._watch = ModelWatch(self._saved)

    # -- the course of training

    def on_train_begin(self, logs: Any = None) -> None:
        """The run begins; a resumed one loads its checkpoint, as BackupAndRestore does."""
        if keras.backend.backend() != "torch":
            raise UserError(
                f"guard follows Keras on its torch backend; this one is {keras.backend.backend()}",
                hint="set KERAS_BACKEND=torch before keras is imported",
            )
        run, self._own_run = join(self._arguments())
        self._loop = OuterLoop(run, "keras")
        self._stopping = self._begun = self._evaluating = self._in_batch = False
        self._kept = -1
        self._load_newest(run)
        self._watch.begin(self.model)

    def _load_newest(self, run: Run) -> None:
        self._resumed = ""
        found = resumable()
        if found is not None and run._session.supervised and run not in _resumed:
            _resumed.add(run)
            self._watch.load(self.model, found[0])
            self.model._initial_epoch = resumable_epoch()
            self._resumed = found[0]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """The first one comes after every callback has loaded what it wanted to."""
        self._epoch = epoch
        loop = self._loop
        if loop is None:
            return
        if not self._begun:
            self._begun = True
            self._step, self._batches = self._watch.iterations, 0
            self._begin(loop)
        loop.looked()

    def _begin(self, loop: OuterLoop) -> None:
        params = self.params or {}
        batches, epochs = params.get("steps"), params.get("epochs")
        each = self._watch.accumulate
        total = None
        if batches and epochs and math.isfinite(batches):
            total = self._step + int(batches) * (int(epochs) - self._epoch) // each
        loop.watch(model=self.model, norms=False)
        loop.begin(
            step=self._step,
            epoch=self._epoch,
            total_steps=total,
            total_epochs=epochs,
            accumulate=each,
            resumed_from=self._resumed,
        )

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """A batch is there."""
        self._in_batch = True
        self._batches += 1
        if self._loop is not None:
            self._loop.batch_came()
            self._watch.stepping()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After an optimizer step: the boundary at which training may stop."""
        loop = self._loop
        if loop is None:
            return
        loop.consumed(self._watch.take_samples(), 0)
        if self._batches % self._watch.accumulate == 0:
            self._step += 1
            loop.step(self._step, self._epoch, _trained(logs) | self._watch.take())
            self._at_boundary(loop)
        self._in_batch = False
        loop.looked()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """What the epoch was on the whole; a stop that waited for its evaluation comes now."""
        loop = self._loop
        if loop is None:
            return
        known = {name.replace("train/", "epoch/"): value for name, value in _trained(logs).items()}
        if known:
            loop.run.log(known, step=self._step)
        self._at_boundary(loop)

    def on_train_end(self, logs: Any = None) -> None:
        """A stopped run ends here; one that is complete with its process."""
        loop = self._loop
        self._watch.close()
        if loop is None:
            return
        loop.worth_saving(self.model)  # TerminateOnNaN leaves at the first one: the weights say the rest
        loop.tell_deleted()
        self._loop = None
        if self._own_run and (self._stopping or in_notebook()):
            loop.end()

    # -- evaluations within a fit

    def on_test_begin(self, logs: Any = None) -> None:
        """An evaluation; one outside of fit() is not guard's."""
        if self._loop is not None:
            self._evaluating = True
            self._loop.begin_evaluation()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """In the middle of an evaluation."""
        if self._loop is not None and self._evaluating:
            self._loop.listen()

    def on_test_end(self, logs: Any = None) -> None:
        """Its metrics, which Keras then calls val_…"""
        if self._loop is not None and self._evaluating:
            self._evaluating = False
            found = numbers(logs or {})
            self._loop.end_evaluation({f"val_{name}": value for name, value in found.items()})

    # -- stops and checkpoints

    def _at_boundary(self, loop: OuterLoop) -> None:
        boundary = loop.boundary()
        due = boundary.save or (boundary.stop and self._kept != self._step)
        if due and not self._stopping and loop.worth_saving(self.model):
            try:
                self._watch.save(Path(loop.run.path or ".") / "keras" / f"guard-step-{self._step}.keras")
            except OSError as error:
                loop.run._session.trouble("the model could not be saved", error)
        if boundary.stop:
            self._stopping = True
            self.model.stop_training = True

    def _saved(self, path: str, stays: bool) -> None:
        """The model has been saved there, by whichever callback."""
        loop = self._loop
        if loop is None or not loop.worth_saving(self.model):
            return
        progress = loop.run._session.progress
        within, step = progress.epoch, self._watch.iterations
        progress.epoch = self._epoch + 1 if self._epoch_is_over() else self._epoch
        try:
            loop.saved(path, step=step)
        finally:
            progress.epoch = within
        if stays:
            self._kept = step

    def _epoch_is_over(self) -> bool:
        """Whether what is saved now is gone on from with the next epoch."""
        batches = (self.params or {}).get("steps")
        if batches and self._batches % int(batches) == 0:
            return True
        return not (self._in_batch or self._stopping)

    def _arguments(self) -> dict[str, Any]:
        optimizer = getattr(self.model, "optimizer", None)
        params: dict[str, Any] = {"epochs": (self.params or {}).get("epochs")}
        if optimizer is not None:
            params["optimizer"] = optimizer.name
            settings = optimizer.get_config()
            params |= {k: v for k, v in settings.items() if isinstance(v, int | float | str) and k != "name"}
        return {"config": {"params": params}} | self._start


def _trained(logs: Any) -> dict[str, Any]:
    """Numbers of training as Keras has them, means since the epoch began; train/ is put before them."""
    found = numbers(logs or {})
    return {
        f"train/{name}": value
        for name, value in found.items()
        if not name.startswith("val_") and name != "learning_rate"
    }
