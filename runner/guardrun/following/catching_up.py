"""A follower polled until it has read everything, whatever it follows."""

from __future__ import annotations

import time
from typing import Protocol


class Polled(Protocol):
    """What reads in bounded slices."""

    @property
    def caught_up(self) -> bool:
        """Whether everything that was there has been read."""

    def poll(self, max_seconds: float = ...) -> bool:
        """Read what is new; whether anything changed."""


def catch_up(follower: Polled, max_seconds: float) -> bool:
    """Poll until everything is read; False when ``max_seconds`` were not enough."""
    deadline = time.monotonic() + max_seconds
    while True:
        follower.poll(0.25)
        if follower.caught_up or time.monotonic() >= deadline:
            return follower.caught_up
