"""What guard measures of every step by itself: its times, throughput, learning rate, norm and loss scale."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guardrun.recording.gradients import GradientWatch

_MEMORY_EVERY_S = 1.0
"""torch's memory counters cost some 50 microseconds a look."""


class Meter:
    """Sums up since the last event; ``measure`` adds the means a step to an event and starts again.

    step_time is from event to event, so that the steps' times add up to the time of training, the script's
    own work between two steps included.
    """

    __slots__ = (
        "_data_s", "_mark", "_memory_next", "_samples", "_tokens", "gradients", "sanity", "scaler", "steps",
    )  # fmt: skip

    def __init__(self, gradients: GradientWatch) -> None:
        self.gradients = gradients
        self.scaler: Any = None
        self.sanity: Any = None
        self.steps = 0
        """Optimizer steps since the last event, the one in progress included."""
        self._memory_next = 0.0
        self.begin()

    def begin(self) -> None:
        """Start anew: what happened since the last event (an evaluation) belongs to no step."""
        self._mark = perf_counter()
        self.steps = 0
        self._data_s = 0.0
        self._samples = self._tokens = 0

    def fetched(self, seconds: float, samples: int, tokens: int) -> None:
        """A batch came in after ``seconds`` of waiting for it."""
        self._data_s += seconds
        self._samples += samples
        self._tokens += tokens
        if self.sanity is not None:
            self.sanity.saw_batch(samples)

    def measure(self, event: dict[str, Any]) -> list[tuple[str, Any]]:
        """Add step_time and data_time (s), samples_per_s and tokens_per_s, and what memory is taken.

        Returns lr, grad_norm and loss_scale, which may be tensors, or not finite.
        """
        now = perf_counter()
        elapsed, steps = now - self._mark, self.steps or 1
        put = event.setdefault  # the script's own number is the one it wants to see
        put("step_time", elapsed / steps)
        put("data_time", self._data_s / steps)
        if elapsed > 0.0:
            if self._samples:
                put("samples_per_s", self._samples / elapsed)
            if self._tokens:
                put("tokens_per_s", self._tokens / elapsed)
        self._mark, self.steps = now, 0
        self._data_s = 0.0
        self._samples = self._tokens = 0
        if now >= self._memory_next:
            self._memory_next = now + _MEMORY_EVERY_S
            for name, value in _gpu_memory():
                put(name, value)
        return self._of_the_optimizer()

    def measure_plain(self, event: dict[str, Any]) -> list[tuple[str, Any]]:
        """In a loop of the script's own: the time between two steps, and what the optimizer tells."""
        now = perf_counter()
        if self.steps:
            event.setdefault("step_time", (now - self._mark) / self.steps)
        self._mark, self.steps = now, 0
        return self._of_the_optimizer()

    def measure_norm(self, event: dict[str, Any]) -> list[tuple[str, Any]]:
        """The norm of a step whose event was written before the optimizer's step."""
        return [("grad_norm", self.gradients.take())]

    def _of_the_optimizer(self) -> list[tuple[str, Any]]:
        found = [("lr", self.gradients.learning_rate()), ("grad_norm", self.gradients.take())]
        if self.scaler is not None:
            # get_scale() would wait for the device; the tensor behind it is read later like any other.
            found.append(("loss_scale", getattr(self.scaler, "_scale", None)))
        return found


def _gpu_memory() -> list[tuple[str, int]]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return []
    return [
        ("gpu/memory_allocated_bytes", torch.cuda.memory_allocated()),
        ("gpu/memory_reserved_bytes", torch.cuda.memory_reserved()),
    ]


def batch_size(batch: Any) -> int:
    """The first dimension of the first tensor or array in a batch; 0 when there is none. Never raises."""
    try:
        if type(batch) in (tuple, list) and batch:  # as nearly every loader gives them
            shape = getattr(batch[0], "shape", None)
            if shape and shape[0]:
                return int(shape[0])
        return _first_dimension(batch, 0)
    except Exception:  # a batch of the script's own kind may do anything when it is looked at
        return 0


def _first_dimension(batch: Any, depth: int) -> int:
    shape = getattr(batch, "shape", None)
    if shape is not None:
        try:
            return int(shape[0])
        except (IndexError, TypeError, ValueError):
            return 0
    if depth > 4:
        return 0
    if isinstance(batch, dict) or hasattr(batch, "values"):
        try:
            batch = list(batch.values())
        except TypeError:
            return 0
    if isinstance(batch, list | tuple):
        for part in batch:
            found = _first_dimension(part, depth + 1)
            if found:
                return found
    return 0
