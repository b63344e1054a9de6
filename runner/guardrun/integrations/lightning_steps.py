"""The numbers of an optimizer step as Lightning's hooks show them."""

from __future__ import annotations

from typing import Any

from guardrun.recording.gradients import total_norm
from guardrun.recording.meter import batch_size


class StepNumbers:
    """Collects what the hooks tell until the step is complete. Tensors stay on their device."""

    def __init__(self) -> None:
        self._losses: list[Any] = []
        self._backward: list[Any] = []
        self._norms: list[Any] = []
        self._lr: Any = None

    def size(self, batch: Any) -> tuple[int, int]:
        """Samples and tokens of a batch; no tokens where it has no input_ids."""
        get = getattr(batch, "get", None)
        ids: Any = get("input_ids") if callable(get) else None
        if getattr(ids, "ndim", 0) == 2:
            return int(ids.shape[0]), int(ids.numel())
        return batch_size(batch), 0

    def backward(self, loss: Any) -> None:
        self._backward.append(loss.detach())

    def stepping(self, optimizer: Any) -> None:
        """Before the optimizer's step: its learning rate, and its gradients' norm where they are dense."""
        if self._lr is None:
            self._lr = optimizer.param_groups[0].get("lr")
        try:
            gradients = [p.grad for group in optimizer.param_groups for p in group["params"]]
            norm = total_norm([one.detach() for one in gradients if one is not None])
        except Exception:  # gradients of a kind of their own (sharded): the step itself goes on
            norm = None
        if norm is not None:
            self._norms.append(norm)

    def batch_done(self, outputs: Any, divided_by: int) -> None:
        """What training_step returned: its loss counts, else (manual optimization) those of backward.

        Lightning has divided it by the batches of an accumulation, also where an epoch's end cuts that short.
        """
        loss: Any = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if hasattr(loss, "detach") and loss.numel() == 1:
            self._losses.append(loss.detach() * divided_by)
        elif self._backward:
            self._losses += self._backward
        self._backward = []

    def take(self) -> dict[str, Any]:
        """loss, grad_norm and lr of the step that is complete."""
        values: dict[str, Any] = {}
        if self._losses:
            values["loss"] = sum(self._losses[1:], self._losses[0]) / len(self._losses)
        if len(self._norms) == 1:
            values["grad_norm"] = self._norms[0]
        elif self._norms:
            values["grad_norm"] = sum(norm.square() for norm in self._norms).sqrt()
        if self._lr is not None:
            values["lr"] = self._lr
        self._losses, self._norms, self._lr = [], [], None
        return values
