"""One piece of work at a time beside the training: a checkpoint that is being written."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Background(Generic[T]):
    """Hands work to a thread and its outcome back to whoever asks for it, in the asker's thread."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._outcome: T | BaseException | None = None

    @property
    def busy(self) -> bool:
        """Work has begun whose outcome nobody has taken."""
        return self._thread is not None

    def begin(self, work: Callable[[], T]) -> None:
        """Start ``work``; nothing else may be under way."""
        self._outcome = None
        self._thread = threading.Thread(target=self._do, args=(work,), name="guard-checkpoint", daemon=True)
        self._thread.start()

    def take(self, *, wait: bool) -> T | BaseException | None:
        """What came of the work, once: its result or its exception. None: there is none, or not yet."""
        thread = self._thread
        if thread is None or (thread.is_alive() and not wait):
            return None
        thread.join()
        self._thread = None
        return self._outcome

    def _do(self, work: Callable[[], T]) -> None:
        try:
            self._outcome = work()
        except BaseException as error:
            self._outcome = error
