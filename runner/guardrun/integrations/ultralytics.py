"""Ultralytics: ``guardrun.integrations.ultralytics.attach(model)`` before ``model.train(...)``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from guardrun.integrations.joining import in_notebook, join, resumable
from guardrun.recording.outer_loop import OuterLoop, numbers

_PARAMS: Final = (
    "task", "model", "data", "epochs", "batch", "nbs", "imgsz", "optimizer", "lr0", "lrf", "momentum",
    "weight_decay", "warmup_epochs", "cos_lr", "amp", "seed", "deterministic", "patience", "close_mosaic",
    "mosaic", "mixup", "freeze", "dropout",
)  # fmt: skip


def attach(model: Any, **start_arguments: Any) -> Guard:
    """Follow every training of this model (``YOLO(...)``) from now on.

    The arguments are those of guardrun.start(); the monitor is Ultralytics' own fitness, by which it ranks
    best.pt.
    """
    guard = Guard(start_arguments)
    for event, function in guard.callbacks().items():
        model.add_callback(event, function)
    return guard


def resume_from() -> str | None:
    """What ``YOLO(...)`` is to load, for ``train(resume=True)``, under `guard run --resume`; else None."""
    found = resumable()
    return found[0] if found else None


class Guard:
    """Records a trainer's training, stops it between two batches, ranks and proves its files."""

    def __init__(self, start_arguments: dict[str, Any]) -> None:
        self._start = start_arguments
        self._loop: OuterLoop | None = None
        self._own_run = False
        self._stopping = self._over = self._in_epoch = False
        self._seen_steps = 0
        self._losses: list[dict[str, Any]] = []
        self._evaluated = True
        self._best: tuple[int, dict[str, Any]] | None = None
        self._kept: tuple[Path, int] | None = None

    def callbacks(self) -> dict[str, Any]:
        """Ultralytics' events and what is called at each."""
        return {
            "on_train_start": self._train_start,
            "on_train_batch_start": self._batch_start,
            "on_train_batch_end": self._batch_end,
            "on_train_epoch_end": self._epoch_end,
            "on_val_start": self._val_start,
            "on_val_batch_end": self._val_batch_end,
            "on_model_save": self._model_save,
            "on_fit_epoch_end": self._fit_epoch_end,
            "on_train_end": self._train_end,
        }

    # -- the course of training

    def _train_start(self, trainer: Any) -> None:
        settings = {name: getattr(trainer.args, name, None) for name in _PARAMS}
        params = {name: str(v) if isinstance(v, Path) else v for name, v in settings.items() if v is not None}
        defaults = {"config": {"params": params}, "monitor": "val/fitness", "mode": "max"}
        run, self._own_run = join(defaults | self._start)
        loop = self._loop = OuterLoop(run, "ultralytics")
        self._stopping, self._over, self._in_epoch, self._evaluated = False, False, False, True
        self._losses, self._best, self._kept = [], None, None
        loop.watch(model=trainer.model, optimizers=[trainer.optimizer])
        loop.scaled_by(trainer.scaler)
        self._seen_steps = loop.optimizer_steps
        path, step = resumable() or ("", 0)
        if not trainer.start_epoch:
            path, step = "", 0
        loop.begin(
            step=step,
            epoch=trainer.start_epoch,
            total_epochs=trainer.epochs,
            accumulate=max(1, round(trainer.accumulate)),
            resumed_from=path,
        )

    def _batch_start(self, trainer: Any) -> None:
        self._in_epoch = True
        if self._loop is not None:
            self._evaluation_over(trainer)  # Ultralytics may go back to last.pt after one with NaN
            self._loop.batch_came()
            self._loop.consumed(int(trainer.batch_size), 0)

    def _batch_end(self, trainer: Any) -> None:
        """After an optimizer step: the boundary at which training may stop."""
        loop = self._loop
        if loop is None:
            return
        self._losses.append(_parts(trainer))
        done = loop.optimizer_steps - self._seen_steps
        if done > 0:
            self._seen_steps += done
            loop.step(loop.run.step + done, trainer.epoch, _means(self._losses))
            self._losses = []
            self._at_boundary(loop, trainer)
        loop.looked()

    def _epoch_end(self, trainer: Any) -> None:
        self._evaluated = self._in_epoch = False

    def _train_end(self, trainer: Any) -> None:
        """Ultralytics has taken the optimizer out of its files: they are others than before."""
        loop = self._loop
        if loop is None:
            return
        self._over = True
        if self._best is not None and trainer.best.exists():
            step, metrics = self._best
            loop.run.register_checkpoint(trainer.best, metrics, step)
        if self._kept is not None:
            loop.saved(self._kept[0], step=self._kept[1], ranked=False)
        elif self._best is not None and trainer.last.exists():
            loop.saved(trainer.last, ranked=False)
        loop.tell_deleted()
        if self._own_run and (self._stopping or in_notebook()):
            loop.end()

    # -- evaluations

    def _val_start(self, validator: Any) -> None:
        if self._during_training():
            self._losses = []
            self._loop.begin_evaluation()  # type: ignore[union-attr]

    def _val_batch_end(self, validator: Any) -> None:
        if self._during_training():
            self._loop.listen()  # type: ignore[union-attr]

    def _during_training(self) -> bool:
        """Not the evaluation of best.pt when all is over, nor one of ``model.val()``."""
        return self._loop is not None and not self._over and not self._evaluated

    def _evaluation_over(self, trainer: Any) -> None:
        if not self._during_training() or self._loop is None:
            return
        self._evaluated = True
        if trainer.fitness is None:  # train(val=False)
            return
        metrics = _measured(trainer)
        if self._loop.end_evaluation(metrics):
            self._best = (self._loop.run.step, metrics)

    def _fit_epoch_end(self, trainer: Any) -> None:
        """An epoch is over, with its evaluation and its files; a stop that waited comes now."""
        fresh = self._during_training()
        self._evaluation_over(trainer)
        if self._loop is not None and fresh:
            self._at_boundary(self._loop, trainer)

    # -- stops and checkpoints

    def _model_save(self, trainer: Any) -> None:
        """last.pt is written, and best.pt if it is the best; both are written over by the next."""
        loop = self._loop
        if loop is None or self._over:
            return
        self._evaluation_over(trainer)
        if not loop.worth_saving(trainer.model):
            return
        if trainer.best_fitness == trainer.fitness and trainer.best.exists():
            self._best = (loop.run.step, _measured(trainer))
            loop.saved(trainer.best)
        if not self._stopping:
            loop.saved(trainer.last, ranked=False)
        elif self._kept is not None:
            loop.saved(self._kept[0], step=self._kept[1], ranked=False)

    def _at_boundary(self, loop: OuterLoop, trainer: Any) -> None:
        boundary = loop.boundary()
        due = boundary.save or (boundary.stop and self._kept is None)
        if due and not self._stopping and loop.worth_saving(trainer.model):
            self._save(loop, trainer)
        if boundary.stop:
            self._stopping = trainer.stop = True

    def _save(self, loop: OuterLoop, trainer: Any) -> None:
        """A checkpoint beside the others, from which the epoch in progress is gone through anew: what
        Ultralytics leaves in last.pt after a stop cannot be resumed from."""
        path = Path(trainer.wdir) / f"guard-step-{loop.run.step}.pt"
        kept = trainer.last, trainer.best, trainer.save_period, trainer.epoch
        trainer.last = trainer.best = path
        trainer.save_period = -1
        trainer.epoch = max(0, trainer.epoch - self._in_epoch)  # it is resumed from with the next one
        try:
            trainer.save_model()
        except OSError as error:
            loop.run._session.trouble("the model could not be saved", error)
            return
        finally:
            trainer.last, trainer.best, trainer.save_period, trainer.epoch = kept
        self._kept = (path, loop.run.step)
        loop.saved(path, ranked=False)


