"""What a Keras model shows of its steps, and where it is saved: heard from the model itself, as callbacks
are told neither each batch's own loss (only the mean so far) nor what the other callbacks write."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from guardrun.recording.gradients import total_norm
from guardrun.recording.meter import batch_size

_HEARD: Final = ("compute_loss", "save", "save_weights")


class ModelWatch:
    """Follows one model from ``begin`` to ``close``. Tensors stay on their device."""

    def __init__(self, saved: Callable[[str, bool], None]) -> None:
        """``saved`` hears the path of each file that the model has been saved to, whole by then, and whether
        it stays: BackupAndRestore deletes its own when training ends."""
        self._saved = saved
        self._model: Any = None
        self._losses: list[Any] = []
        self._samples = 0
        self._lr: Any = None

    def begin(self, model: Any) -> None:
        self.close()
        self._model = model
        self._losses, self._samples = [], 0
        for name in ("save", "save_weights"):
            _replace(model, name, self._saving(getattr(model, name)))
        if not model.jit_compile:  # a compiled step is not to be disturbed
            _replace(model, "compute_loss", self._computing(model.compute_loss))

    def close(self) -> None:
        model, self._model = self._model, None
        for name in _HEARD if model is not None else ():
            model.__dict__.pop(name, None)
        self._losses = []

    # -- an optimizer step

    @property
    def accumulate(self) -> int:
        """Batches to an optimizer step."""
        return int(getattr(self._optimizer, "gradient_accumulation_steps", None) or 1)

    @property
    def iterations(self) -> int:
        """Steps that the optimizer has done in its life. Waits for the device."""
        return 0 if self._optimizer is None else int(self._optimizer.iterations)

    def stepping(self) -> None:
        """Before a batch: the learning rate, should the optimizer step with it."""
        if self._optimizer is not None:
            rate: Any = self._optimizer.learning_rate
            rate = getattr(rate, "value", rate)
            self._lr = rate.detach().clone() if hasattr(rate, "detach") else rate

    def take_samples(self) -> int:
        samples, self._samples = self._samples, 0
        return samples

    def take(self) -> dict[str, Any]:
        """train/loss (the mean of the step's batches), lr, loss_scale, and grad_norm: of the last batch,
        before clipping, unscaled."""
        values: dict[str, Any] = {} if self._lr is None else {"lr": self._lr}
        losses, self._losses, self._lr = self._losses, [], None
        if losses:
            values["train/loss"] = sum(losses[1:], losses[0]) / len(losses)
        try:
            norm = total_norm([p.grad.detach() for p in self._model.parameters() if p.grad is not None])
        except Exception:  # gradients of a kind of their own: the step itself goes on
            norm = None
        scale = getattr(getattr(self._optimizer, "dynamic_scale", None), "value", None)
        if scale is not None:
            values["loss_scale"] = scale = scale.detach().clone()
        if norm is not None:
            values["grad_norm"] = norm if scale is None else norm / scale
        return values

    # -- files

    def save(self, path: Path) -> None:
        """Save the model, whole; only its weights where its parts can't be described."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._model.save(path)
        except (NotImplementedError, TypeError, ValueError):
            path.unlink(missing_ok=True)
            self._model.save_weights(path.with_suffix(".weights.h5"))

    def load(self, model: Any, path: str) -> None:
        """Weights and the optimizer's state, of a .keras or a .weights.h5 file."""
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None and not optimizer.built:
            optimizer.build(model.trainable_variables)
        model.load_weights(path)

    # -- parts

    @property
    def _optimizer(self) -> Any:
        return getattr(self._model, "optimizer", None)

    def _computing(self, compute: Callable[..., Any]) -> Callable[..., Any]:
        def compute_loss(*args: Any, **named: Any) -> Any:
            loss = compute(*args, **named)
            if named.get("training", True) and hasattr(loss, "detach"):
                self._losses.append(loss.detach().clone())
                x = named["x"] if named.get("x") is not None else args[:1]
                self._samples += batch_size(x)
            return loss

        return compute_loss

    def _saving(self, save: Callable[..., Any]) -> Callable[..., Any]:
        def saving(filepath: Any, *args: Any, **named: Any) -> Any:
            found = save(filepath, *args, **named)
            saver = sys._getframe(1).f_locals.get("self")
            self._saved(os.fspath(filepath), not getattr(saver, "delete_checkpoint", False))
            return found

        return saving


def _replace(model: Any, name: str, function: Callable[..., Any]) -> None:
    """On this one model, past Keras's own tracking of attributes."""
    model.__dict__[name] = function
