"""Gradients that vanish while the loss stands still; not those of a run that is done."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from signal_curves import Judged, decreasing, judge, metrics, raised

RULE = "vanishing_gradient"


def judged(norms: list[float], losses: list[float] | None = None) -> Judged:
    if losses is None:
        return judge(metrics(i, grad_norm=norm) for i, norm in enumerate(norms))
    pairs = zip(norms, losses, strict=True)
    return judge(metrics(i, grad_norm=norm, loss=loss) for i, (norm, loss) in enumerate(pairs))


def noisy(level: float, count: int, noise: float = 0.05, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [level * (1 + noise * rng.gauss(0, 1)) for _ in range(count)]


def test_norms_of_a_thousandth_beside_a_flat_loss_warn_after_fifty():
    engine = judged([*noisy(1.0, 100), *noisy(1e-4, 80)], noisy(2.3, 180))
    (signal,) = raised(engine, RULE, "warn")
    assert (signal.first_step, signal.raised_at, signal.action) == (100, 149, "warn")


def test_norms_that_are_nothing_from_the_start_warn():
    engine = judged(noisy(1e-9, 120), noisy(2.3, 120))
    assert len(raised(engine, RULE, "warn")) == 1


def test_a_loss_that_still_falls_needs_no_larger_norm():
    """Some tools log a norm of 0 for every step."""
    engine = judged([0.0] * 400, decreasing(400))
    assert not raised(engine, RULE, "warn")


def test_a_fitted_training_set_is_told_as_that():
    losses = [*decreasing(200, floor=1e-6), *noisy(1e-6, 200)]
    engine = judged([*noisy(1.0, 200), *noisy(1e-5, 200)], losses)
    assert not raised(engine, RULE, "warn")
    (signal,) = raised(engine, RULE, "info")
    assert "nothing left to learn" in signal.message


def test_without_a_loss_it_is_only_told():
    engine = judged([*noisy(1.0, 100), *noisy(1e-5, 60)])
    assert not raised(engine, RULE, "warn")
    assert len(raised(engine, RULE, "info")) == 1


def test_norms_that_come_back_clear_it():
    engine = judged([*noisy(1.0, 100), *noisy(1e-5, 60), *noisy(1.0, 20)], noisy(2.3, 180))
    assert [signal.cleared_at for signal in engine.history if signal.cleared_at] == [169]


def test_a_few_small_norms_say_nothing():
    norms = noisy(1.0, 300)
    for start in (100, 200):
        norms[start : start + 40] = [1e-9] * 40
    assert not [s for s in judged(norms, noisy(2.3, 300)).history if s.id == RULE]


@settings(max_examples=20, deadline=None)
@given(exponent=st.integers(-3, 200), seed=st.integers(0, 2**32))
def test_norms_of_any_scale_that_fall_with_the_loss_are_healthy(exponent: int, seed: int):
    scale = 2.0**exponent
    norms = [scale * norm for norm in decreasing(300, start=10.0, floor=0.1, seed=seed)]
    assert not [s for s in judged(norms, decreasing(300, seed=seed)).history if s.id == RULE]