def _parts(trainer: Any) -> dict[str, Any]:
    """The batch's losses by name; older versions have them in one tensor."""
    items = trainer.loss_items
    named = (
        items if isinstance(items, dict) else dict(zip(trainer.loss_names, items.reshape(-1), strict=False))
    )
    return {str(name): value.detach() for name, value in named.items()}


def _means(batches: list[dict[str, Any]]) -> dict[str, Any]:
    """train/box_loss … of an optimizer step, and train/loss, their sum."""
    found = {name: sum(one[name] for one in batches) / len(batches) for name in batches[-1]}
    total = sum(found.values())
    return {f"train/{name}": value for name, value in found.items()} | {"train/loss": total}


def _measured(trainer: Any) -> dict[str, Any]:
    """``metrics/mAP50-95(B)`` is val/mAP50-95(B); val/loss is the sum of the evaluation's losses."""
    found = {}
    for name, value in numbers(trainer.metrics or {}).items():
        if not name.startswith("lr/"):
            found[name.replace("metrics/", "val/", 1)] = value
    losses = [value for name, value in found.items() if name.endswith("_loss")]
    if losses and "val/loss" not in found:
        found["val/loss"] = sum(losses)
    if trainer.fitness is not None:
        found["val/fitness"] = trainer.fitness
    return found
