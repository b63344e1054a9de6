"""Skipped steps and the floor of the loss scale, from every trace that a log may hold."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.signals.context import Context
from guardrun.signals.engine import EngineSettings
from guardrun.signals.model import Point
from guardrun.signals.rules.loss_scale import LossScale
from guardrun.signals.skipped_steps import SkippedSteps
from signal_curves import Judged, judge, metrics, raised

RULE = "loss_scale"


def healthy_scaler(steps: int, every: int = 60) -> list[float]:
    """Settles from 2**16 in the first steps, then doubles and overflows again and again."""
    scale, scales = 2.0**16, []
    for step in range(steps):
        if step < 6:
            scale /= 2
        elif step % every == 0:
            scale = scale * 2 if (step // every) % 2 else scale / 2
        scales.append(scale)
    return scales


def judged(scales: list[float]) -> Judged:
    return judge(metrics(i, loss_scale=scale, loss=1.0) for i, scale in enumerate(scales))


def told(engine: Judged) -> list[str]:
    return [signal.severity for signal in engine.history if signal.id == RULE]


def test_a_scaler_that_settles_and_skips_a_step_now_and_then_is_healthy():
    assert told(judged(healthy_scaler(2000))) == []


def test_sixteen_skips_at_the_start_are_the_scaler_finding_its_level():
    scales = [2.0 ** (16 - i) for i in range(15)] + [4.0] * 400
    assert told(judged(scales)) == []


def test_a_scale_that_fell_to_its_floor_and_stays_there_warns():
    engine = judged([*healthy_scaler(300), *[2.0 ** (8 - i) for i in range(9)], *[1.0] * 20])
    (signal,) = raised(engine, RULE, "warn")
    assert signal.first_step == 308
    assert signal.raised_at == 317
    assert "bfloat16" in signal.advice


def test_a_scale_that_was_always_one_is_no_scale():
    """DeepSpeed and Megatron-LM log 1.0 throughout in bfloat16."""
    assert told(judged([1.0] * 500)) == []


def test_a_scale_above_the_floor_again_clears_it():
    engine = judged([1024.0] * 150 + [1.0] * 30 + [2.0] * 30)
    assert [s.cleared_at for s in engine.history if s.id == RULE and s.cleared_at] == [189]


def test_a_fifth_of_the_steps_skipped_warns_by_deepspeeds_counter():
    """``skipped`` counts from the beginning of the run, and is logged at every tenth step."""
    counts = [6 + step // 100 for step in range(0, 1000, 10)] + [16 + 3 * i for i in range(1, 20)]
    engine = judge(metrics(10 * i, skipped_steps=float(count)) for i, count in enumerate(counts))
    (signal,) = raised(engine, RULE, "warn")
    assert 1000 < signal.raised_at <= 1100
    assert signal.evidence["share"] > 0.2


def test_a_fifth_of_the_steps_skipped_warns_by_megatrons_counter():
    """Its count is of the steps since the last line."""
    counts = [0.0, 1.0] * 20 + [30.0] * 5
    engine = judge(
        metrics(100 * i, skipped_iterations=count, loss_scale=1024.0) for i, count in enumerate(counts)
    )
    (signal,) = raised(engine, RULE, "warn")
    assert signal.raised_at == 4000


def test_overflow_marks_count_where_there_is_no_counter():
    points = [metrics(i, overflow=float(i > 200 and i % 3 == 0)) for i in range(400)]
    assert len(raised(judge(points), RULE, "warn")) == 1


def test_norms_that_are_not_finite_count_where_a_scale_is_logged():
    rule = LossScale(Context(EngineSettings()))
    for i in range(400):
        rule.update(metrics(i, loss_scale=64.0, grad_norm=math.nan if i > 200 and i % 4 == 0 else 1.0))
    finding = rule.finding()
    assert finding is not None
    assert finding.evidence["share"] == 0.25


def test_two_percent_are_normal():
    points = [metrics(i, overflow=float(i % 50 == 0)) for i in range(2000)]
    assert told(judge(points)) == []


def test_a_log_without_scales_is_none_of_its_business():
    skipped = SkippedSteps(100)
    assert not any(skipped.take(metrics(i, loss=1.0)) for i in range(200))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 300),
            st.dictionaries(
                st.sampled_from(
                    ["loss_scale", "skipped_steps", "skipped_iterations", "overflow", "grad_norm"]
                ),
                st.floats(),
            ),
        ),
        max_size=150,
    )
)
def test_no_numbers_raise_and_the_window_stays_small(rows):
    skipped = SkippedSteps(100)
    for step, values in rows:
        skipped.take(Point("metrics", step, None, 0.0, values))
        assert not skipped.share > 1.0
        assert len(skipped._seen) <= 102
