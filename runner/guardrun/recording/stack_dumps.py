"""This process writes the Python stacks of its threads when its supervisor asks for them by a signal."""

from __future__ import annotations

import faulthandler
import os
import signal
from typing import TYPE_CHECKING, Any

from guardrun.events.paths import RunPaths

if TYPE_CHECKING:
    from collections.abc import Iterator

_offered: tuple[int, int] | None = None
"""The signal and the descriptor that its handler writes to, for as long as this process lives."""


def offer_stacks(paths: RunPaths | None, rank: int) -> dict[str, Any]:
    """Have a real-time signal write all stacks into a file of the run; the header's field that names it.

    The handler is C code, so that it works while the interpreter waits in a collective for ever. Forked
    children, such as a DataLoader's workers, inherit it. Nothing where that can't be had, and once a process.
    """
    global _offered
    if _offered is not None or paths is None:
        return {}
    number = next(_free(), None)
    if number is None or not hasattr(faulthandler, "register"):
        return {}
    descriptor = -1
    try:
        paths.stacks.mkdir(exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(paths.raw_stacks(rank), flags, 0o600)
        faulthandler.register(number, file=descriptor, all_threads=True)
    except (OSError, RuntimeError, ValueError):
        if descriptor >= 0:
            os.close(descriptor)
        return {}
    _offered = number, descriptor
    return {"stack_signal": number}


def _free() -> Iterator[int]:
    """Real-time signals that nobody uses, from the end that libraries leave alone."""
    last, first = getattr(signal, "SIGRTMAX", None), getattr(signal, "SIGRTMIN", None)
    if last is not None and first is not None:
        yield from (n for n in range(last - 8, first + 8, -1) if signal.getsignal(n) is signal.SIG_DFL)
