"""PyTorch Lightning: ``Trainer(callbacks=[guardrun.integrations.lightning.GuardCallback()])``."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

from guardrun.events.names import canonical_metric
from guardrun.integrations.joining import NeedsPackage, Resumes, in_notebook, join
from guardrun.integrations.lightning_saves import SavedFiles, monitored
from guardrun.integrations.lightning_steps import StepNumbers
from guardrun.recording.outer_loop import Boundary, OuterLoop, evaluated, numbers
from guardrun.recording.stopping import StopRun

try:
    if "pytorch_lightning" in sys.modules and "lightning" not in sys.modules:  # the same under its older name
        from pytorch_lightning import Callback
    else:
        from lightning.pytorch import Callback
except ImportError as error:
    raise NeedsPackage("lightning", error) from error


class GuardCallback(Resumes, Callback):  # type: ignore[misc]
    """Records a Trainer's training, stops it at step boundaries, ranks and proves its checkpoints.

    The arguments are those of guardrun.start(); the monitor is ModelCheckpoint's (else EarlyStopping's) where
    there is one. ``resume_from`` is what ``trainer.fit(ckpt_path=...)`` takes.
    """

    def __init__(self, **start_arguments: Any) -> None:
        self._start = start_arguments
        self._loop: OuterLoop | None = None
        self._own_run = False
        self._stopping = False
        self._step = 0
        self._numbers = StepNumbers()
        self._files = SavedFiles()
        self._before: dict[str, Any] = {}
        self._evaluated: set[str] = set()
        self._val_batches: Any = None

    # -- the course of training

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """The run begins, before the sanity check."""
        run, self._own_run = join(self._arguments(trainer))
        self._loop = OuterLoop(run, "lightning")
        self._stopping = False
        self._files = SavedFiles()

    def on_sanity_check_start(self, trainer: Any, pl_module: Any) -> None:
        """It is an evaluation that counts for nothing, and in which a stop is heard."""
        if self._loop is not None:
            self._loop.begin_evaluation()

    def on_sanity_check_end(self, trainer: Any, pl_module: Any) -> None:
        """A stop that came meanwhile: no step is done, and nothing is to be saved."""
        if self._loop is not None:
            self._loop.end_evaluation(None)
            if self._loop.boundary().stop:
                self._stop(trainer)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Training begins, or goes on from ckpt_path."""
        loop = self._loop
        if loop is None:
            return
        self._step = trainer.global_step
        if "SLURM_JOB_ID" not in os.environ:  # there Lightning's handler belongs to its requeueing
            loop.take_sigterm()
        total = trainer.estimated_stepping_batches
        loop.watch(model=pl_module, optimizers=list(trainer.optimizers), norms=False)
        loop.scaled_by(getattr(trainer.precision_plugin, "scaler", None))
        loop.begin(
            step=self._step,
            epoch=trainer.current_epoch,
            total_steps=int(total) if math.isfinite(total) and total > 0 else None,
            total_epochs=trainer.max_epochs if (trainer.max_epochs or -1) > 0 else None,
            accumulate=trainer.accumulate_grad_batches,
            resumed_from=str(trainer.ckpt_path or ""),
        )

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """A batch is there; ModelCheckpoint, which comes after guard, has saved what it wanted to."""
        if self._loop is not None:
            self._loop.batch_came()
            self._files.register(self._loop, trainer)
            self._loop.consumed(*self._numbers.size(batch))

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        """Each loss of the step, whoever calls backward."""
        self._numbers.backward(loss)

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Gradients are complete and unscaled, and not yet clipped."""
        self._numbers.stepping(optimizer)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After an optimizer step: the boundary at which training may stop."""
        loop = self._loop
        if loop is None:
            return
        self._numbers.batch_done(
            outputs, trainer.accumulate_grad_batches if pl_module.automatic_optimization else 1
        )
        if trainer.global_step == self._step and trainer.received_sigterm:
            self._at_boundary(loop, trainer, pl_module)  # Lightning leaves behind this batch, step or not
        elif trainer.global_step != self._step:
            self._step = trainer.global_step
            values = self._numbers.take()
            if self._step % max(1, trainer.log_every_n_steps) == 0:
                values = {**self._logged(trainer, "loss" in values), **values}
            loop.step(self._step, trainer.current_epoch, values)
            self._at_boundary(loop, trainer, pl_module)
        loop.looked()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """What was saved at the end of validation."""
        if self._loop is not None:
            self._files.register(self._loop, trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Lightning leaves: by a failure, Ctrl-C, or a stop that did not wait."""
        loop = self._loop
        if loop is not None and self._own_run:
            self._files.register(loop, trainer)
            loop.end(None if self._stopping or isinstance(exception, StopRun) else exception)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """A stopped run ends here; one that is complete with its process, as tests may follow."""
        loop = self._loop
        if loop is None or stage != "fit":
            return
        self._files.register(loop, trainer)
        loop.tell_deleted()
        if self._val_batches is not None:
            trainer.limit_val_batches, self._val_batches = self._val_batches, None
        if self._own_run and (self._stopping or in_notebook()):
            loop.end()

    # -- evaluations

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """An evaluation, which the sanity check is as well."""
        if self._loop is not None and not trainer.sanity_checking:
            self._files.register(self._loop, trainer)
            self._before = dict(trainer.callback_metrics)
            self._loop.begin_evaluation()

    def on_validation_batch_end(self, trainer: Any, pl_module: Any, *rest: Any, **named: Any) -> None:
        """In the middle of an evaluation."""
        if self._loop is not None:
            self._loop.listen()

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """An evaluation is over; a stop that waited for it comes now."""
        loop = self._loop
        if loop is None or trainer.sanity_checking:
            return
        self._evaluation_over(loop, trainer)
        if trainer.state.fn == "fit":
            self._at_boundary(loop, trainer, pl_module)

    def on_test_start(self, trainer: Any, pl_module: Any) -> None:
        """A use of the test split."""
        self._before = dict(trainer.callback_metrics)

    def on_test_end(self, trainer: Any, pl_module: Any) -> None:
        """Its metrics, while the run is open."""
        if self._loop is not None:
            self._evaluation_over(self._loop, trainer)

    def _evaluation_over(self, loop: OuterLoop, trainer: Any) -> None:
        """The metrics of an evaluation are those that have changed in it."""
        now = dict(trainer.callback_metrics)
        metrics = {name: value for name, value in now.items() if self._before.get(name) is not value}
        self._evaluated |= metrics.keys()
        loop.end_evaluation(numbers(metrics))

    # -- numbers

    def _logged(self, trainer: Any, has_loss: bool) -> dict[str, Any]:
        """What the module has logged for this step, beside its evaluations."""
        found = {}
        for name, value in numbers(trainer.callback_metrics).items():
            if name in self._evaluated or evaluated(name) or name.endswith("_epoch"):
                continue
            name = name.removesuffix("_step")
            if not (has_loss and canonical_metric(name) == "train/loss"):
                found[name] = value
        return found

    # -- stops and checkpoints

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Somebody saves; where, Lightning's checkpoint callbacks will know."""
        self._files.saving(checkpoint)

    def _at_boundary(self, loop: OuterLoop, trainer: Any, module: Any) -> None:
        if trainer.received_sigterm:  # its handler may have taken the place of guard's
            loop.interrupted()
        boundary = loop.boundary()
        if boundary.save and loop.worth_saving(module):
            path = self._files.folder(trainer) / f"guard-step={trainer.global_step}.ckpt"
            trainer.save_checkpoint(path)
            self._files.written(loop, path, trainer.global_step)
        if boundary.stop and not self._stopping:
            self._stop(trainer)
            self._leave_epoch(trainer, boundary)

    def _stop(self, trainer: Any) -> None:
        self._stopping = True
        trainer.should_stop = True
        # Lightning would go on until these; whoever stops a training means it.
        trainer.fit_loop.min_epochs = trainer.fit_loop.epoch_loop.min_steps = None

    def _leave_epoch(self, trainer: Any, boundary: Boundary) -> None:
        """Lightning validates before it leaves, and ends the epoch: not a part of one, unless a callback
        would fail for want of its metric."""
        if trainer.is_last_batch and not boundary.hurried:
            return
        self._files.cut = True
        known = trainer.callback_metrics
        if all(name in known for name in monitored(trainer)):
            self._val_batches, trainer.limit_val_batches = trainer.limit_val_batches, 0

    def _arguments(self, trainer: Any) -> dict[str, Any]:
        arguments: dict[str, Any] = {"config": {"params": _params(trainer)}}
        for name, mode in monitored(trainer).items():
            arguments |= {"monitor": name, "mode": mode}
            break
        return arguments | self._start


def _params(trainer: Any) -> dict[str, Any]:
    """The module's hyper-parameters and the Trainer's that change what is learnt."""
    found = {
        name: getattr(trainer, name, None)
        for name in ("max_epochs", "max_steps", "accumulate_grad_batches", "gradient_clip_val")
    }
    found["precision"] = str(getattr(trainer, "precision", ""))
    found["seed"] = os.environ.get("PL_GLOBAL_SEED")
    hyper = dict(getattr(trainer.lightning_module, "hparams", {}) or {})
    plain = {str(k): v for k, v in hyper.items() if isinstance(v, int | float | str | bool | None | Path)}
    return {k: v for k, v in {**found, **plain}.items() if v not in (None, "")}
