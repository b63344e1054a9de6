"""No prefix of a healthy run raises more than information, whatever kind of training it is."""

from __future__ import annotations

import random

import pytest

from guardrun.signals.engine import Engine, EngineSettings
from healthy_runs import KINDS

SEEDS = 6


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_healthy_run_is_never_warned_of(kind: str, seed: int):
    """The engine is asked after every point, so that this holds for every prefix, too."""
    engine = Engine(EngineSettings())
    for point in KINDS[kind](random.Random(f"{kind} {seed}")):
        told = [(s.id, s.severity, s.message) for s in engine.feed(point) if s.severity != "info"]
        assert told == [], f"at step {point.step}"
