"""A data set's fingerprint inside a training: looked at without moving any random number generator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def fingerprint(obj: Any) -> dict[str, Any]:
    """``count``, ``sha256``, ``rule``, ``type`` and ``bytes`` of a data set, as far as they can be known.

    The rules are those of ``guardrun.provenance.data.hashing``. Never raises, never advances a random
    number generator.
    """
    from guardrun.provenance.data.hashing import fingerprint as hashed

    return hashed(obj, around=undisturbed)


@contextmanager
def undisturbed(obj: Any) -> Iterator[None]:
    """Afterwards every random generator, those that ``obj`` keeps included, is where it was before."""
    from guardrun.recording.rng import capture_rng, generators_within, restore_rng, set_back

    state, own = capture_rng(), generators_within(obj)
    try:
        yield
    finally:
        restore_rng(state)
        set_back(own)
