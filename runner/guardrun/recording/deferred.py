"""Values on an accelerator, read one or two steps later so that a step never waits for them.

The values of an event are stacked into one small tensor on their device and copied into a pinned slot
without blocking; an event recorded behind the copy tells when the slot may be read. Reading it earlier
would give whatever lay in the slot before.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SLOTS = 8


class Ticket(Protocol):
    """A copy under way: whether it has arrived, and its values."""

    def ready(self) -> bool: ...

    def wait(self) -> None: ...

    def values(self) -> list[float]: ...


class Waiting(NamedTuple):
    ticket: Ticket
    names: list[str]
    deliver: Callable[[dict[str, float]], None]


class DeferredRing:
    """Delivers the values of device tensors in the order they were pushed, without blocking.

    ``copy`` starts a copy to the host and returns its ticket. At most ``slots`` copies are under way: when
    all are, the oldest is waited for, which only happens to a program that runs that many steps ahead of
    its device.
    """

    def __init__(self, copy: Callable[[Sequence[Any]], Ticket] | None = None, slots: int = SLOTS) -> None:
        self._copy = copy or start_copy
        self._slots = slots
        self.waiting: deque[Waiting] = deque()
        """Copies under way, the oldest first."""

    def push(
        self, names: list[str], tensors: Sequence[Any], deliver: Callable[[dict[str, float]], None]
    ) -> None:
        """Start to read ``tensors`` (one element each, all of one device); ``deliver`` gets them by name."""
        while len(self.waiting) >= self._slots:
            self._take(wait=True)
        self.waiting.append(Waiting(self._copy(tensors), names, deliver))

    def poll(self) -> None:
        """Deliver what has arrived. A later copy is never delivered before an earlier one."""
        while self.waiting and self.waiting[0].ticket.ready():
            self._take(wait=False)

    def flush(self) -> None:
        """Wait for everything under way and deliver it: at the end, or after an exception."""
        while self.waiting:
            self._take(wait=True)

    def _take(self, *, wait: bool) -> None:
        ticket, names, deliver = self.waiting.popleft()
        if wait:
            ticket.wait()
        deliver(dict(zip(names, ticket.values(), strict=True)))


def start_copy(tensors: Sequence[Any]) -> Ticket:
    """Begin to copy one-element tensors of one device to the host."""
    torch = sys.modules["torch"]
    device = tensors[0].device
    wide = device.type == "cuda" or device.type == "cpu"  # float64 holds every float and any step count
    kind = torch.float64 if wide else torch.float32
    stacked = torch.stack([one.detach().reshape(()).to(kind) for one in tensors])
    return _CudaTicket(torch, stacked) if device.type == "cuda" else _HeldTicket(stacked)


class _CudaTicket:
    """A copy into pinned memory, behind which an event is recorded on the current stream."""

    def __init__(self, torch: Any, stacked: Any) -> None:
        self._slot = torch.empty(stacked.shape, dtype=stacked.dtype, pin_memory=True)
        with torch.cuda.device(stacked.device):
            self._slot.copy_(stacked, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()

    def ready(self) -> bool:
        return bool(self._event.query())

    def wait(self) -> None:
        self._event.synchronize()

    def values(self) -> list[float]:
        return list(self._slot.tolist())


class _HeldTicket:
    """Other devices: the stacked values stay there and are read two polls later, when they are long done."""

    def __init__(self, stacked: Any) -> None:
        self._stacked = stacked
        self._polls = 0

    def ready(self) -> bool:
        self._polls += 1
        return self._polls > 2

    def wait(self) -> None:
        """Reading waits by itself."""

    def values(self) -> list[float]:
        return list(self._stacked.tolist())
