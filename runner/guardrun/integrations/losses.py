"""Losses, samples and tokens as a model's forward passes show them, before anybody averages or filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class ForwardWatch:
    """Follows one model that takes named inputs and returns its loss, as those of transformers do.

    Sums stay on the device: nobody waits for it.
    """

    def __init__(self) -> None:
        self.seen = False
        """Whether the model returns its loss while it trains."""
        self._handle: Any = None
        self._ranks = 1
        self._consumed: Callable[[int, int], None] | None = None
        self._total: Any = None
        self._parts = 0
        self._normalised = False
        self._nonfinite: Any = None

    def follow(self, model: Any, ranks: int, consumed: Callable[[int, int], None]) -> None:
        """``consumed`` hears samples and tokens of each batch trained on. A loss that the model itself
        normalises over the whole step (num_items_in_batch) counts ``ranks``-fold.
        """
        self.close()
        self._ranks, self._consumed = ranks, consumed
        register = getattr(model, "register_forward_hook", None)
        if register is not None:
            self._handle = register(self._after_forward, with_kwargs=True)

    def take(self) -> Any:
        """The loss of the step that is now complete: a tensor, or None when none was seen."""
        total, parts = self._total, self._parts
        self._total, self._parts = None, 0
        if total is None or self._normalised or parts < 2:
            return total
        return total / parts

    def take_nonfinite(self) -> int:
        """In how many batches of the evaluation now over the loss was a NaN or an infinity."""
        found, self._nonfinite = self._nonfinite, None
        return 0 if found is None else int(found)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        self._total, self._parts = None, 0

    def _after_forward(self, module: Any, args: Any, named: dict[str, Any], output: Any) -> None:
        loss = _loss_of(output, named)
        if not module.training:
            if loss is not None:
                bad = (~loss.isfinite()).sum()
                self._nonfinite = bad if self._nonfinite is None else self._nonfinite + bad
            return
        if self._consumed is not None:
            self._consumed(*_size(args, named))
        if loss is None:
            return
        self.seen = True
        self._normalised = named.get("num_items_in_batch") is not None
        loss = loss.mean() * (self._ranks if self._normalised else 1)  # a copy: the Trainer scales in place
        self._total = loss if self._total is None else self._total + loss
        self._parts += 1


def _loss_of(output: Any, named: Mapping[str, Any]) -> Any:
    if isinstance(output, Mapping):
        loss = output.get("loss")
    else:
        loss = getattr(output, "loss", None)
        if loss is None and isinstance(output, tuple) and output and named.get("labels") is not None:
            loss = output[0]
    detach = getattr(loss, "detach", None)
    return None if detach is None else detach()


def _size(args: Any, named: Mapping[str, Any]) -> tuple[int, int]:
    """Samples and tokens of a batch; no tokens where the inputs are none."""
    ids = named.get("input_ids")
    if ids is not None and getattr(ids, "ndim", 0) == 2:
        return int(ids.shape[0]), int(ids.numel())
    from guardrun.recording.meter import batch_size

    return batch_size(dict(named) or args), 0
