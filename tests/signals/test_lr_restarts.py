"""A learning rate that starts again moves every curve: nothing is judged for a while, warm-ups excepted."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from guardrun.signals.block import Block
from guardrun.signals.lr_restarts import LrRestarts
from guardrun.signals.model import Point
from signal_curves import Judged, metrics, noisy, raised


def restarts(rates: list[float]) -> list[int]:
    watch = LrRestarts()
    return [i for i, rate in enumerate(rates) if watch.take(metrics(i, lr=rate))]


def cosine(steps: int, peak: float = 0.1) -> list[float]:
    return [peak * 0.5 * (1 + math.cos(math.pi * i / steps)) for i in range(steps)]


def test_a_warm_restart_is_seen_and_a_warm_up_is_none():
    warm_up = [0.001 * i for i in range(1, 100)]
    assert restarts([*warm_up, *cosine(200)]) == []
    assert restarts([*warm_up, *cosine(200), *cosine(200)]) == [299]


def test_a_constant_rate_a_step_decay_and_a_small_rise_are_no_restarts():
    assert restarts([0.1] * 500) == []
    assert restarts([0.1] * 100 + [0.01] * 100 + [0.001] * 100) == []
    assert restarts([0.1] * 100 + [0.08] * 100 + [0.1] * 100) == []


def test_cyclic_rates_restart_at_every_cycle():
    triangle = [*[0.01 + 0.001 * i for i in range(90)], *[0.1 - 0.001 * i for i in range(90)]]
    assert len(restarts(triangle * 4)) == 3


rates = st.lists(st.floats(0, 1) | st.sampled_from([math.nan, math.inf, -1.0, 0.1, 0.01, 0.5]), max_size=60)


@given(rates, rates)
def test_a_block_passes_only_when_no_restart_is_within_and_leaves_the_same_state(
    before: list[float], within: list[float]
):
    single, many = LrRestarts(), LrRestarts()
    for watch in (single, many):
        for i, rate in enumerate(before):
            watch.take(metrics(i, lr=rate))
    found = [single.take(Point("metrics", i, None, 0.0, {"lr": rate})) for i, rate in enumerate(within)]
    size = len(within)
    zeros = np.zeros(size)
    block = Block("metrics", np.arange(size), zeros, zeros, zeros, {"lr": np.array(within)})
    passed = many.passes(block)
    assert passed != any(found)
    if not passed:
        for i, rate in enumerate(within):
            many.take(metrics(i, lr=rate))
    probe = [0.5, 0.05, 0.3, 1.0]
    assert [single.take(metrics(0, lr=r)) for r in probe] == [many.take(metrics(0, lr=r)) for r in probe]


def test_a_loss_that_rises_with_a_restarted_rate_raises_no_alarm_while_it_settles():
    judged = Judged()
    losses = [*noisy(0.2, 300), *noisy(2.0, 40), *noisy(0.3, 260)]
    for step, (loss, rate) in enumerate(zip(losses, [*cosine(300), *cosine(300)], strict=True)):
        judged.feed(metrics(step, loss=loss, lr=rate))
    assert [s for s in judged.history if s.severity != "info"] == []
    without = Judged()
    for step, loss in enumerate(losses):
        without.feed(metrics(step, loss=loss, lr=0.1))
    assert raised(without, "loss_explosion")
